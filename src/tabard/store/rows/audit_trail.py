"""Audit events ⇄ rows. They change no snapshot, so they leave no change behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Dialect,
    Index,
    Integer,
    Row,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
)

from tabard.model.audit_event import AuditEvent, DecidedCheck
from tabard.policy import Effect, Layer, MatchedStatement
from tabard.store.schema import GROWING_NUMBER, metadata, text_column, time_column
from tabard.store.utc_column import UtcColumn

audit_events = Table(
    "audit_events",
    metadata,
    Column("number", GROWING_NUMBER, primary_key=True, autoincrement=True),
    Column("request_id", Text, nullable=False, index=True),
    time_column("at"),
    text_column("service"),
    text_column("operation"),
    text_column("principal_arn"),
    text_column("access_key_id"),
    text_column("source_ip"),
    text_column("user_agent"),
    text_column("region"),
    Column("resources", JSON, nullable=False),
    text_column("outcome"),
    text_column("error_code"),
    text_column("reason"),
    Column("http_status", Integer, nullable=False),
    Column("snapshot_version", BigInteger, nullable=False),
    Column("decisions", JSON, nullable=False),
    text_column("explanation"),
    sqlite_autoincrement=True,
)

DENIED = text("outcome IN ('denied', 'not_offered')")
Index("ix_audit_events_denied", audit_events.c.number, sqlite_where=DENIED, postgresql_where=DENIED)

PRUNED_AT_ONCE = 10_000
ROWS_AT_ONCE = 100
"""In one statement; a database takes some thousand parameters."""

_AFTER = (
    select(audit_events)
    .where(audit_events.c.number > bindparam("after"))
    .order_by(audit_events.c.number)
    .limit(bindparam("how_many"))
)
_DENIED_AFTER = _AFTER.where(DENIED)
_LAST = select(func.max(audit_events.c.number))
_FIND = (
    select(audit_events)
    .where(audit_events.c.request_id == bindparam("request_id"))
    .order_by(audit_events.c.number.desc())
    .limit(1)
)
_COLUMNS = (
    "request_id", "at", "service", "operation", "principal_arn", "access_key_id", "source_ip", "user_agent",
    "region", "resources", "outcome", "error_code", "reason", "http_status", "snapshot_version", "decisions",
    "explanation",
)  # fmt: skip
_MOMENT = UtcColumn()
_MARKS = {"qmark": "?", "format": "%s", "pyformat": "%s"}


@dataclass(frozen=True, slots=True)
class SqlAuditTrail:
    """Satisfies `ports.AuditTrail`."""

    connection: Connection

    def append(self, events: Sequence[AuditEvent]) -> None:
        # Many rows in one statement: the driver lets go of the interpreter's lock once a statement; an edge
        # that writes its audit would otherwise contend with its own requests for it, once an event.
        dialect = self.connection.dialect
        for begin in range(0, len(events), ROWS_AT_ONCE):
            rows = [_to_row(event, dialect) for event in events[begin : begin + ROWS_AT_ONCE]]
            values = tuple(chain.from_iterable(rows))
            self.connection.exec_driver_sql(_insertion(dialect.paramstyle, len(rows)), values)

    def read(self, *, after: int, limit: int, denied_only: bool) -> Sequence[tuple[int, AuditEvent]]:
        rows = self.connection.execute(
            _DENIED_AFTER if denied_only else _AFTER, {"after": after, "how_many": limit}
        )
        return [(row.number, _from_row(row)) for row in rows]

    def last_number(self) -> int:
        return self.connection.execute(_LAST).scalar() or 0

    def find(self, request_id: str) -> AuditEvent | None:
        row = self.connection.execute(_FIND, {"request_id": request_id}).one_or_none()
        return None if row is None else _from_row(row)

    def prune(self, *, keep: int, before: datetime | None = None) -> int:
        newest = self.last_number()
        number = audit_events.c.number
        oldest = select(number).order_by(number).limit(PRUNED_AT_ONCE)
        surplus = number <= newest - keep
        outdated = surplus if before is None else or_(surplus, audit_events.c.at < before)
        statement = delete(audit_events).where(and_(number.in_(oldest), number < newest, outdated))
        return self.connection.execute(statement).rowcount


@lru_cache(maxsize=2 * ROWS_AT_ONCE)
def _insertion(paramstyle: str, row_count: int) -> str:
    """The statement that inserts so many rows at once."""
    names = ", ".join(f'"{name}"' for name in _COLUMNS)
    row = f"({', '.join([_MARKS[paramstyle]] * len(_COLUMNS))})"
    return f"INSERT INTO {audit_events.name} ({names}) VALUES {', '.join([row] * row_count)}"  # noqa: S608 - no value is in it


def _to_row(event: AuditEvent, dialect: Dialect) -> tuple[object, ...]:
    """The values of `_COLUMNS`."""
    return (
        event.request_id,
        _MOMENT.process_bind_param(event.at, dialect),
        event.service,
        event.operation,
        event.principal_arn,
        event.access_key_id,
        event.source_ip,
        event.user_agent,
        event.region,
        msgspec.json.encode(event.resources).decode(),
        event.outcome,
        event.error_code,
        event.reason,
        event.http_status,
        event.snapshot_version,
        msgspec.json.encode(_decisions_column(event)).decode(),
        event.explanation,
    )


def _decisions_column(event: AuditEvent) -> list[object]:
    """As short as may be: there is a row for every request. A resource is its place among the event's."""
    places: dict[str, int] = {resource: place for place, resource in enumerate(event.resources)}
    return [
        [
            decided.action,
            places[decided.resource],
            decided.effect,
            decided.layer,
            [[matched.policy, matched.sid, matched.index] for matched in decided.matched],
        ]
        for decided in event.decisions
    ]


def _from_row(row: Row[Any]) -> AuditEvent:
    return AuditEvent(
        request_id=row.request_id,
        at=row.at,
        service=row.service,
        operation=row.operation,
        principal_arn=row.principal_arn,
        access_key_id=row.access_key_id,
        source_ip=row.source_ip,
        user_agent=row.user_agent,
        region=row.region,
        resources=tuple(row.resources),
        outcome=row.outcome,
        error_code=row.error_code,
        reason=row.reason,
        http_status=row.http_status,
        snapshot_version=row.snapshot_version,
        decisions=tuple(
            DecidedCheck(
                action,
                row.resources[place],
                Effect(effect),
                Layer(layer),
                tuple(MatchedStatement(*matched) for matched in statements),
            )
            for action, place, effect, layer, statements in row.decisions
        ),
        explanation=row.explanation,
    )
