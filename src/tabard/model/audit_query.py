"""Queries of the audit: the filter of events, and their pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tabard.model.audit_event import AuditEvent, Outcome
from tabard.names import Arn

DENIED: tuple[Outcome, ...] = ("denied", "not_offered")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

NumberedEvents = Sequence[tuple[int, AuditEvent]]
"""Events, each with its number; numbers follow the order of the store's writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """A filter of events. An absent field excludes no event.

    since, until: the event's own time, from `since` inclusive to `until` exclusive.
    instance_id: events that the instance caused, or that are about its session.
    action: an IAM action or an operation, in any case: `s3:GetObject`, or `s3:Get*` for a prefix.
    principal: an ARN, `role/NAME` or `user/NAME`. A role stands for its sessions.
    """

    outcomes: tuple[Outcome, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    instance_id: str = ""
    action: str = ""
    principal: str = ""

    def __post_init__(self) -> None:
        if "*" in self.action[:-1]:
            raise ValueError("an action has no wildcard except one * at its end")

    def decided_action_glob(self) -> str:
        """Return a pattern for the JSON of an event's decisions, with escaped quotes."""
        action = self.action if self.action.endswith("*") else f'{self.action}"*'
        return f'*"action":"{action}'

    def principal_globs(self) -> tuple[str, ...]:
        """Return the patterns for the event's principal ARN; one must match."""
        kind, _, name = self.principal.partition("/")
        if kind == "role":
            return (f"arn:*:assumed-role/{name}/*",)
        if kind == "user":
            return (f"arn:*:user/{name}", f"arn:*:user/*/{name}")
        arn = Arn.parse(self.principal)
        if arn is None or not arn.resource.startswith("role/"):
            return (self.principal,)
        name = arn.resource.rpartition("/")[2]
        session = f"arn:{arn.partition}:sts::{arn.account_id}:assumed-role/{name}/*"
        return (self.principal, session)


EVERY_EVENT = EventFilter()
DENIED_EVENTS = EventFilter(outcomes=DENIED)


@dataclass(frozen=True, slots=True)
class EventPosition:
    """The place of an event in the order of time: its time, and its number among events of one time."""

    at: datetime
    number: int

    def token(self) -> str:
        """Return the position as text, for a client to send back."""
        return f"{(self.at - _EPOCH) // _MICROSECOND}-{self.number}"

    @classmethod
    def of_token(cls, token: str) -> "EventPosition":
        """Parse a position from its text. Raises ValueError."""
        microseconds, _, number = token.partition("-")
        try:
            return cls(_EPOCH + int(microseconds) * _MICROSECOND, int(number))
        except OverflowError as error:
            raise ValueError("the position is out of range") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Events in the order of time, oldest first. `next` is the start of older ones; None if there are none.

    A page may be empty and still have a `next`: the store searches a bounded number of events for each page.
    """

    events: NumberedEvents
    next: EventPosition | None
