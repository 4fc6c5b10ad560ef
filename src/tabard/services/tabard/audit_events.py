"""Reading the audit: its pages, and one event with the later changes."""

from collections.abc import Sequence

import msgspec

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.audit_query import DENIED, EventFilter, EventPosition
from tabard.model.tabard_messages import (
    ExplainEventRequest,
    ExplainEventResult,
    LookupEventsRequest,
    LookupEventsResult,
    NumberedEvent,
)
from tabard.names import Place
from tabard.services.hosts.answers import answer
from tabard.services.operation import Facts, Operation, Output, StoreRead
from tabard.services.tabard.errors import EventNotFound
from tabard.services.tabard.policy_changes import changes_since
from tabard.store.ports import Transaction


def audit_arn(place: Place) -> str:
    """Return `arn:aws:tabard:REGION:ACCOUNT:audit`."""
    return f"arn:{place.partition}:tabard:{place.region}:{place.account_id}:audit"


def lookup_events_checks(_: LookupEventsRequest, facts: Facts) -> Sequence[Check]:
    """Require tabard:LookupEvents on the audit."""
    return [Check(action="tabard:LookupEvents", resource=audit_arn(facts))]


def explain_event_checks(_: ExplainEventRequest, facts: Facts) -> Sequence[Check]:
    """Require tabard:ExplainEvent on the audit."""
    return [Check(action="tabard:ExplainEvent", resource=audit_arn(facts))]


def lookup_events(permit: Permit, request: LookupEventsRequest, tx: Transaction) -> Output:
    """Return a page of the audit: at most 1000 events after a number, or the newest in the order of time.

    Events of requests that change nothing are written within a second.
    """
    permit.require("tabard:LookupEvents", audit_arn(permit))
    wanted, older = _wanted(request), None
    if request.newest:
        position = EventPosition.of_token(request.next_token) if request.next_token else None
        page = tx.audit.page(limit=request.limit, wanted=wanted, older_than=position)
        events, older = page.events, page.next
    else:
        events = tx.audit.read(after=request.after_number, limit=request.limit, wanted=wanted)
    return answer(
        LookupEventsResult(
            events=tuple(
                NumberedEvent(number=number, event=msgspec.json.encode(event).decode())
                for number, event in events
            ),
            last_number=tx.audit.last_number(),
            next_token=None if older is None else older.token(),
        )
    )


def _wanted(request: LookupEventsRequest) -> EventFilter:
    return EventFilter(
        outcomes=request.decisions or (DENIED if request.denied_only else ()),
        since=request.since,
        until=request.until,
        instance_id=request.instance_id or "",
        action=request.action or "",
        principal=request.principal or "",
    )


def explain_event(permit: Permit, request: ExplainEventRequest, tx: Transaction) -> Output:
    """Return the event of a request, and the later changes to the inputs of its decision.

    Raises:
        EventNotFound (400).
    """
    permit.require("tabard:ExplainEvent", audit_arn(permit))
    event = tx.audit.find(request.request_id)
    if event is None:
        raise EventNotFound(event_id=request.request_id)
    return answer(
        ExplainEventResult(event=msgspec.json.encode(event).decode(), changes=changes_since(tx, event))
    )


OPERATIONS: tuple[Operation, ...] = (
    StoreRead(LookupEventsRequest, lookup_events_checks, lookup_events),
    StoreRead(ExplainEventRequest, explain_event_checks, explain_event),
)
