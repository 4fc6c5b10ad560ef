"""Pages of the audit trail, and the newest events among them."""

from collections.abc import Callable, Sequence
from typing import Protocol

from tabard.model.audit_event import AuditEvent, ChangedSince

LOOKED_THROUGH = 100_000
PAGE = 1_000

NumberedEvents = Sequence[tuple[int, AuditEvent]]


class Audit(Protocol):
    """The events in the order in which they were recorded, each with a growing number."""

    def last_number(self) -> int:
        """The number of the newest event; 0 where there is none."""

    def read(self, *, after: int, limit: int, denied_only: bool) -> NumberedEvents:
        """At most `limit` events after a number, 1000 at most."""

    def explain(self, request_id: str) -> tuple[AuditEvent, ChangedSince] | None:
        """The last event of this request id, and what changed since of all that its decision rested on."""


def latest(
    audit: Audit,
    count: int,
    *,
    denied_only: bool,
    wanted: Callable[[AuditEvent], bool] = lambda _event: True,
    until: int | None = None,
) -> NumberedEvents:
    """The last `count` events that are wanted, up to `until`, oldest first; of the last 100,000."""
    found: list[tuple[int, AuditEvent]] = []
    upper = audit.last_number() if until is None else until
    oldest = max(0, upper - LOOKED_THROUGH)
    while upper > oldest and len(found) < count:
        lower = max(oldest, upper - PAGE)
        page = audit.read(after=lower, limit=upper - lower, denied_only=denied_only)
        found[:0] = [item for item in page if item[0] <= upper and wanted(item[1])]
        upper = lower
    return found[-count:]
