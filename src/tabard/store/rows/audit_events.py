"""One audit event ⇄ its row."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Index, Integer, Row, Table, text

from tabard.model.audit_event import AuditEvent, ConsideredPolicies, DecidedCheck
from tabard.store.schema import (
    account_column,
    account_index,
    metadata,
    text_column,
    time_column,
)

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
    text_column("resources"),
    text_column("outcome"),
    text_column("error_code"),
    text_column("reason"),
    Column("http_status", Integer, nullable=False),
    Column("snapshot_version", BigInteger, nullable=False),
    text_column("decisions"),
    text_column("policies"),
    text_column("explanation"),
    account_index("request_id"),
    account_index("at"),
)
"""`end_offset` counts the bytes of the account's events up to this one: a difference is the size of a part.

`resources` is empty if the decisions name the same. """

DENIED = text("outcome IN ('denied', 'not_offered')")

Index(
    "ix_audit_events_denied",
    audit_events.c.account_id,
    audit_events.c.at,
    sqlite_where=DENIED,
    postgresql_where=DENIED,
)

ROWS_AT_ONCE = 100
"""The rows of one statement; a database takes some thousand parameters."""

ROW_BYTES = 480
"""The measured size of a row besides its texts: numbers, page headers, and its index entries."""

_COLUMNS = tuple(column.name for column in audit_events.columns)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ENCODER = msgspec.json.Encoder()
_RESOURCES = msgspec.json.Decoder(tuple[str, ...])
_DECISIONS = msgspec.json.Decoder(tuple[DecidedCheck, ...])
_POLICIES = msgspec.json.Decoder(tuple[ConsideredPolicies, ...])
_MARKS = {"qmark": "?", "format": "%s", "pyformat": "%s"}

Values = tuple[object, ...]
"""The values of a row's columns, in order, except for account, number and offset, which come first."""


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
    """Return the statement that inserts so many rows at once."""
    names = ", ".join(f'"{name}"' for name in _COLUMNS)
    row = f"({', '.join([_MARKS[paramstyle]] * len(_COLUMNS))})"
    return f"INSERT INTO {audit_events.name} ({names}) VALUES {', '.join([row] * row_count)}"  # noqa: S608 - no value is in it


def sized_row(event: AuditEvent) -> tuple[int, Values]:
    """Return the approximate size of an event in the database, and its columns."""
    named = {decided.resource: None for decided in event.decisions}
    resources = b"" if tuple(named) == event.resources else _ENCODER.encode(event.resources)
    decisions = _ENCODER.encode(event.decisions)
    policies = _ENCODER.encode(event.policies)
    user_agent, reason, explanation = event.user_agent, event.reason, event.explanation
    variable = len(resources) + len(decisions) + len(policies) + len(user_agent) + len(reason)
    return ROW_BYTES + variable + len(explanation), (
        event.request_id,
        (event.at - _EPOCH) // _MICROSECOND,
        event.service,
        event.operation,
        event.principal_arn,
        event.principal_id,
        event.access_key_id,
        event.instance_id,
        event.source_ip,
        user_agent,
        event.region,
        resources.decode(),
        event.outcome,
        event.error_code,
        reason,
        event.http_status,
        event.snapshot_version,
        decisions.decode(),
        policies.decode(),
        explanation,
    )


def event_of(row: Row[Any]) -> AuditEvent:
    """Return the event of a row."""
    decisions = _DECISIONS.decode(row.decisions)
    named = {decided.resource: None for decided in decisions}
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
        resources=_RESOURCES.decode(row.resources) if row.resources else tuple(named),
        outcome=row.outcome,
        error_code=row.error_code,
        reason=row.reason,
        http_status=row.http_status,
        snapshot_version=row.snapshot_version,
        decisions=decisions,
        policies=_POLICIES.decode(row.policies),
        explanation=row.explanation,
        account_id=row.account_id,
        principal_id=row.principal_id,
        instance_id=row.instance_id,
    )
