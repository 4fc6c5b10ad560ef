"""Audit events ⇄ rows. They change no snapshot, so they leave no change behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, insert, or_, select

from tabard.model.audit_event import AuditEvent, DecidedCheck
from tabard.policy import Effect, Layer, MatchedStatement
from tabard.store.schema import DENIED, audit_events

PRUNED_AT_ONCE = 10_000

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
_INSERT = insert(audit_events)


@dataclass(frozen=True, slots=True)
class SqlAuditTrail:
    """Satisfies `ports.AuditTrail`."""

    connection: Connection

    def append(self, events: Sequence[AuditEvent]) -> None:
        if events:
            self.connection.execute(_INSERT, [_to_row(event) for event in events])

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


def _to_row(event: AuditEvent) -> dict[str, object]:
    return {
        "request_id": event.request_id,
        "at": event.at,
        "service": event.service,
        "operation": event.operation,
        "principal_arn": event.principal_arn,
        "access_key_id": event.access_key_id,
        "source_ip": event.source_ip,
        "user_agent": event.user_agent,
        "region": event.region,
        "resources": list(event.resources),
        "outcome": event.outcome,
        "error_code": event.error_code,
        "reason": event.reason,
        "http_status": event.http_status,
        "snapshot_version": event.snapshot_version,
        "decisions": _decisions_column(event),
        "explanation": event.explanation,
    }


def _decisions_column(event: AuditEvent) -> list[object]:
    """As short as may be: there is a row for every request. A resource is its place among the event's."""
    places: dict[str, int] = {resource: place for place, resource in enumerate(event.resources)}
    return [
        [
            decided.action,
            places[decided.resource],
            decided.effect.value,
            decided.layer.value,
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
