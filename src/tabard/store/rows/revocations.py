"""Revocations ⇄ rows."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, select, update

from tabard.model.revocation import Revocation
from tabard.store.changes import ChangeKind, Journal
from tabard.store.schema import revocations

_ALL = select(revocations)


def change_key(subject: str, subject_id: str) -> str:
    """How `changes` names a revocation."""
    return f"{subject}/{subject_id}"


def read_revocations(
    connection: Connection, change_keys: Collection[str] | None = None
) -> dict[str, Revocation]:
    """The revocations that these change keys name and that are there, or all of them, by change key."""
    if change_keys is None:
        return {change_key(row.subject, row.subject_id): _from_row(row) for row in connection.execute(_ALL)}
    found = {}
    for key in change_keys:
        subject, _, subject_id = key.partition("/")
        row = _stored(connection, subject, subject_id)
        if row is not None:
            found[key] = _from_row(row)
    return found


@dataclass(frozen=True, slots=True)
class SqlRevocations:
    """Satisfies `ports.Revocations`."""

    journal: Journal

    def record(self, revocation: Revocation) -> None:
        """Write a mark; of two marks on one subject the later moments stay."""
        subject, subject_id = revocation.subject, revocation.subject_id
        not_before, forget_after = revocation.not_before, revocation.forget_after
        stored = _stored(self.journal.connection, subject, subject_id)
        with self.journal.write(ChangeKind.REVOCATION, change_key(subject, subject_id)) as connection:
            if stored is None:
                connection.execute(
                    insert(revocations),
                    {
                        "subject": subject,
                        "subject_id": subject_id,
                        "not_before": not_before,
                        "forget_after": forget_after,
                    },
                )
            else:
                connection.execute(
                    update(revocations).where(_is(subject, subject_id)),
                    {
                        "not_before": max(not_before, stored.not_before),
                        "forget_after": max(forget_after, stored.forget_after),
                    },
                )

    def forget_until(self, now: datetime) -> int:
        """Remove the marks whose time is up; how many there were."""
        gone = self.journal.connection.execute(_ALL.where(revocations.c.forget_after <= now)).all()
        for row in gone:
            with self.journal.write(
                ChangeKind.REVOCATION, change_key(row.subject, row.subject_id)
            ) as connection:
                connection.execute(delete(revocations).where(_is(row.subject, row.subject_id)))
        return len(gone)


def _stored(connection: Connection, subject: str, subject_id: str) -> Row[Any] | None:
    return connection.execute(_ALL.where(_is(subject, subject_id))).one_or_none()


def _is(subject: str, subject_id: str) -> Any:  # noqa: ANN401 — a SQL expression
    return and_(revocations.c.subject == subject, revocations.c.subject_id == subject_id)


def _from_row(row: Row[Any]) -> Revocation:
    return Revocation(**row._mapping)
