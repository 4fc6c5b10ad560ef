"""The network path of what an enrolled machine relays: TLS proves the machine, the store says where it is.

INVARIANT: nothing of a path is taken from the machine itself. Its certificate names the host, the host has
one instance, and that instance's VPC and address are the path; so no machine can speak for another's.
"""

from dataclasses import dataclass, field
from typing import Protocol

from tabard.access.machine_callers import HostRemoved, authenticate_host
from tabard.access.refusals import NotAuthenticated
from tabard.clock import Clock
from tabard.errors import ServiceUnavailable
from tabard.model.client_certificate import ClientCertificate
from tabard.model.network_path import NetworkPath
from tabard.services.ec2.network.default_vpc import default_vpc
from tabard.store.snapshot import Snapshot


class Snapshots(Protocol):
    """Where the newest snapshot comes from."""

    async def newest(self) -> Snapshot:
        """The newest snapshot. Raises ServiceUnavailable where it cannot be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What is vouched for of one request; `is_last`: its connection is to end with the answer."""

    path: NetworkPath | None
    is_last: bool = False


_NOTHING = Vouched(path=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePaths:
    """Vouches for connections that enrolled machines lead to the edge."""

    snapshots: Snapshots = field(repr=False)
    clock: Clock

    async def of(self, certificate: ClientCertificate | None) -> "MachinePath":
        """For a new connection: nothing is ever vouched for of one whose key is not a host's at this time."""
        try:
            is_a_hosts = self._is_a_hosts(certificate, await self.snapshots.newest())
        except ServiceUnavailable:
            is_a_hosts = False
        return MachinePath(self, certificate if is_a_hosts else None)

    async def look(self, certificate: ClientCertificate) -> Vouched:
        """For one request of a connection whose key was the host's when it was made."""
        try:
            snapshot = await self.snapshots.newest()
        except ServiceUnavailable:
            return _NOTHING
        host = snapshot.hosts.get(certificate.host_id)
        if host is None or certificate.not_after <= self.clock.now():
            return _NOTHING
        instances = snapshot.instances_on_host(host.host_id)
        if len(instances) != 1 or not host.is_enrolled:
            return _NOTHING
        instance = instances[0]
        vpc = default_vpc(account_id=instance.owner_account_id, region=instance.region)
        path = NetworkPath(vpc_id=vpc.vpc_id, private_ip_address=instance.private_ip_address)
        # A host that changes its key fails no request of its applications, and keeps no connection of before.
        return Vouched(path=path, is_last=not self._is_a_hosts(certificate, snapshot))

    def _is_a_hosts(self, certificate: ClientCertificate | None, snapshot: Snapshot) -> bool:
        try:
            authenticate_host(certificate, snapshot=snapshot, now=self.clock.now())
        except (NotAuthenticated, HostRemoved):
            return False
        return True


class MachinePath:
    """One connection's; asked for each request, so that a host's removal is seen at once."""

    __slots__ = ("_certificate", "_paths")

    def __init__(self, paths: MachinePaths, certificate: ClientCertificate | None) -> None:
        self._paths = paths
        self._certificate = certificate

    async def look(self) -> Vouched:
        """What is vouched for of a request that comes now."""
        return _NOTHING if self._certificate is None else await self._paths.look(self._certificate)
