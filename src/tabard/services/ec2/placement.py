"""Placement of a new instance: its host and its address."""

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
from tabard.services.ec2.launch_request import Placement
from tabard.services.ec2.network.default_vpc import DefaultVpc, private_ip_address
from tabard.store.ports import Transaction

PROCESS_DRIVER_REFUSED = "process_driver_refused"
"""The installation setting with the reason why its own host launches no processes; empty if it does."""

LOCAL_HOST_ID = "local_host_id"
"""The installation setting with the host for instances that name none: the host of `tabard up`.

INVARIANT: a principal that registers a host gets no instances of others: a host runs only those that name it.
"""

SILENT_AFTER = timedelta(minutes=3)
"""After this silence of a host, the state of its instances is unknown."""


def choose_host(permit: Permit, placement: Placement, vpc: DefaultVpc, tx: Transaction) -> Host:
    """Return the requested host, or else the installation's own.

    Raises:
        InvalidParameterValue: another Availability Zone than the region's. InvalidHostId.NotFound (400): no
        such host, an enrolled one, or an ephemeral one that somebody else registered.
        InsufficientInstanceCapacity (500): the installation's own host is in another region, or gone.
        LaunchRefused (400): its hosts do not run programs of callers on other machines.
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
    """INVARIANT: a command under `tabard run` runs only under the role that its own user chose.

    A machine that enrolled itself runs no launched instances: it is the only instance on its host.
    """
    return not host.is_enrolled and (not host.ephemeral or host.registered_by == permit.caller.owner_id)


def guard_process_driver(host: Host, tx: Transaction) -> None:
    """Refuse a host that may not run launched programs. Raises LaunchRefused.

    An ephemeral host runs one command of its own user, never the program of a launch. An enrolled machine
    runs none.
    """
    reason = tx.installation.get(PROCESS_DRIVER_REFUSED)
    if reason and not host.ephemeral and not host.is_enrolled:
        raise LaunchRefused(reason=reason)


def free_addresses(instance_ids: list[str], vpc: DefaultVpc, tx: Transaction) -> Iterator[str]:
    """Yield a free private address for each new instance.

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
