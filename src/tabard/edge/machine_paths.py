"""The network path of relayed requests: TLS proves the enrolled machine, and the store has its address.

INVARIANT: the machine itself supplies no part of the path. Its certificate names the host, the host has one
instance, and the path is that instance's VPC and address. So no machine can claim the path of another.
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
    """The source of the newest snapshot."""

    async def newest(self) -> Snapshot:
        """Return the newest snapshot. Raises ServiceUnavailable if it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPath:
    """The verified network path of one request. `is_last`: the connection ends with its answer."""

    path: NetworkPath | None
    is_last: bool = False


_NOTHING = VerifiedPath(path=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePaths:
    """Verifies the network paths of connections that enrolled machines relay to the edge."""

    snapshots: Snapshots = field(repr=False)
    clock: Clock

    async def of(self, certificate: ClientCertificate | None) -> "MachinePath":
        """Begin a connection. It never has a path if its key is not a host's key now."""
        try:
            is_a_hosts = self._is_a_hosts(certificate, await self.snapshots.newest())
        except ServiceUnavailable:
            is_a_hosts = False
        return MachinePath(self, certificate if is_a_hosts else None)

    async def look(self, certificate: ClientCertificate) -> VerifiedPath:
        """Verify the path of one request, on a connection that began with the host's key."""
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
        # A new host key fails no request of an application; connections with the former key end after one
        # answer.
        return VerifiedPath(path=path, is_last=not self._is_a_hosts(certificate, snapshot))

    def _is_a_hosts(self, certificate: ClientCertificate | None, snapshot: Snapshot) -> bool:
        try:
            authenticate_host(certificate, snapshot=snapshot, now=self.clock.now())
        except (NotAuthenticated, HostRemoved):
            return False
        return True


class MachinePath:
    """The path of one connection, verified for each request, so that a removed host loses it at once."""

    __slots__ = ("_certificate", "_paths")

    def __init__(self, paths: MachinePaths, certificate: ClientCertificate | None) -> None:
        self._paths = paths
        self._certificate = certificate

    async def look(self) -> VerifiedPath:
        """Verify the path of the next request."""
        return _NOTHING if self._certificate is None else await self._paths.look(self._certificate)
