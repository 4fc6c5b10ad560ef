"""Pages of the audit trail, and the newest events among them."""

from collections.abc import Callable
from typing import Protocol

from tabard.model.audit_event import AuditEvent
from tabard.model.audit_query import (
    EVERY_EVENT,
    EventFilter,
    EventPage,
    EventPosition,
    NumberedEvents,
)
from tabard.model.policy_change import PolicyChange

PAGE = 1_000

Explained = tuple[AuditEvent, tuple[PolicyChange, ...]]
"""An event, and what changed since of all that its decision rested on."""


class Audit(Protocol):
    """The events, each with a number that grows in the order in which they were written."""

    def last_number(self) -> int:
        """Return the number of the newest event; 0 if there is none."""

    def read(self, *, after: int, limit: int, wanted: EventFilter = EVERY_EVENT) -> NumberedEvents:
        """Return at most `limit` events after a number, 1000 at most, in the order of their numbers."""

    def page(
        self, *, limit: int, wanted: EventFilter = EVERY_EVENT, older_than: EventPosition | None = None
    ) -> EventPage:
        """Return the newest events, or the newest that are older than a position, in the order of time."""

    def explain(self, request_id: str) -> Explained | None:
        """Return the last event of this request id, and the later changes of what decided it."""


def latest(
    audit: Audit,
    count: int,
    *,
    wanted: EventFilter = EVERY_EVENT,
    shown: Callable[[AuditEvent], bool] = lambda _event: True,
) -> NumberedEvents:
    """Return the last `count` events that are wanted and shown, in the order of time, oldest first."""
    found: list[tuple[int, AuditEvent]] = []
    position: EventPosition | None = None
    while len(found) < count:
        page = audit.page(limit=PAGE, wanted=wanted, older_than=position)
        found[:0] = [item for item in page.events if shown(item[1])]
        position = page.next
        if position is None:
            break
    return found[-count:]
