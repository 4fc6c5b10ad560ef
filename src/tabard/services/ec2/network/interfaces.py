"""Network interfaces: each instance has one in the default VPC, nominal like the VPC itself."""

from collections.abc import Mapping

from tabard.access.authorize import Permit
from tabard.model.instance import Instance, InstanceState
from tabard.services.ec2.context import on_everything
from tabard.services.ec2.errors import DryRunOperation, InvalidNetworkInterfaceIDNotFound
from tabard.services.ec2.filters import Filter, Selectors, keep
from tabard.services.ec2.network.default_vpc import network_interface_id, vpc_of
from tabard.services.ec2.pages import page
from tabard.services.operation import Operation, Output, Read, Request
from tabard.store.snapshot import Snapshot


class DescribeNetworkInterfacesRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html"""

    network_interface_ids: tuple[str, ...] = ()
    include_managed_resources: bool = False
    filters: tuple[Filter, ...] = ()
    max_results: int | None = None
    next_token: str | None = None
    dry_run: bool = False


def describe_network_interfaces(
    permit: Permit, request: DescribeNetworkInterfacesRequest, snapshot: Snapshot
) -> Output:
    """Describe the network interface of each instance of the region that is not terminated.

    Raises:
        InvalidNetworkInterfaceID.NotFound, InvalidParameterValue (an unknown filter), InvalidNextToken
        (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html
    """
    if request.dry_run:
        raise DryRunOperation
    here = {
        network_interface_id(each.instance_id): each
        for each in snapshot.instances.values()
        if each.region == permit.region and each.state is not InstanceState.TERMINATED
    }
    for wanted_id in request.network_interface_ids:
        if wanted_id not in here:
            raise InvalidNetworkInterfaceIDNotFound(network_interface_id=wanted_id)
    wanted = {here[each]: None for each in request.network_interface_ids} or dict.fromkeys(here.values())
    instances, next_token = page(
        keep(wanted, request.filters, INTERFACE_SELECTORS, tags=lambda _: ()),
        key=lambda it: (network_interface_id(it.instance_id),),
        max_results=request.max_results,
        next_token=request.next_token,
    )
    answer: dict[str, object] = {"NetworkInterfaces": [_view(each) for each in instances]}
    if next_token is not None:
        answer["NextToken"] = next_token
    return answer


def instance_network_interface(instance: Instance) -> Output:
    """Return an instance's network interface for DescribeInstances, with the values of its metadata.

    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceNetworkInterface.html
    """
    return {**_shared(instance), "Attachment": _attachment(instance)}


def _view(instance: Instance) -> Output:
    vpc = vpc_of(instance)
    owned_by = {"InstanceId": instance.instance_id, "InstanceOwnerId": instance.owner_account_id}
    return {
        **_shared(instance),
        "Attachment": {**_attachment(instance), **owned_by},
        "AvailabilityZone": vpc.availability_zone,
        "AvailabilityZoneId": vpc.availability_zone_id,
        "RequesterManaged": False,
        "TagSet": [],
    }


def _shared(instance: Instance) -> Mapping[str, object]:
    vpc = vpc_of(instance)
    address = {
        "Primary": True,
        "PrivateIpAddress": instance.private_ip_address,
        "PrivateDnsName": instance.private_dns_name,
    }
    return {
        "NetworkInterfaceId": network_interface_id(instance.instance_id),
        "MacAddress": instance.mac_address,
        "PrivateIpAddress": instance.private_ip_address,
        "PrivateDnsName": instance.private_dns_name,
        "PrivateIpAddresses": [address],
        "Ipv6Addresses": [],
        "SubnetId": vpc.subnet_id,
        "VpcId": vpc.vpc_id,
        "OwnerId": instance.owner_account_id,
        "Groups": [{"GroupId": vpc.security_group_id, "GroupName": vpc.security_group_name}],
        "Description": "",
        "InterfaceType": "interface",
        "SourceDestCheck": True,
        "Status": "in-use",
    }


def _attachment(instance: Instance) -> Mapping[str, object]:
    return {
        "AttachmentId": _attachment_id(instance),
        "AttachTime": instance.launched_at,
        "DeleteOnTermination": True,
        "DeviceIndex": 0,
        "NetworkCardIndex": 0,
        "Status": "attached",
    }


def _attachment_id(instance: Instance) -> str:
    return network_interface_id(instance.instance_id).replace("eni-", "eni-attach-")


INTERFACE_SELECTORS: Selectors[Instance] = {
    "addresses.primary": lambda _: ("true",),
    "addresses.private-ip-address": lambda it: (it.private_ip_address,),
    "association.public-ip": lambda _: (),
    "attachment.attachment-id": lambda it: (_attachment_id(it),),
    "attachment.delete-on-termination": lambda _: ("true",),
    "attachment.device-index": lambda _: ("0",),
    "attachment.instance-id": lambda it: (it.instance_id,),
    "attachment.instance-owner-id": lambda it: (it.owner_account_id,),
    "attachment.network-card-index": lambda _: ("0",),
    "attachment.status": lambda _: ("attached",),
    "availability-zone": lambda it: (it.availability_zone,),
    "description": lambda _: ("",),
    "group-id": lambda it: (vpc_of(it).security_group_id,),
    "group-name": lambda it: (vpc_of(it).security_group_name,),
    "interface-type": lambda _: ("interface",),
    "ipv6-addresses.ipv6-address": lambda _: (),
    "mac-address": lambda it: (it.mac_address,),
    "network-interface-id": lambda it: (network_interface_id(it.instance_id),),
    "owner-id": lambda it: (it.owner_account_id,),
    "private-dns-name": lambda it: (it.private_dns_name,),
    "private-ip-address": lambda it: (it.private_ip_address,),
    "requester-id": lambda _: (),
    "requester-managed": lambda _: ("false",),
    "source-dest-check": lambda _: ("true",),
    "status": lambda _: ("in-use",),
    "subnet-id": lambda it: (vpc_of(it).subnet_id,),
    "vpc-id": lambda it: (vpc_of(it).vpc_id,),
}
"""The values that filters of network interfaces compare, from the interface's instance."""


OPERATIONS: tuple[Operation, ...] = (
    Read(
        DescribeNetworkInterfacesRequest,
        on_everything("ec2:DescribeNetworkInterfaces"),
        describe_network_interfaces,
    ),
)
