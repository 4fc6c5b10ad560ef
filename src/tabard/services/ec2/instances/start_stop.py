"""Stopping, starting and rebooting of instances."""

from collections.abc import Sequence
from dataclasses import replace

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.instance import Instance, InstanceState
from tabard.services.ec2.errors import (
    DryRunOperation,
    NotInAStateFrom,
    UnsupportedHibernationConfiguration,
    UnsupportedOperation,
)
from tabard.services.ec2.instances.instance_lookup import instance_checks, looked_up_instances
from tabard.services.ec2.instances.lifecycle import USER_INITIATED, boot_again, move
from tabard.services.ec2.instances.shutdown_options import guard_stoppable
from tabard.services.ec2.instances.view import state_view
from tabard.services.ec2.placement import guard_process_driver
from tabard.services.operation import Facts, Operation, Output, Request, Write
from tabard.store.ports import Transaction

_START = "ec2:StartInstances"
_STOP = "ec2:StopInstances"
_REBOOT = "ec2:RebootInstances"


class StartInstancesRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StartInstances.html"""

    instance_ids: tuple[str, ...] = ()
    additional_info: str | None = None
    dry_run: bool = False


class StopInstancesRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html"""

    instance_ids: tuple[str, ...] = ()
    hibernate: bool = False
    skip_os_shutdown: bool = False
    force: bool = False
    dry_run: bool = False


class RebootInstancesRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RebootInstances.html"""

    instance_ids: tuple[str, ...] = ()
    dry_run: bool = False


def start_instances_checks(request: StartInstancesRequest, facts: Facts) -> Sequence[Check]:
    """Require ec2:StartInstances on each instance."""
    return instance_checks(_START, request.instance_ids, facts)


def start_instances(permit: Permit, request: StartInstancesRequest, tx: Transaction) -> Output:
    """Start all given stopped instances, or none. A running one does not change.

    Returns:
        Each instance's state before and after; `pending` until its host has started it. It keeps its id,
        address, host and instance profile; its launch time is now.
    Raises:
        MissingParameter, InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, IncorrectInstanceState (it
        is stopping, or has ended), UnsupportedOperation (its host does not run programs of callers on other
        machines) (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StartInstances.html
    """
    if request.dry_run:
        raise DryRunOperation
    if request.additional_info:
        raise UnsupportedOperation(parameter="AdditionalInfo", reason="AWS reserves it")
    instances = looked_up_instances(permit, _START, request.instance_ids, tx)
    for instance in instances:
        if instance.state not in (InstanceState.STOPPED, InstanceState.PENDING, InstanceState.RUNNING):
            raise NotInAStateFrom(instance_id=instance.instance_id, wanted="started")
    return {"StartingInstances": [_start(permit, each, tx) for each in instances]}


def stop_instances_checks(request: StopInstancesRequest, facts: Facts) -> Sequence[Check]:
    """Require ec2:StopInstances on each instance."""
    return instance_checks(_STOP, request.instance_ids, facts)


def stop_instances(permit: Permit, request: StopInstancesRequest, tx: Transaction) -> Output:
    """Stop all given running instances, or none. A stopped one does not change.

    Its sessions stay valid until they expire, as on EC2; termination ends them sooner.

    Returns:
        Each instance's state before and after; `stopping` until its host has ended its processes.
    Raises:
        MissingParameter, InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, IncorrectInstanceState (it
        is pending, or has ended), OperationNotPermitted (it is protected),
        UnsupportedHibernationConfiguration (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html
    Differs: Force and SkipOsShutdown change nothing: an instance that does not end is always killed.
    """
    if request.dry_run:
        raise DryRunOperation
    instances = looked_up_instances(permit, _STOP, request.instance_ids, tx)
    if request.hibernate:
        raise UnsupportedHibernationConfiguration(instance_id=instances[0].instance_id)
    for instance in instances:
        if instance.state not in (InstanceState.RUNNING, InstanceState.STOPPING, InstanceState.STOPPED):
            raise NotInAStateFrom(instance_id=instance.instance_id, wanted="stopped")
    guard_stoppable(instances)
    return {"StoppingInstances": [_stop(permit, each, tx) for each in instances]}


def reboot_instances_checks(request: RebootInstancesRequest, facts: Facts) -> Sequence[Check]:
    """Require ec2:RebootInstances on each instance."""
    return instance_checks(_REBOOT, request.instance_ids, facts)


def reboot_instances(permit: Permit, request: RebootInstancesRequest, tx: Transaction) -> Output:
    """Request a reboot of running instances; others are ignored.

    The main process ends and starts again. State, launch time and metadata service do not change.

    Raises:
        MissingParameter, InvalidInstanceID.NotFound, InvalidInstanceID.Malformed (400 each),
        DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RebootInstances.html
    """
    if request.dry_run:
        raise DryRunOperation
    for instance in looked_up_instances(permit, _REBOOT, request.instance_ids, tx):
        if instance.state in (InstanceState.PENDING, InstanceState.RUNNING):
            _guard_host(instance, tx)
            tx.instances.update(replace(instance, boot_number=instance.boot_number + 1))
    return {}


def _start(permit: Permit, instance: Instance, tx: Transaction) -> Output:
    after = instance.state
    if instance.state is InstanceState.STOPPED:
        _guard_host(instance, tx)
        after = boot_again(tx, instance, now=permit.now).state
    return _transition(instance, after)


def _stop(permit: Permit, instance: Instance, tx: Transaction) -> Output:
    after = instance.state
    if instance.state is InstanceState.RUNNING:
        after = InstanceState.STOPPING
        move(tx, instance, after, reason=USER_INITIATED, now=permit.now)
    return _transition(instance, after)


def _guard_host(instance: Instance, tx: Transaction) -> None:
    """INVARIANT: an instance that may not be launched may not be started either: its user data may be new."""
    host = tx.hosts.get(instance.host_id)
    if host is not None:
        guard_process_driver(host, tx)


def _transition(instance: Instance, after: InstanceState) -> Output:
    return {
        "InstanceId": instance.instance_id,
        "PreviousState": state_view(instance.state),
        "CurrentState": state_view(after),
    }


OPERATIONS: tuple[Operation, ...] = (
    Write(StartInstancesRequest, start_instances_checks, start_instances),
    Write(StopInstancesRequest, stop_instances_checks, stop_instances),
    Write(RebootInstancesRequest, reboot_instances_checks, reboot_instances),
)
