"""Which host runs a new instance, and which address it gets."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tabard.access.authorize import Permit
from tabard.model.host import Host
from tabard.model.instance import InstanceState
from tabard.services.ec2.default_vpc import DefaultVpc, private_ip_address
from tabard.services.ec2.errors import (
    InsufficientFreeAddressesInSubnet,
    InsufficientInstanceCapacity,
    InvalidHostIdNotFound,
    InvalidParameterValue,
    LaunchRefused,
)
from tabard.services.ec2.launch_request import Placement
from tabard.store.ports import Transaction

PROCESS_DRIVER_REFUSED = "process_driver_refused"
"""The installation's fact of this name says why its own host launches no processes; empty where it does."""

LOCAL_HOST_ID = "local_host_id"
"""The installation's fact of this name says which host takes instances that name none: `tabard up`'s own.

INVARIANT: whoever may register a host gets no instance of others by it; a host runs only what names it.
"""

SILENT_AFTER = timedelta(minutes=3)
"""A host that has not reported for so long is chosen only where there is no other."""


def choose_host(permit: Permit, placement: Placement, vpc: DefaultVpc, tx: Transaction) -> Host:
    """The host that is asked for, else the installation's own.

    Raises:
        InvalidParameterValue: another Availability Zone than the region's. InvalidHostId.NotFound (400).
        InsufficientInstanceCapacity (500): the region has no host. LaunchRefused (400): its hosts are not to
        run what a caller from another machine sends.
    Differs: `Placement.HostId` is the id of a host of Tabard's, not of a Dedicated Host.
    """
    if placement.availability_zone not in (None, "", vpc.availability_zone):
        raise InvalidParameterValue(
            reason=f"Invalid availability zone: [{placement.availability_zone}]. "
            f"This region has {vpc.availability_zone} alone."
        )
    if placement.host_id:
        host = tx.hosts.get(placement.host_id)
        if host is None or host.region != permit.region:
            raise InvalidHostIdNotFound(host_id=placement.host_id, region=permit.region)
        _guard_process_driver(host, tx)
        return host
    local = tx.installation.get(LOCAL_HOST_ID)
    candidates = [
        host
        for host in tx.hosts.all()
        if host.region == permit.region and not host.ephemeral and local in (None, host.host_id)
    ]
    if not candidates:
        raise InsufficientInstanceCapacity(
            reason=f"There is no host in {permit.region} that could run the instance. Start one there "
            "(`tabard up` is one, in its own region), or ask in a region that has one."
        )
    chosen = min(candidates, key=lambda host: (_is_silent(host, permit.now), _load(tx, host), host.host_id))
    _guard_process_driver(chosen, tx)
    return chosen


def _guard_process_driver(host: Host, tx: Transaction) -> None:
    """An ephemeral host runs one command that its own user gave, and never what a launch sends."""
    reason = tx.installation.get(PROCESS_DRIVER_REFUSED)
    if reason and not host.ephemeral:
        raise LaunchRefused(reason=reason)


def free_addresses(instance_ids: list[str], vpc: DefaultVpc, tx: Transaction) -> Iterator[str]:
    """A private address for each new instance, none of them in use.

    Raises:
        InsufficientFreeAddressesInSubnet (400).
    """
    taken = {
        instance.private_ip_address
        for host in tx.hosts.all()
        for instance in tx.instances.on_host(host.host_id)
        if instance.state is not InstanceState.TERMINATED
    }
    for instance_id in instance_ids:
        address = private_ip_address(instance_id, taken)
        if address is None:
            raise InsufficientFreeAddressesInSubnet(subnet_id=vpc.subnet_id)
        taken.add(address)
        yield address


def _is_silent(host: Host, now: datetime) -> bool:
    return now - host.last_seen_at > SILENT_AFTER


def _load(tx: Transaction, host: Host) -> int:
    alive = (InstanceState.PENDING, InstanceState.RUNNING)
    return sum(instance.state in alive for instance in tx.instances.on_host(host.host_id))
