"""The shutdown options of an instance: protection, and the behavior at its own end."""

from collections.abc import Sequence
from dataclasses import replace

from tabard.model.instance import Instance, ShutdownOptions
from tabard.services.ec2.errors import InvalidParameterValue, StopProtected, TerminationProtected
from tabard.services.ec2.launch_request import RunInstancesRequest


def launched_shutdown_options(request: RunInstancesRequest) -> ShutdownOptions:
    """Return the shutdown options of a launch.

    Raises:
        InvalidParameterValue: an unknown behavior.
    """
    return with_behavior(
        ShutdownOptions(
            disable_api_termination=request.disable_api_termination,
            disable_api_stop=request.disable_api_stop,
        ),
        request.instance_initiated_shutdown_behavior or "stop",
    )


def with_behavior(options: ShutdownOptions, behavior: str) -> ShutdownOptions:
    """Return the options with another InstanceInitiatedShutdownBehavior.

    Raises:
        InvalidParameterValue.
    """
    match behavior:
        case "stop" | "terminate":
            return replace(options, instance_initiated=behavior)
        case _:
            raise InvalidParameterValue(
                reason=f"Value ({behavior}) for parameter instanceInitiatedShutdownBehavior is invalid. "
                "It is stop or terminate."
            )


def guard_terminable(instances: Sequence[Instance]) -> None:
    """Refuse instances that are protected from termination through the API.

    AWS: "Stop protection also protects your instance from accidental termination".
    Raises:
        OperationNotPermitted.
    """
    for instance in instances:
        if instance.shutdown_options.disable_api_termination:
            raise TerminationProtected(instance_id=instance.instance_id)
        if instance.shutdown_options.disable_api_stop:
            raise StopProtected(instance_id=instance.instance_id, what="terminated")


def guard_stoppable(instances: Sequence[Instance]) -> None:
    """Refuse instances that are protected from being stopped through the API.

    Raises:
        OperationNotPermitted.
    """
    for instance in instances:
        if instance.shutdown_options.disable_api_stop:
            raise StopProtected(instance_id=instance.instance_id, what="stopped")
