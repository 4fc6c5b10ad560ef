"""One audit event ⇄ its row."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import JSON, BigInteger, Column, Connection, Index, Integer, Row, Table, text

from tabard.model.audit_event import AuditEvent, DecidedCheck
from tabard.policy import Effect, Layer, MatchedStatement
from tabard.store.schema import (
    account_column,
    account_index,
    metadata,
    text_column,
    time_column,
)
from tabard.store.utc_column import UtcColumn

audit_events = Table(
    "audit_events",
    metadata,
    account_column(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("end_offset", BigInteger, nullable=False),
    text_column("request_id"),
    time_column("at"),
    text_column("service"),
    text_column("operation"),
    text_column("principal_arn"),
    text_column("principal_id"),
    text_column("access_key_id"),
    text_column("instance_id"),
    text_column("source_ip"),
    text_column("user_agent"),
    text_column("region"),
    text_column("actions"),
    Column("resources", JSON, nullable=False),
    text_column("outcome"),
    text_column("error_code"),
    text_column("reason"),
    Column("http_status", Integer, nullable=False),
    Column("snapshot_version", BigInteger, nullable=False),
    Column("decisions", JSON, nullable=False),
    text_column("explanation"),
    account_index("request_id"),
    account_index("at"),
)
"""`end_offset` counts the bytes of the account's events up to this one: a difference is the size of a part.

`actions` are in lower case, with a space around each. They are there to be searched."""

DENIED = text("outcome IN ('denied', 'not_offered')")
OF_AN_INSTANCE = text("instance_id <> ''")

Index(
    "ix_audit_events_denied",
    audit_events.c.account_id,
    audit_events.c.at,
    sqlite_where=DENIED,
    postgresql_where=DENIED,
)
Index(
    "ix_audit_events_instance",
    audit_events.c.account_id,
    audit_events.c.instance_id,
    audit_events.c.at,
    sqlite_where=OF_AN_INSTANCE,
    postgresql_where=OF_AN_INSTANCE,
)

ROWS_AT_ONCE = 100
"""In one statement; a database takes some thousand parameters."""

ROW_BYTES = 400
"""What a row costs beside its texts: numbers, page headers, and its entries in the indexes; measured."""

_COLUMNS = tuple(column.name for column in audit_events.columns)
_UTC = UtcColumn()
_MARKS = {"qmark": "?", "format": "%s", "pyformat": "%s"}

Values = tuple[object, ...]
"""The values of a row's columns, in order, but for account, number and offset, which come first."""


def insert_rows(connection: Connection, rows: Sequence[Values]) -> None:
    """Insert whole rows.

    Many rows in one statement: the driver lets go of the interpreter's lock once a statement; an edge that
    writes its audit would otherwise contend with its own requests for it, once an event.
    """
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[begin : begin + ROWS_AT_ONCE]
        statement = _insertion(connection.dialect.paramstyle, len(some))
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(some)))


@lru_cache(maxsize=2 * ROWS_AT_ONCE)
def _insertion(paramstyle: str, row_count: int) -> str:
    """The statement that inserts so many rows at once."""
    names = ", ".join(f'"{name}"' for name in _COLUMNS)
    row = f"({', '.join([_MARKS[paramstyle]] * len(_COLUMNS))})"
    return f"INSERT INTO {audit_events.name} ({names}) VALUES {', '.join([row] * row_count)}"  # noqa: S608 - no value is in it


def row_values(event: AuditEvent, connection: Connection) -> Values:
    """The columns of an event."""
    return (
        event.request_id,
        _UTC.process_bind_param(event.at, connection.dialect),
        event.service,
        event.operation,
        event.principal_arn,
        event.principal_id,
        event.access_key_id,
        event.instance_id,
        event.source_ip,
        event.user_agent,
        event.region,
        f" {' '.join(event.actions)} ".lower(),
        msgspec.json.encode(event.resources).decode(),
        event.outcome,
        event.error_code,
        event.reason,
        event.http_status,
        event.snapshot_version,
        msgspec.json.encode(_decisions_column(event)).decode(),
        event.explanation,
    )


def size_bytes(values: Iterable[object]) -> int:
    """What an event takes in the database, nearly."""
    texts = (value for value in values if isinstance(value, str))
    return ROW_BYTES + sum(len(each) if each.isascii() else len(each.encode()) for each in texts)


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


def event_of(row: Row[Any]) -> AuditEvent:
    """The event of a row."""
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
        account_id=row.account_id,
        principal_id=row.principal_id,
        instance_id=row.instance_id,
    )
