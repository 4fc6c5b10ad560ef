"""Regions and their only Availability Zone."""

from tabard.access.authorize import Permit
from tabard.services.ec2.context import on_everything
from tabard.services.ec2.errors import DryRunOperation, InvalidParameterValue
from tabard.services.ec2.filters import Filter, Selectors, keep
from tabard.services.ec2.network.default_vpc import DefaultVpc, default_vpc
from tabard.services.operation import Operation, Output, Read, Request
from tabard.store.snapshot import Snapshot
from tabard.wire.regions import regions_of

_OPT_IN = "opt-in-not-required"


class DescribeAvailabilityZonesRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAvailabilityZones.html"""

    zone_names: tuple[str, ...] = ()
    zone_ids: tuple[str, ...] = ()
    all_availability_zones: bool = False
    filters: tuple[Filter, ...] = ()
    dry_run: bool = False


class DescribeRegionsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html"""

    region_names: tuple[str, ...] = ()
    all_regions: bool = False
    filters: tuple[Filter, ...] = ()
    dry_run: bool = False


def describe_availability_zones(
    permit: Permit, request: DescribeAvailabilityZonesRequest, _: Snapshot
) -> Output:
    """Describe the only Availability Zone of the region.

    Raises:
        InvalidParameterValue: no such zone; an unknown filter (400). DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAvailabilityZones.html
    """
    if request.dry_run:
        raise DryRunOperation
    zone = default_vpc(account_id=permit.account_id, region=permit.region)
    for named, known in (
        (request.zone_names, zone.availability_zone),
        (request.zone_ids, zone.availability_zone_id),
    ):
        for name in named:
            if name != known:
                raise InvalidParameterValue(reason=f"Invalid availability zone: [{name}]")
    view = {
        "ZoneName": zone.availability_zone,
        "ZoneId": zone.availability_zone_id,
        "ZoneType": "availability-zone",
        "RegionName": permit.region,
        "GroupName": permit.region,
        "NetworkBorderGroup": permit.region,
        "State": "available",
        "OptInStatus": _OPT_IN,
        "Messages": [],
    }
    selectors: Selectors[DefaultVpc] = {
        "group-name": lambda _: (permit.region,),
        "message": lambda _: (),
        "opt-in-status": lambda _: (_OPT_IN,),
        "parent-zone-id": lambda _: (),
        "parent-zone-name": lambda _: (),
        "region-name": lambda _: (permit.region,),
        "state": lambda _: ("available",),
        "zone-id": lambda it: (it.availability_zone_id,),
        "zone-name": lambda it: (it.availability_zone,),
        "zone-type": lambda _: ("availability-zone",),
    }
    return {"AvailabilityZones": [view for _ in keep([zone], request.filters, selectors)]}


def describe_regions(permit: Permit, request: DescribeRegionsRequest, _: Snapshot) -> Output:
    """Describe AWS's regions of the partition, and the request's region.

    Raises:
        InvalidParameterValue: no such region; an unknown filter (400). DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
    Differs: every region is enabled, and all use the same endpoint: the answer names none.
    """
    if request.dry_run:
        raise DryRunOperation
    known = sorted({*regions_of(permit.partition), permit.region})
    for name in request.region_names:
        if name not in known:
            raise InvalidParameterValue(reason=f"Invalid region names: [{name}]")
    selectors: Selectors[str] = {
        "endpoint": lambda _: (),
        "opt-in-status": lambda _: (_OPT_IN,),
        "region-name": lambda it: (it,),
    }
    wanted = [name for name in known if not request.region_names or name in request.region_names]
    regions = keep(wanted, request.filters, selectors)
    return {"Regions": [{"RegionName": name, "OptInStatus": _OPT_IN} for name in regions]}


OPERATIONS: tuple[Operation, ...] = (
    Read(
        DescribeAvailabilityZonesRequest,
        on_everything("ec2:DescribeAvailabilityZones"),
        describe_availability_zones,
    ),
    Read(DescribeRegionsRequest, on_everything("ec2:DescribeRegions"), describe_regions),
)
