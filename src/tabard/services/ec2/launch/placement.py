"""Which host runs a new instance, and which address it gets."""

from collections.abc import Iterator
from datetime import timedelta

from tabard.access.authorize import Permit
from tabard.model.host import Host
from tabard.model.instance import InstanceState
from tabard.services.ec2.errors import (
    InsufficientFreeAddressesInSubnet,
    InsufficientInstanceCapacity,
    InvalidHostIdNotFound,
    InvalidParameterValue,
    LaunchRefused,
)
from tabard.services.ec2.launch.request import Placement
from tabard.services.ec2.network.default_vpc import DefaultVpc, private_ip_address
from tabard.store.ports import Transaction

PROCESS_DRIVER_REFUSED = "process_driver_refused"
"""The installation's fact of this name says why its own host launches no processes; empty where it does."""

LOCAL_HOST_ID = "local_host_id"
"""The installation's fact of this name says which host takes instances that name none: `tabard up`'s own.

INVARIANT: whoever may register a host gets no instance of others by it; a host runs only what names it.
"""

SILENT_AFTER = timedelta(minutes=3)
"""A host that has not reported for so long does not vouch for its instances."""


def choose_host(permit: Permit, placement: Placement, vpc: DefaultVpc, tx: Transaction) -> Host:
    """The host that is asked for, else the installation's own.

    Raises:
        InvalidParameterValue: another Availability Zone than the region's. InvalidHostId.NotFound (400): no
        such host, an enrolled one, or an ephemeral one that somebody else registered.
        InsufficientInstanceCapacity (500): the installation's own host is in another region, or gone.
        LaunchRefused (400): its hosts are not to run what a caller from another machine sends.
    Differs: `Placement.HostId` is the id of a host of Tabard's, not of a Dedicated Host.
    """
    if placement.availability_zone not in (None, "", vpc.availability_zone):
        raise InvalidParameterValue(
            reason=f"Invalid availability zone: [{placement.availability_zone}]. "
            f"This region has {vpc.availability_zone} alone."
        )
    if placement.host_id:
        host = tx.hosts.get(placement.host_id)
        if host is None or host.region != permit.region or not _is_open_to(permit, host):
            raise InvalidHostIdNotFound(host_id=placement.host_id, region=permit.region)
        guard_process_driver(host, tx)
        return host
    local = tx.hosts.get(tx.installation.get(LOCAL_HOST_ID) or "")
    if local is None or local.region != permit.region:
        raise InsufficientInstanceCapacity(
            reason=f"There is no host in {permit.region} which takes instances that name none. Ask in the "
            "region of `tabard up`, or name a host of yours by Placement.HostId."
        )
    guard_process_driver(local, tx)
    return local


def _is_open_to(permit: Permit, host: Host) -> bool:
    """INVARIANT: a command under `tabard run` runs under the role that its own user chose, and no other.

    A machine that enrolled itself runs nothing that is sent to it, and is the one instance on it.
    """
    return not host.is_enrolled and (not host.ephemeral or host.registered_by == permit.caller.owner_id)


def guard_process_driver(host: Host, tx: Transaction) -> None:
    """Insist on a host that may run what is sent to it. Raises LaunchRefused.

    An ephemeral host runs one command that its own user gave, and never what a launch sends; an enrolled
    machine runs nothing.
    """
    reason = tx.installation.get(PROCESS_DRIVER_REFUSED)
    if reason and not host.ephemeral and not host.is_enrolled:
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
