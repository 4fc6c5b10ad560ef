"""Listing and termination of instances."""

from collections.abc import Sequence

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.instance import Instance, InstanceState
from tabard.services.ec2.context import on_everything
from tabard.services.ec2.errors import DryRunOperation
from tabard.services.ec2.filters import Filter, matcher
from tabard.services.ec2.instances.filters import instance_selectors
from tabard.services.ec2.instances.instance_lookup import instance_checks, looked_up_instances
from tabard.services.ec2.instances.lifecycle import ENDING, USER_INITIATED, move
from tabard.services.ec2.instances.listing import architecture_of, instances_after
from tabard.services.ec2.instances.shutdown_options import guard_terminable
from tabard.services.ec2.instances.view import instance_view, state_view
from tabard.services.ec2.pages import page_in_order
from tabard.services.operation import Facts, Operation, Output, Read, Request, Write
from tabard.store.listings import by_launch
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

_TERMINATE = "ec2:TerminateInstances"


class DescribeInstancesRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html"""

    instance_ids: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    include_managed_resources: bool = False
    max_results: int | None = None
    next_token: str | None = None
    dry_run: bool = False


class TerminateInstancesRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html"""

    instance_ids: tuple[str, ...] = ()
    force: bool = False
    skip_os_shutdown: bool = False
    dry_run: bool = False


def describe_instances(permit: Permit, request: DescribeInstancesRequest, snapshot: Snapshot) -> Output:
    """Describe the instances of the region, by reservation, oldest first.

    Returns:
        Reservations with their instances; a page may end within a reservation, as on EC2. A terminated
        instance stays visible for an hour.
    Raises:
        InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, InvalidParameterValue (an unknown filter),
        InvalidParameterCombination, InvalidNextToken (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
    Differs: no eventual consistency; the next Describe sees each launch.
    """
    if request.dry_run:
        raise DryRunOperation
    found = instances_after(request.instance_ids, permit, snapshot, max_results=request.max_results)
    wanted = matcher(request.filters, instance_selectors(snapshot), tags=lambda it: it.tags)
    instances, next_token = page_in_order(
        lambda key: filter(wanted, found(key)),
        key=by_launch,
        max_results=request.max_results,
        next_token=request.next_token,
    )
    answer: dict[str, object] = {"Reservations": _by_reservation(instances, snapshot)}
    if next_token is not None:
        answer["NextToken"] = next_token
    return answer


def terminate_instances_checks(request: TerminateInstancesRequest, facts: Facts) -> Sequence[Check]:
    """Require ec2:TerminateInstances on each instance."""
    return instance_checks(_TERMINATE, request.instance_ids, facts)


def terminate_instances(permit: Permit, request: TerminateInstancesRequest, tx: Transaction) -> Output:
    """Terminate all given instances, or none.

    Returns:
        Each instance's state before and after; `shutting-down` until its host has ended it.
    Raises:
        MissingParameter, InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, OperationNotPermitted (it
        is protected) (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html
    Differs: the sessions of a terminated instance are revoked at once; on EC2 they stay valid until expiry.
    """
    if request.dry_run:
        raise DryRunOperation
    instances = looked_up_instances(permit, _TERMINATE, request.instance_ids, tx)
    guard_terminable(instances)
    return {"TerminatingInstances": [_terminate(permit, instance, tx) for instance in instances]}


def _terminate(permit: Permit, instance: Instance, tx: Transaction) -> Output:
    after = instance.state
    if after not in ENDING:
        after = InstanceState.SHUTTING_DOWN
        move(tx, instance, after, reason=USER_INITIATED, now=permit.now)
    return {
        "InstanceId": instance.instance_id,
        "PreviousState": state_view(instance.state),
        "CurrentState": state_view(after),
    }


def _by_reservation(instances: Sequence[Instance], snapshot: Snapshot) -> list[Output]:
    reservations: dict[str, list[Output]] = {}
    owners: dict[str, str] = {}
    for instance in instances:
        view = instance_view(
            instance,
            snapshot.active_association_of(instance.instance_id),
            architecture=architecture_of(instance, snapshot),
        )
        reservations.setdefault(instance.reservation_id, []).append(view)
        owners[instance.reservation_id] = instance.owner_account_id
    return [
        {
            "ReservationId": reservation_id,
            "OwnerId": owners[reservation_id],
            "Groups": [],
            "Instances": views,
        }
        for reservation_id, views in reservations.items()
    ]


OPERATIONS: tuple[Operation, ...] = (
    Read(DescribeInstancesRequest, on_everything("ec2:DescribeInstances"), describe_instances),
    Write(TerminateInstancesRequest, terminate_instances_checks, terminate_instances),
)
