"""Announcements to an instance: commands make and withdraw them in place of AWS's services."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.instance import Instance, InstanceState
from tabard.model.instance_events import NO_EVENTS, InstanceEvents, ScheduledEvent, ScheduledEventState
from tabard.model.messages import (
    CancelInstanceEventsRequest,
    PutInstanceEventRequest,
    PutInstanceEventResult,
)
from tabard.names import new_resource_id
from tabard.services.ec2.arns import ec2_arn
from tabard.services.ec2.context import instance_check
from tabard.services.hosts.answers import answer
from tabard.services.hosts.errors import InstanceNotFound, InvalidInstanceEvent
from tabard.services.operation import Facts, Operation, Output, Write
from tabard.store.ports import Transaction

NOTICE = timedelta(minutes=2)
"""AWS: "The Spot Instance interruption notice is a warning that is issued two minutes before"."""

KEPT_EVENTS = 100
MAX_DESCRIPTION_CHARACTERS = 256

_PUT = "hosts:PutInstanceEvent"
_CANCEL = "hosts:CancelInstanceEvents"


def put_instance_event_checks(request: PutInstanceEventRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:PutInstanceEvent on the instance, with EC2's condition keys."""
    return [instance_check(_PUT, request.instance_id, facts)]


def put_instance_event(permit: Permit, request: PutInstanceEventRequest, tx: Transaction) -> Output:
    """Announce a Spot interruption, a rebalance recommendation, a lifecycle state or scheduled maintenance.

    The instance reads it in its metadata at once. A second announcement of a kind replaces the first.
    Scheduled events are added.

    Returns:
        The id of a scheduled event.
    Raises:
        InstanceNotFound, InvalidInstanceEvent (400 each).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html and
        https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
    Differs: EC2 and Auto Scaling make announcements by themselves; here this operation makes them. When the
        announced time comes, nothing happens to the instance.
    """
    instance = _instance(permit, _PUT, request.instance_id, tx)
    events, event_id = _announced(instance.events, request, permit.now)
    tx.instances.update(replace(instance, events=events))
    return answer(PutInstanceEventResult(event_id=event_id))


def cancel_instance_events_checks(request: CancelInstanceEventsRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:CancelInstanceEvents on the instance."""
    return [instance_check(_CANCEL, request.instance_id, facts)]


def cancel_instance_events(permit: Permit, request: CancelInstanceEventsRequest, tx: Transaction) -> Output:
    """Withdraw announcements, of one kind or all. Scheduled events move to the history.

    Raises:
        InstanceNotFound (400).
    Differs: EC2 has no such operation.
    """
    instance = _instance(permit, _CANCEL, request.instance_id, tx)
    state: ScheduledEventState = "completed" if request.completed else "canceled"
    events = instance.events
    match request.event:
        case "spot-interruption":
            events = replace(events, spot_action_at=None)
        case "rebalance-recommendation":
            events = replace(events, rebalance_noticed_at=None)
        case "target-lifecycle-state":
            events = replace(events, target_lifecycle_state=None)
        case "scheduled-event" | None:
            over = tuple(
                replace(each, state=state) if each.state == "active" else each for each in events.scheduled
            )
            events = replace(events if request.event else NO_EVENTS, scheduled=over)
        case _:
            assert_never(request.event)
    tx.instances.update(replace(instance, events=events))
    return {}


def _instance(permit: Permit, action: str, instance_id: str, tx: Transaction) -> Instance:
    permit.require(action, ec2_arn(permit, f"instance/{instance_id}"))
    instance = tx.instances.get(instance_id)
    if (
        instance is None
        or instance.region != permit.region
        or instance.state not in (InstanceState.PENDING, InstanceState.RUNNING)
    ):
        raise InstanceNotFound(instance_id=instance_id, region=permit.region)
    return instance


def _announced(
    events: InstanceEvents, request: PutInstanceEventRequest, now: datetime
) -> tuple[InstanceEvents, str]:
    match request.event:
        case "spot-interruption":
            at = request.at or now + NOTICE
            return replace(events, spot_action=request.action, spot_action_at=at), ""
        case "rebalance-recommendation":
            return replace(events, rebalance_noticed_at=request.at or now), ""
        case "target-lifecycle-state":
            if request.lifecycle_state is None:
                raise InvalidInstanceEvent(reason="Say which lifecycle state is the target.")
            return replace(events, target_lifecycle_state=request.lifecycle_state), ""
        case "scheduled-event":
            return _scheduled(events, request, request.at or now + NOTICE)
        case _:
            assert_never(request.event)


def _scheduled(
    events: InstanceEvents, request: PutInstanceEventRequest, not_before: datetime
) -> tuple[InstanceEvents, str]:
    if len(request.description) > MAX_DESCRIPTION_CHARACTERS:
        raise InvalidInstanceEvent(
            reason=f"A description has {MAX_DESCRIPTION_CHARACTERS} characters at most."
        )
    if request.not_after is not None and request.not_after < not_before:
        raise InvalidInstanceEvent(reason="A scheduled event cannot end before it begins.")
    event = ScheduledEvent(
        event_id=new_resource_id("instance-event"),
        code=request.code,
        description=request.description or f"scheduled {request.code.partition('-')[2]}",
        not_before=not_before,
        not_after=request.not_after,
    )
    kept = events.scheduled[-(KEPT_EVENTS - 1) :]
    return replace(events, scheduled=(*kept, event)), event.event_id


OPERATIONS: tuple[Operation, ...] = (
    Write(PutInstanceEventRequest, put_instance_event_checks, put_instance_event),
    Write(CancelInstanceEventsRequest, cancel_instance_events_checks, cancel_instance_events),
)
