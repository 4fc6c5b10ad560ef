"""The Describe operations of the default VPC, its subnet and its security group."""

from collections.abc import Sequence

from tabard.access.authorize import Permit
from tabard.model.instance import InstanceState
from tabard.names import Place
from tabard.services.ec2.arns import ec2_arn
from tabard.services.ec2.context import on_everything
from tabard.services.ec2.errors import (
    DryRunOperation,
    InvalidGroupNotFound,
    InvalidSubnetIDNotFound,
    InvalidVpcIDNotFound,
)
from tabard.services.ec2.filters import Filter, Selectors, keep
from tabard.services.ec2.network.default_vpc import (
    SUBNET_CIDR,
    USABLE_ADDRESSES,
    VPC_CIDR,
    DefaultVpc,
    default_vpc,
)
from tabard.services.ec2.pages import page
from tabard.services.operation import Operation, Output, Read, Request
from tabard.store.snapshot import Snapshot


class DescribeVpcsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html"""

    vpc_ids: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    max_results: int | None = None
    next_token: str | None = None
    dry_run: bool = False


class DescribeSubnetsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html"""

    subnet_ids: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    max_results: int | None = None
    next_token: str | None = None
    dry_run: bool = False


class DescribeSecurityGroupsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html"""

    group_ids: tuple[str, ...] = ()
    group_names: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    max_results: int | None = None
    next_token: str | None = None
    dry_run: bool = False


def describe_vpcs(permit: Permit, request: DescribeVpcsRequest, _: Snapshot) -> Output:
    """Describe the account's only VPC in the region.

    Raises:
        InvalidVpcID.NotFound, InvalidParameterValue (an unknown filter), InvalidNextToken (400 each),
        DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html
    """
    if request.dry_run:
        raise DryRunOperation
    vpc = _vpc(permit)
    for vpc_id in request.vpc_ids:
        if vpc_id != vpc.vpc_id:
            raise InvalidVpcIDNotFound(vpc_id=vpc_id)
    view = {
        "VpcId": vpc.vpc_id,
        "State": "available",
        "CidrBlock": str(VPC_CIDR),
        "DhcpOptionsId": "default",
        "InstanceTenancy": "default",
        "IsDefault": True,
        "OwnerId": permit.account_id,
        "Tags": [],
    }
    selectors: Selectors[DefaultVpc] = {
        "cidr": lambda _: (str(VPC_CIDR),),
        "dhcp-options-id": lambda _: ("default",),
        "is-default": lambda _: ("true",),
        "isDefault": lambda _: ("true",),
        "owner-id": lambda _: (permit.account_id,),
        "state": lambda _: ("available",),
        "vpc-id": lambda it: (it.vpc_id,),
    }
    return _answer("Vpcs", request, vpc, selectors, view)


def describe_subnets(permit: Permit, request: DescribeSubnetsRequest, snapshot: Snapshot) -> Output:
    """Describe the only subnet of the default VPC.

    Raises:
        InvalidSubnetID.NotFound, InvalidParameterValue (an unknown filter), InvalidNextToken (400 each),
        DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html
    """
    if request.dry_run:
        raise DryRunOperation
    vpc = _vpc(permit)
    for subnet_id in request.subnet_ids:
        if subnet_id != vpc.subnet_id:
            raise InvalidSubnetIDNotFound(subnet_id=subnet_id)
    taken = sum(it.state is not InstanceState.TERMINATED for it in snapshot.instances.values())
    arn = ec2_arn(permit, f"subnet/{vpc.subnet_id}")
    view = {
        "SubnetId": vpc.subnet_id,
        "SubnetArn": arn,
        "VpcId": vpc.vpc_id,
        "State": "available",
        "CidrBlock": str(SUBNET_CIDR),
        "AvailableIpAddressCount": USABLE_ADDRESSES - taken,
        "AvailabilityZone": vpc.availability_zone,
        "AvailabilityZoneId": vpc.availability_zone_id,
        "DefaultForAz": True,
        "MapPublicIpOnLaunch": False,
        "AssignIpv6AddressOnCreation": False,
        "OwnerId": permit.account_id,
        "Tags": [],
    }
    selectors: Selectors[DefaultVpc] = {
        **dict.fromkeys(("availability-zone", "availabilityZone"), lambda it: (it.availability_zone,)),
        **dict.fromkeys(
            ("availability-zone-id", "availabilityZoneId"), lambda it: (it.availability_zone_id,)
        ),
        **dict.fromkeys(("cidr-block", "cidr", "cidrBlock"), lambda _: (str(SUBNET_CIDR),)),
        **dict.fromkeys(("default-for-az", "defaultForAz"), lambda _: ("true",)),
        "map-public-ip-on-launch": lambda _: ("false",),
        "owner-id": lambda _: (permit.account_id,),
        "state": lambda _: ("available",),
        "subnet-arn": lambda _: (arn,),
        "subnet-id": lambda it: (it.subnet_id,),
        "vpc-id": lambda it: (it.vpc_id,),
    }
    return _answer("Subnets", request, vpc, selectors, view)


def describe_security_groups(permit: Permit, request: DescribeSecurityGroupsRequest, _: Snapshot) -> Output:
    """Describe the only security group of the default VPC. It has no rules and filters nothing.

    Raises:
        InvalidGroup.NotFound, InvalidParameterValue (an unknown filter), InvalidNextToken (400 each),
        DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html
    """
    if request.dry_run:
        raise DryRunOperation
    vpc = _vpc(permit)
    _guard_known(request.group_ids, vpc.security_group_id)
    _guard_known(request.group_names, vpc.security_group_name)
    description = "default VPC security group"
    view = {
        "GroupId": vpc.security_group_id,
        "GroupName": vpc.security_group_name,
        "Description": description,
        "SecurityGroupArn": ec2_arn(permit, f"security-group/{vpc.security_group_id}"),
        "OwnerId": permit.account_id,
        "VpcId": vpc.vpc_id,
        "IpPermissions": [],
        "IpPermissionsEgress": [],
        "Tags": [],
    }
    selectors: Selectors[DefaultVpc] = {
        "description": lambda _: (description,),
        "group-id": lambda it: (it.security_group_id,),
        "group-name": lambda it: (it.security_group_name,),
        "owner-id": lambda _: (permit.account_id,),
        "vpc-id": lambda it: (it.vpc_id,),
    }
    return _answer("SecurityGroups", request, vpc, selectors, view)


def _vpc(place: Place) -> DefaultVpc:
    return default_vpc(account_id=place.account_id, region=place.region)


def _guard_known(groups: Sequence[str], known: str) -> None:
    for group in groups:
        if group != known:
            raise InvalidGroupNotFound(group=group)


def _answer(
    member: str,
    request: DescribeVpcsRequest | DescribeSubnetsRequest | DescribeSecurityGroupsRequest,
    vpc: DefaultVpc,
    selectors: Selectors[DefaultVpc],
    view: Output,
) -> Output:
    """Return the view if the filters match; it has no tags."""
    found, _ = page(
        keep([vpc], request.filters, selectors, tags=lambda _: ()),
        key=lambda it: (it.vpc_id,),
        max_results=request.max_results,
        next_token=request.next_token,
    )
    return {member: [view] * len(found)}


OPERATIONS: tuple[Operation, ...] = (
    Read(DescribeVpcsRequest, on_everything("ec2:DescribeVpcs"), describe_vpcs),
    Read(DescribeSubnetsRequest, on_everything("ec2:DescribeSubnets"), describe_subnets),
    Read(
        DescribeSecurityGroupsRequest, on_everything("ec2:DescribeSecurityGroups"), describe_security_groups
    ),
)
