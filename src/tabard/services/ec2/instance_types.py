"""Instance types: AWS's own list. The type of an instance is stored and shown, but has no effect."""

from collections.abc import Sequence
from functools import cache

from botocore.model import StringShape

from tabard.access.authorize import Permit
from tabard.services.ec2.context import on_everything
from tabard.services.ec2.errors import DryRunOperation, InvalidInstanceType, InvalidParameterValue
from tabard.services.ec2.filters import Filter, Selectors, keep
from tabard.services.ec2.pages import page
from tabard.services.operation import Operation, Output, Read, Request
from tabard.store.snapshot import Snapshot
from tabard.wire.service_model import service_model

_BURSTABLE_FAMILIES = frozenset(("t1", "t2", "t3", "t3a", "t4g"))
"""AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances.html"""

UNLIMITED = "unlimited"
"""The CPU credits of every burstable instance: nothing throttles it."""

MAX_PAGE = 100


class DescribeInstanceTypesRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html"""

    instance_types: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    include_unsupported_in_region: bool = False
    max_results: int | None = None
    next_token: str | None = None
    dry_run: bool = False


def describe_instance_types(_: Permit, request: DescribeInstanceTypesRequest, snapshot: Snapshot) -> Output:
    """Describe instance types: their names, and the values that follow from a name.

    Raises:
        InvalidInstanceType, InvalidParameterValue (an unknown filter), InvalidNextToken (400 each),
        DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html
    Differs: the answer omits memory, storage and networks; of processors it has only the images'
        architecture. No filter compares them: an instance has those of its host.
    """
    if request.dry_run:
        raise DryRunOperation
    unknown = [each for each in request.instance_types if each not in _instance_types()]
    if unknown:
        raise InvalidInstanceType(instance_types=", ".join(unknown))
    architectures = sorted({image.architecture for image in snapshot.images.values()})
    selectors = {**_SELECTORS, "processor-info.supported-architecture": lambda _: architectures}
    instance_types, next_token = page(
        keep(frozenset(request.instance_types) or _instance_types(), request.filters, selectors),
        key=lambda it: (it,),
        max_results=request.max_results,
        next_token=request.next_token,
        most=MAX_PAGE,
    )
    answer: dict[str, object] = {"InstanceTypes": [_view(each, architectures) for each in instance_types]}
    if next_token is not None:
        answer["NextToken"] = next_token
    return answer


def guard_instance_type(instance_type: str) -> None:
    """Refuse a type that AWS does not have, so that a misspelled one fails here already.

    Raises:
        InvalidParameterValue.
    """
    if instance_type not in _instance_types():
        raise InvalidParameterValue(reason=f"Invalid value '{instance_type}' for InstanceType.")


def is_burstable(instance_type: str) -> bool:
    """Return whether the type has CPU credits."""
    return instance_type.partition(".")[0] in _BURSTABLE_FAMILIES


def _is_bare_metal(instance_type: str) -> bool:
    return instance_type.partition(".")[2].startswith("metal")


def _view(instance_type: str, architectures: Sequence[str]) -> Output:
    return {
        "InstanceType": instance_type,
        "BareMetal": _is_bare_metal(instance_type),
        "BurstablePerformanceSupported": is_burstable(instance_type),
        "DedicatedHostsSupported": False,
        "HibernationSupported": False,
        "InstanceStorageSupported": False,
        "ProcessorInfo": {"SupportedArchitectures": architectures},
        "SupportedUsageClasses": ["on-demand"],
        "SupportedRootDeviceTypes": ["ebs"],
        "SupportedVirtualizationTypes": ["hvm"],
    }


_SELECTORS: Selectors[str] = {
    "bare-metal": lambda it: (str(_is_bare_metal(it)).lower(),),
    "burstable-performance-supported": lambda it: (str(is_burstable(it)).lower(),),
    "dedicated-hosts-supported": lambda _: ("false",),
    "hibernation-supported": lambda _: ("false",),
    "instance-storage-supported": lambda _: ("false",),
    "instance-type": lambda it: (it,),
    "supported-root-device-type": lambda _: ("ebs",),
    "supported-usage-class": lambda _: ("on-demand",),
    "supported-virtualization-type": lambda _: ("hvm",),
}


@cache
def _instance_types() -> frozenset[str]:
    shape = service_model("ec2").shape_for("InstanceType")
    return frozenset(shape.enum) if isinstance(shape, StringShape) else frozenset()


OPERATIONS: tuple[Operation, ...] = (
    Read(DescribeInstanceTypesRequest, on_everything("ec2:DescribeInstanceTypes"), describe_instance_types),
)
