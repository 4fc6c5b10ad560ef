"""Aggregates that are one row of one table."""

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Row, bindparam, delete, insert, select, update

from tabard.store.changes import ChangeKind, Journal
from tabard.store.ports import NotStored

K = TypeVar("K", str, int)
A = TypeVar("A")

_KEYS_AT_ONCE = 500


def in_chunks(keys: Collection[K]) -> Iterator[list[K]]:
    """The keys, a few hundred at a time: databases bound the parameters of a statement."""
    remaining = iter(keys)
    while chunk := list(islice(remaining, _KEYS_AT_ONCE)):
        yield chunk


class SingleTable(Generic[K, A]):
    """How one kind of aggregate is read and written; statements are made once."""

    def __init__(
        self,
        *,
        kind: ChangeKind,
        key: Column[Any],
        to_row: Callable[[A], Mapping[str, object]],
        from_row: Callable[[Row[Any]], A],
    ) -> None:
        self._kind = kind
        self._key_name = key.name
        self._to_row = to_row
        self._from_row = from_row
        self._all = select(key.table).order_by(key)
        self._one = select(key.table).where(key == bindparam("the_key"))
        self._some = self._all.where(key.in_(bindparam("the_keys", expanding=True)))
        self._insert = insert(key.table)
        self._update = update(key.table).where(key == bindparam("the_key"))
        self._delete = delete(key.table).where(key == bindparam("the_key"))

    def get(self, connection: Connection, key: K) -> A | None:
        """The aggregate of this key, if there is one."""
        row = connection.execute(self._one, {"the_key": key}).one_or_none()
        return None if row is None else self._from_row(row)

    def where(self, connection: Connection, condition: ColumnElement[bool]) -> list[A]:
        """The aggregates that satisfy a condition, by key."""
        return [self._from_row(row) for row in connection.execute(self._all.where(condition))]

    def read(self, connection: Connection, keys: Collection[K] | None = None) -> dict[K, A]:
        """The aggregates of these keys that are there, or all of them."""
        if keys is None:
            return {
                getattr(row, self._key_name): self._from_row(row) for row in connection.execute(self._all)
            }
        return {
            getattr(row, self._key_name): self._from_row(row)
            for chunk in in_chunks(keys)
            for row in connection.execute(self._some, {"the_keys": chunk})
        }

    def insert(self, journal: Journal, aggregate: A) -> None:
        """Write a new aggregate. Raises AlreadyStored, StillReferenced."""
        row = dict(self._to_row(aggregate))
        with journal.write(self._kind, str(row[self._key_name])) as connection:
            connection.execute(self._insert, row)

    def update(self, journal: Journal, aggregate: A) -> None:
        """Write an aggregate anew. Raises NotStored, AlreadyStored, StillReferenced."""
        row = dict(self._to_row(aggregate))
        key = row.pop(self._key_name)
        with journal.write(self._kind, str(key)) as connection:
            if not connection.execute(self._update, {**row, "the_key": key}).rowcount:
                raise NotStored(f"{self._kind} {key}")

    def delete(self, journal: Journal, key: K) -> None:
        """Remove an aggregate, if it is there. Raises StillReferenced."""
        if journal.connection.execute(self._one, {"the_key": key}).one_or_none() is None:
            return
        with journal.write(self._kind, str(key)) as connection:
            connection.execute(self._delete, {"the_key": key})
