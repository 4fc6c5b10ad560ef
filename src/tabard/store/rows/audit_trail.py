"""The audit of an account. Its events change no snapshot, so they leave no change behind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)

from tabard.model import audit_query
from tabard.model.audit_event import AuditEvent
from tabard.model.audit_query import EVERY_EVENT, EventFilter, EventPage, EventPosition, NumberedEvents
from tabard.store.changes import TransactionScope
from tabard.store.rows.audit_events import (
    DENIED,
    audit_events,
    event_of,
    insert_rows,
    sized_row,
)
from tabard.store.schema import account_column, metadata

audit_counters = Table(
    "audit_counters",
    metadata,
    account_column(),
    Column("number", BigInteger, nullable=False),
    Column("end_offset", BigInteger, nullable=False),
)
"""Number and offset of each account's newest event. Whoever appends locks the row until the commit, so that
numbers are in the order of the commits: a reader that has seen number 7 never meets a number 6 later."""

LOOKED_THROUGH = 100_000
"""A page looks through this many events at most, and says where to go on."""

_events = audit_events.c
_ACCOUNT = audit_counters.c.account_id == bindparam("account")
_COUNT = (
    update(audit_counters)
    .where(_ACCOUNT)
    .values(
        number=audit_counters.c.number + bindparam("how_many"),
        end_offset=audit_counters.c.end_offset + bindparam("bytes"),
    )
    .returning(audit_counters.c.number, audit_counters.c.end_offset)
)
_COUNTERS = select(audit_counters.c.number, audit_counters.c.end_offset).where(_ACCOUNT)
_OF_ACCOUNT = select(audit_events).where(_events.account_id == bindparam("account"))
_AFTER = _OF_ACCOUNT.where(_events.number > bindparam("after")).order_by(_events.number)
_OLDEST = (
    select(_events.number, _events.at, _events.end_offset)
    .where(_events.account_id == bindparam("account"))
    .order_by(_events.number)
)
_DELETE = delete(audit_events).where(
    _events.account_id == bindparam("account"), _events.number.between(bindparam("first"), bindparam("last"))
)
_FIND = (
    _OF_ACCOUNT.where(_events.request_id == bindparam("request_id")).order_by(_events.number.desc()).limit(1)
)


@dataclass(frozen=True, slots=True)
class SqlAuditTrail:
    """Satisfies `ports.AuditTrail`."""

    scope: TransactionScope

    def append(self, events: Sequence[AuditEvent]) -> None:
        of_accounts: dict[str, list[AuditEvent]] = {}
        for event in events:
            of_accounts.setdefault(event.account_id or self.scope.account_id, []).append(event)
        for account_id, some in sorted(of_accounts.items()):
            sized = [sized_row(event) for event in some]
            number, offset = self._count(account_id, len(some), sum(size for size, _ in sized))
            rows = []
            for place, (size, row) in enumerate(sized, start=number + 1):
                offset += size
                rows.append((account_id, place, offset, *row))
            insert_rows(self.scope.connection, rows)

    def read(
        self, *, after: int, limit: int, wanted: EventFilter = EVERY_EVENT
    ) -> Sequence[tuple[int, AuditEvent]]:
        statement = _AFTER.where(*_scope_of(wanted), *_conditions(wanted)).limit(limit)
        return self._events(statement, after=after)

    def page(
        self, *, limit: int, wanted: EventFilter = EVERY_EVENT, older_than: EventPosition | None = None
    ) -> EventPage:
        statement = _OF_ACCOUNT.where(*_scope_of(wanted))
        if older_than is not None:
            earlier = and_(_events.at == older_than.at, _events.number < older_than.number)
            statement = statement.where(_events.at <= older_than.at, or_(_events.at < older_than.at, earlier))
        statement = statement.order_by(_events.at.desc(), _events.number.desc())
        window = statement.limit(LOOKED_THROUGH).subquery()
        found = self._events(
            select(window)
            .where(*_conditions(wanted, window.c))
            .order_by(window.c.at.desc(), window.c.number.desc())
            .limit(limit)
        )
        if len(found) == limit:
            number, event = found[-1]
            return EventPage(events=found[::-1], next=EventPosition(event.at, number))
        last = statement.with_only_columns(_events.at, _events.number).offset(LOOKED_THROUGH - 1).limit(1)
        row = self.scope.connection.execute(last, self._account).one_or_none()
        return EventPage(events=found[::-1], next=None if row is None else EventPosition(row.at, row.number))

    def last_number(self) -> int:
        return self._counters()[0]

    def find(self, request_id: str) -> AuditEvent | None:
        row = self.scope.connection.execute(_FIND, {**self._account, "request_id": request_id}).one_or_none()
        return None if row is None else event_of(row)

    def prune(self, *, before: datetime, most_bytes: int, at_most: int) -> int:
        newest, offset = self._counters()
        oldest = self.scope.connection.execute(_OLDEST.limit(at_most), self._account).all()
        outdated = [
            row.number
            for row in oldest
            if row.number < newest and (row.at < before or row.end_offset <= offset - most_bytes)
        ]
        for first, last in _ranges(outdated):
            self.scope.connection.execute(_DELETE, {**self._account, "first": first, "last": last})
        return len(outdated)

    @property
    def _account(self) -> dict[str, Any]:
        return {"account": self.scope.account_id}

    def _events(self, statement: Select[Any], **parameters: object) -> NumberedEvents:
        rows = self.scope.connection.execute(statement, {**self._account, **parameters})
        return [(row.number, event_of(row)) for row in rows]

    def _counters(self) -> tuple[int, int]:
        row = self.scope.connection.execute(_COUNTERS, self._account).one_or_none()
        return (0, 0) if row is None else (row.number, row.end_offset)

    def _count(self, account_id: str, how_many: int, size: int) -> tuple[int, int]:
        """Count new events; number and offset before them."""
        counted = {"how_many": how_many, "bytes": size}
        row = self.scope.connection.execute(_COUNT, {"account": account_id, **counted}).one_or_none()
        if row is not None:
            return row.number - how_many, row.end_offset - size
        first = {"account_id": account_id, "number": how_many, "end_offset": size}
        self.scope.connection.execute(insert(audit_counters), first)
        return 0, 0


def _ranges(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last of each run of consecutive numbers: a range is quicker to delete."""
    begin = 0
    for place in range(1, len(numbers) + 1):
        if place == len(numbers) or numbers[place] != numbers[place - 1] + 1:
            yield numbers[begin], numbers[place - 1]
            begin = place


def _scope_of(wanted: EventFilter) -> list[ColumnElement[bool]]:
    """Return the conditions that an index serves."""
    found: list[Any] = []
    if wanted.since is not None:
        found.append(_events.at >= wanted.since)
    if wanted.until is not None:
        found.append(_events.at < wanted.until)
    if wanted.outcomes and set(wanted.outcomes) <= set(audit_query.DENIED):
        found.append(DENIED)
    return found


def _conditions(wanted: EventFilter, columns: Any = _events) -> list[ColumnElement[bool]]:  # noqa: ANN401 - a table's or a subquery's
    """Return the conditions that each event is looked at for."""
    found: list[ColumnElement[bool]] = []
    if wanted.outcomes:
        found.append(columns.outcome.in_(wanted.outcomes))
    if wanted.instance_id:
        found.append(columns.instance_id == wanted.instance_id)
    if wanted.action:
        operation = columns.service + ":" + columns.operation
        found.append(
            or_(
                operation.ilike(_like(wanted.action), escape="\\"),
                columns.decisions.ilike(_like(wanted.decided_action_glob()), escape="\\"),
            )
        )
    if wanted.principal:
        globs = wanted.principal_globs()
        found.append(or_(*(columns.principal_arn.ilike(_like(glob), escape="\\") for glob in globs)))
    return found


def _like(glob: str) -> str:
    """Return the pattern of SQL's LIKE; `*` alone is a wildcard."""
    for character in "\\%_":
        glob = glob.replace(character, f"\\{character}")
    return glob.replace("*", "%")
