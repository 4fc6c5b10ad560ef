"""Single attributes of an instance: descriptions, and changes of those that can change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.instance import Instance, InstanceState, ShutdownOptions
from tabard.services.ec2.context import Context, attribute_checks, instance_check
from tabard.services.ec2.errors import (
    DryRunOperation,
    InvalidGroupNotFound,
    InvalidInstanceIDNotFound,
    InvalidParameterCombination,
    InvalidParameterValue,
    NotStopped,
    UnsupportedOperation,
)
from tabard.services.ec2.ids import guard_instance_id
from tabard.services.ec2.instance_types import guard_instance_type
from tabard.services.ec2.instances.attribute_request import (
    ModifyInstanceAttributeRequest,
    asked_attributes,
    new_user_data,
)
from tabard.services.ec2.instances.instance_lookup import looked_up_instance
from tabard.services.ec2.instances.shutdown_options import with_behavior
from tabard.services.ec2.instances.view import ROOT_DEVICE_NAME, user_data_view
from tabard.services.ec2.network.default_vpc import vpc_of
from tabard.services.operation import Facts, Operation, Output, Read, Request, Write
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

_DESCRIBE = "ec2:DescribeInstanceAttribute"
_MODIFY = "ec2:ModifyInstanceAttribute"


class DescribeInstanceAttributeRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceAttribute.html"""

    instance_id: str
    attribute: str
    dry_run: bool = False


def describe_instance_attribute_checks(
    request: DescribeInstanceAttributeRequest, facts: Facts
) -> Sequence[Check]:
    """Require ec2:DescribeInstanceAttribute on the instance, with the attribute's name."""
    context = {"ec2:attribute": (request.attribute,)}
    return [instance_check(_DESCRIBE, request.instance_id, facts, context)]


def describe_instance_attribute(
    permit: Permit, request: DescribeInstanceAttributeRequest, snapshot: Snapshot
) -> Output:
    """Describe one attribute of an instance; user data is base64.

    Raises:
        InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, InvalidParameterValue (an unknown attribute)
        (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceAttribute.html
    """
    if request.dry_run:
        raise DryRunOperation
    guard_instance_id(request.instance_id)
    view = _VIEWS.get(request.attribute)
    if view is None:
        raise InvalidParameterValue(
            reason=f"Value ({request.attribute}) for parameter attribute is invalid. "
            f"It is one of {', '.join(_VIEWS)}."
        )
    instance = snapshot.instances.get(request.instance_id)
    if instance is None or instance.region != permit.region:
        raise InvalidInstanceIDNotFound.among([request.instance_id])
    return {"InstanceId": instance.instance_id, **view(instance)}


def modify_instance_attribute_checks(
    request: ModifyInstanceAttributeRequest, facts: Facts
) -> Sequence[Check]:
    """Require ec2:ModifyInstanceAttribute on the instance; `ec2:Attribute` names the changed attribute."""
    asked = asked_attributes(request)
    values: Context = {
        f"ec2:attribute/{name.lower()}": (_said(value),)
        for name, value in asked.items()
        if isinstance(value, (bool, str)) and name != "UserData"  # user data may hold secrets
    }
    return attribute_checks(_MODIFY, request.instance_id, facts, asked, values)


def modify_instance_attribute(
    permit: Permit, request: ModifyInstanceAttributeRequest, tx: Transaction
) -> Output:
    """Change one attribute of an instance: its protection, or while it is stopped, its user data or type.

    For other attributes only their present values are accepted.

    Raises:
        InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, InvalidParameterCombination (not exactly one
        attribute), InvalidParameterValue, IncorrectInstanceState (it is not stopped), InvalidGroup.NotFound,
        UnsupportedOperation (a value without its effect here) (400 each),
        DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html
    Differs: the instance type is stored and shown, but has no effect.
    """
    if request.dry_run:
        raise DryRunOperation
    instance = looked_up_instance(permit, _MODIFY, request.instance_id, tx)
    asked = asked_attributes(request)
    if len(asked) != 1:
        raise InvalidParameterCombination(
            reason=f"Give exactly one attribute to change; this request gives {len(asked)}."
        )
    ((name, value),) = asked.items()
    changed = _changed(instance, name, value)
    if changed != instance:
        tx.instances.update(changed)
    return {}


def _changed(instance: Instance, name: str, value: object) -> Instance:
    if name == "UserData":
        _guard_stopped(instance)
        return replace(instance, user_data=new_user_data(value))
    if name == "InstanceType":
        guard_instance_type(str(value))
        _guard_stopped(instance)
        return replace(instance, instance_type=str(value))
    if name in _SHUTDOWN:
        return replace(instance, shutdown_options=_SHUTDOWN[name](instance.shutdown_options, value))
    if name == "Groups":
        _guard_groups(instance, value)
        return instance
    if name not in _AS_THEY_ARE or value != _AS_THEY_ARE[name]:
        only = f"it is always {_said(_AS_THEY_ARE[name])}" if name in _AS_THEY_ARE else "there is none"
        raise UnsupportedOperation(parameter=name, reason=f"{only}, of every instance")
    return instance


def _guard_stopped(instance: Instance) -> None:
    if instance.state is not InstanceState.STOPPED:
        raise NotStopped(instance_id=instance.instance_id)


def _guard_groups(instance: Instance, groups: object) -> None:
    for group in groups if isinstance(groups, tuple) else ():
        if group != vpc_of(instance).security_group_id:
            raise InvalidGroupNotFound(group=group)


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_SHUTDOWN: Mapping[str, Callable[[ShutdownOptions, object], ShutdownOptions]] = {
    "DisableApiTermination": lambda options, value: replace(options, disable_api_termination=value is True),
    "DisableApiStop": lambda options, value: replace(options, disable_api_stop=value is True),
    "InstanceInitiatedShutdownBehavior": lambda options, value: with_behavior(options, str(value)),
}

_AS_THEY_ARE: Mapping[str, object] = {
    "SourceDestCheck": True,
    "EbsOptimized": False,
    "EnaSupport": True,
    "EnclaveOptions": False,
    "SriovNetSupport": "simple",
}
"""Attributes with the same constant value for every instance."""


def _fixed(member: str) -> Callable[[Instance], Output]:
    return lambda _: {member: {"Value": _AS_THEY_ARE[member]}}


_VIEWS: Mapping[str, Callable[[Instance], Output]] = {
    "instanceType": lambda it: {"InstanceType": {"Value": it.instance_type}},
    "kernel": lambda _: {"KernelId": {}},
    "ramdisk": lambda _: {"RamdiskId": {}},
    "userData": lambda it: {"UserData": user_data_view(it.user_data)},
    "disableApiTermination": lambda it: {
        "DisableApiTermination": {"Value": it.shutdown_options.disable_api_termination}
    },
    "instanceInitiatedShutdownBehavior": lambda it: {
        "InstanceInitiatedShutdownBehavior": {"Value": it.shutdown_options.instance_initiated}
    },
    "rootDeviceName": lambda _: {"RootDeviceName": {"Value": ROOT_DEVICE_NAME}},
    "blockDeviceMapping": lambda _: {"BlockDeviceMappings": []},
    "productCodes": lambda _: {"ProductCodes": []},
    "sourceDestCheck": _fixed("SourceDestCheck"),
    "groupSet": lambda it: {
        "Groups": [{"GroupId": vpc_of(it).security_group_id, "GroupName": vpc_of(it).security_group_name}]
    },
    "ebsOptimized": _fixed("EbsOptimized"),
    "sriovNetSupport": _fixed("SriovNetSupport"),
    "enaSupport": _fixed("EnaSupport"),
    "enclaveOptions": lambda _: {"EnclaveOptions": {"Enabled": False}},
    "disableApiStop": lambda it: {"DisableApiStop": {"Value": it.shutdown_options.disable_api_stop}},
}


OPERATIONS: tuple[Operation, ...] = (
    Read(DescribeInstanceAttributeRequest, describe_instance_attribute_checks, describe_instance_attribute),
    Write(ModifyInstanceAttributeRequest, modify_instance_attribute_checks, modify_instance_attribute),
)
