"""Volumes: there are none, because instances have no disks of their own."""

from tabard.access.authorize import Permit
from tabard.services.ec2.context import on_everything
from tabard.services.ec2.errors import DryRunOperation, InvalidVolumeNotFound
from tabard.services.ec2.filters import Filter
from tabard.services.operation import Operation, Output, Read, Request
from tabard.store.snapshot import Snapshot


class DescribeVolumesRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html"""

    volume_ids: tuple[str, ...] = ()
    include_managed_resources: bool = False
    filters: tuple[Filter, ...] = ()
    max_results: int | None = None
    next_token: str | None = None
    dry_run: bool = False


def describe_volumes(_permit: Permit, request: DescribeVolumesRequest, _: Snapshot) -> Output:
    """Describe no volumes.

    Raises:
        InvalidVolume.NotFound (400), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html
    Differs: there are no volumes, so that no filter matches.
    """
    if request.dry_run:
        raise DryRunOperation
    for volume_id in request.volume_ids:
        raise InvalidVolumeNotFound(volume_id=volume_id)
    return {"Volumes": []}


OPERATIONS: tuple[Operation, ...] = (
    Read(DescribeVolumesRequest, on_everything("ec2:DescribeVolumes"), describe_volumes),
)
