"""The audit of a running system, through its API."""

from dataclasses import dataclass
from typing import Any

import msgspec

from tabard.administration.audit_pages import Explained
from tabard.administration.call_errors import CallFailed
from tabard.administration.client import TABARD, SystemClient
from tabard.model.audit_event import AuditEvent
from tabard.model.audit_query import (
    EVERY_EVENT,
    EventFilter,
    EventPage,
    EventPosition,
    NumberedEvents,
)
from tabard.model.tabard_messages import (
    ExplainEventRequest,
    ExplainEventResult,
    FlushEventsRequest,
    FlushEventsResult,
    LookupEventsRequest,
    LookupEventsResult,
    WaitForEventsRequest,
    WaitForEventsResult,
)

_BEYOND_ALL = 2**53


@dataclass(frozen=True, slots=True)
class SystemAudit:
    """The audit of a running system. Every method raises ClientUnusable and CallFailed."""

    client: SystemClient

    def last_number(self) -> int:
        """Return the number of the newest event; 0 if there is none."""
        return self._page(LookupEventsRequest(after_number=_BEYOND_ALL, limit=1)).last_number

    def read(self, *, after: int, limit: int, wanted: EventFilter = EVERY_EVENT) -> NumberedEvents:
        """Return at most `limit` events after a number, 1000 at most."""
        return _events(self._page(_request(wanted, after_number=after, limit=limit)))

    def page(
        self, *, limit: int, wanted: EventFilter = EVERY_EVENT, older_than: EventPosition | None = None
    ) -> EventPage:
        """Return the newest events, or the newest that are older than a position; 1000 at most."""
        token = None if older_than is None else older_than.token()
        page = self._page(_request(wanted, limit=limit, newest=True, next_token=token))
        older = page.next_token
        return EventPage(events=_events(page), next=None if older is None else EventPosition.of_token(older))

    def explain(self, request_id: str) -> Explained | None:
        """Return the last event of this request id, and the later changes of what decided it."""
        request = ExplainEventRequest(request_id=request_id)
        try:
            found = self.client.call("ExplainEvent", request, ExplainEventResult, service=TABARD)
        except CallFailed as error:
            if error.code == "EventNotFound":
                return None
            raise
        return _event(found.event), found.changes

    def wait_until_written(self) -> bool:
        """Wait until every edge has written the events of what was answered before; whether all have."""
        flush = self.client.call("FlushEvents", FlushEventsRequest(), FlushEventsResult, service=TABARD)
        request = WaitForEventsRequest(flush_number=flush.flush_number)
        return self.client.call("WaitForEvents", request, WaitForEventsResult, service=TABARD).is_complete

    def _page(self, request: LookupEventsRequest) -> LookupEventsResult:
        return self.client.call("LookupEvents", request, LookupEventsResult, service=TABARD)


def _request(wanted: EventFilter, **members: Any) -> LookupEventsRequest:  # noqa: ANN401 - the other members
    return LookupEventsRequest(
        decisions=wanted.outcomes,
        since=wanted.since,
        until=wanted.until,
        instance_id=wanted.instance_id or None,
        action=wanted.action or None,
        principal=wanted.principal or None,
        **members,
    )


def _events(page: LookupEventsResult) -> NumberedEvents:
    return [(each.number, _event(each.event)) for each in page.events]


def _event(text: str) -> AuditEvent:
    try:
        return msgspec.json.decode(text, type=AuditEvent)
    except msgspec.DecodeError as error:
        raise CallFailed(
            operation="LookupEvents",
            code="Unreachable",
            message="the system sent an event that cannot be read",
        ) from error
