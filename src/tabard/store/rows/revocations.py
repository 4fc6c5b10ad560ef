"""Revocations ⇄ rows."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Table, delete, insert, select, update

from tabard.model.revocation import Revocation, RevocationSubject
from tabard.store import ports
from tabard.store.changes import Journal
from tabard.store.schema import account_column, account_index, key_column, metadata, time_column
from tabard.store.snapshot import RevocationKey

revocations = Table(
    "revocations",
    metadata,
    account_column(),
    key_column("subject"),
    key_column("subject_id"),
    time_column("not_before"),
    time_column("forget_after"),
    account_index("forget_after"),
)

_ALL = select(
    revocations.c.subject, revocations.c.subject_id, revocations.c.not_before, revocations.c.forget_after
)


def revocation_key(text: str) -> RevocationKey:
    """Parse the key that the journal writes as `subject/subject_id`."""
    subject, _, subject_id = text.partition("/")
    return cast(RevocationSubject, subject), subject_id


class SqlRevocations(ports.Revocations):
    """Satisfies `ports.Revocations`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def read(self, keys: Collection[RevocationKey] | None = None) -> dict[RevocationKey, Revocation]:
        """Read the existing revocations of these subjects, or all of them."""
        found = self._where() if keys is None else [row for key in keys for row in self._where(*_is(key))]
        return {(row.subject, row.subject_id): Revocation(**row._mapping) for row in found}

    def record(self, revocation: Revocation) -> None:
        """Write a mark. For one subject, the later times stay."""
        key = (revocation.subject, revocation.subject_id)
        stored = self.read((key,)).get(key, revocation)
        marks = {
            "not_before": max(revocation.not_before, stored.not_before),
            "forget_after": max(revocation.forget_after, stored.forget_after),
        }
        subject = {"account_id": self._journal.account_id, "subject": key[0], "subject_id": key[1]}
        with self._journal.write("/".join(key)) as connection:
            changed = connection.execute(update(revocations).where(self._own(), *_is(key)), marks)
            if not changed.rowcount:
                connection.execute(insert(revocations), {**subject, **marks})

    def forget_until(self, now: datetime) -> int:
        """Remove the expired marks; return their number."""
        gone = self._where(revocations.c.forget_after <= now)
        for row in gone:
            key = (row.subject, row.subject_id)
            with self._journal.write("/".join(key)) as connection:
                connection.execute(delete(revocations).where(self._own(), *_is(key)))
        return len(gone)

    def _where(self, *conditions: ColumnElement[bool]) -> list[Row[Any]]:
        return list(self._journal.connection.execute(_ALL.where(self._own(), *conditions)))

    def _own(self) -> ColumnElement[bool]:
        return revocations.c.account_id == self._journal.account_id


def _is(key: RevocationKey) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return revocations.c.subject == key[0], revocations.c.subject_id == key[1]
