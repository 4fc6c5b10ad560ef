"""How aggregates become rows and rows aggregates: a column is the attribute of the same name."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import islice
from operator import attrgetter
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from tabard.store.changes import Journal
from tabard.store.ports import NotStored
from tabard.store.schema import NAME_KEY

K = TypeVar("K")
A = TypeVar("A")

_KEYS_AT_ONCE = 500


def in_chunks(keys: Collection[K]) -> Iterator[list[K]]:
    """The keys, a few hundred at a time: databases bound the parameters of a statement."""
    remaining = iter(keys)
    while chunk := list(islice(remaining, _KEYS_AT_ONCE)):
        yield chunk


class Part:
    """An attribute of aggregates that is a tuple in a table of its own; `position` keeps its order.

    Args:
        attribute: the aggregate's.
        owner: the column that names the aggregate.
        item: what the tuple holds: one column's texts, or a dataclass with an attribute for each column.
    """

    def __init__(self, attribute: str, owner: Column[Any], item: Column[Any] | type) -> None:
        self.attribute = attribute
        self._owner_name = owner.name
        self._make = None if isinstance(item, Column) else item
        self._names = [item.name] if isinstance(item, Column) else [field.name for field in fields(item)]
        columns = [owner, *(owner.table.c[name] for name in self._names)]
        self._all = select(*columns).order_by(owner, owner.table.c.position)
        self._some = self._all.where(owner.in_(bindparam("owners", expanding=True)))
        self._insert = insert(owner.table)
        self._delete = delete(owner.table).where(owner == bindparam("the_owner"))

    def read(self, connection: Connection, owners: Collection[Any] | None) -> dict[Any, tuple[Any, ...]]:
        """The items of these owners, or of all of them, by owner."""
        found: dict[Any, list[Any]] = {}
        for row in _rows(connection, self._all, self._some, "owners", owners):
            values: Sequence[Any]
            owner, *values = row
            item = (
                values[0] if self._make is None else self._make(**dict(zip(self._names, values, strict=True)))
            )
            found.setdefault(owner, []).append(item)
        return {owner: tuple(items) for owner, items in found.items()}

    def write(self, connection: Connection, owner: object, items: tuple[Any, ...], stored: object) -> None:
        """Make the stored items these; untouched where nothing differs."""
        if items == stored:
            return
        if stored:
            self.delete(connection, owner)
        if items:
            connection.execute(
                self._insert,
                [
                    {self._owner_name: owner, "position": position, **self._row(item)}
                    for position, item in enumerate(items)
                ],
            )

    def delete(self, connection: Connection, owner: object) -> None:
        """Remove the items of one owner."""
        connection.execute(self._delete, {"the_owner": owner})

    def _row(self, item: object) -> dict[str, object]:
        if self._make is None:
            return {self._names[0]: item}
        return {name: getattr(item, name) for name in self._names}


class AggregateTable(Generic[K, A]):
    """The table of one kind of aggregate; its statements are made once.

    Args:
        made: the aggregate's dataclass, which has an attribute for every column except `name_key`.
        key: the column by which the aggregate is known.
        parts: its attributes that have tables of their own.
    """

    def __init__(self, made: type[A], key: Column[Any], *, parts: tuple[Part, ...] = ()) -> None:
        table = key.table
        self.key_of = attrgetter(key.name)
        self._made = made
        self._parts = parts
        self._columns = tuple(column.name for column in table.c if column.name != NAME_KEY)
        self._has_name_key = NAME_KEY in table.c
        self._computes_key = isinstance(getattr(made, key.name, None), property)
        self._key_name = key.name
        self._all = select(*(table.c[name] for name in self._columns)).order_by(key)
        self._some = self._all.where(key.in_(bindparam("the_keys", expanding=True)))
        self._is_there = select(key).where(key == bindparam("the_key"))
        self._insert = insert(table)
        self._update = update(table).where(key == bindparam("the_key"))
        self._delete = delete(table).where(key == bindparam("the_key"))

    def where(self, connection: Connection, condition: ColumnElement[bool]) -> list[A]:
        """The aggregates that satisfy a condition, by key."""
        rows = connection.execute(self._all.where(condition)).all()
        keys = [getattr(row, self._key_name) for row in rows]
        return list(self._aggregates(connection, rows, keys).values())

    def read(self, connection: Connection, keys: Collection[K] | None = None) -> dict[K, A]:
        """The aggregates of these keys that are there, or all of them."""
        return self._aggregates(connection, _rows(connection, self._all, self._some, "the_keys", keys), keys)

    def insert(self, journal: Journal, aggregate: A) -> None:
        """Write a new aggregate. Raises AlreadyStored, StillReferenced."""
        key = self.key_of(aggregate)
        with journal.write(key) as connection:
            connection.execute(self._insert, self._row(aggregate))
            for part in self._parts:
                part.write(connection, key, getattr(aggregate, part.attribute), ())

    def update(self, journal: Journal, aggregate: A) -> None:
        """Write an aggregate again. Raises NotStored, AlreadyStored, StillReferenced."""
        key = self.key_of(aggregate)
        with journal.write(key) as connection:
            if not connection.execute(self._update, {**self._row(aggregate), "the_key": key}).rowcount:
                raise NotStored(f"{journal.kind} {key}")
            for part in self._parts:
                stored = part.read(connection, (key,)).get(key, ())
                part.write(connection, key, getattr(aggregate, part.attribute), stored)

    def delete(self, journal: Journal, key: K) -> None:
        """Remove an aggregate, if it is there. Raises StillReferenced."""
        if journal.connection.execute(self._is_there, {"the_key": key}).one_or_none() is None:
            return
        with journal.write(key) as connection:
            for part in self._parts:
                part.delete(connection, key)
            connection.execute(self._delete, {"the_key": key})

    def _row(self, aggregate: A) -> dict[str, object]:
        row: dict[str, object] = {name: getattr(aggregate, name) for name in self._columns}
        if self._has_name_key:
            row[NAME_KEY] = aggregate.name.lower()  # type: ignore[attr-defined]  # its table says that it has one
        return row

    def _aggregates(
        self, connection: Connection, rows: Collection[Row[Any]], keys: Collection[K] | None
    ) -> dict[K, A]:
        parts = [(part.attribute, part.read(connection, keys)) for part in self._parts] if rows else []
        found: dict[K, A] = {}
        for row in rows:
            values: dict[str, Any] = dict(row._mapping)
            key = values.pop(self._key_name) if self._computes_key else values[self._key_name]
            for attribute, items in parts:
                values[attribute] = items.get(key, ())
            found[key] = self._made(**values)
        return found


def _rows(
    connection: Connection, every: Select[Any], some: Select[Any], name: str, keys: Collection[Any] | None
) -> Collection[Row[Any]]:
    if keys is None:
        return connection.execute(every).all()
    return [row for chunk in in_chunks(keys) for row in connection.execute(some, {name: chunk})]


class TableRows(Generic[K, A]):
    """The port of one kind of aggregate over its table; a subclass names the table and adds its look-ups."""

    table: AggregateTable[K, A]

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def read(self, keys: Collection[K] | None = None) -> Mapping[K, A]:
        """The aggregates of these keys that are there, or all of them."""
        return self.table.read(self.journal.connection, keys)

    def where(self, condition: ColumnElement[bool]) -> list[A]:
        """The aggregates that satisfy a condition, by key."""
        return self.table.where(self.journal.connection, condition)

    def first(self, condition: ColumnElement[bool]) -> A | None:
        """The one aggregate that satisfies a condition, if there is one."""
        return next(iter(self.where(condition)), None)

    def get(self, key: K, /) -> A | None:
        """The aggregate of this key, if there is one."""
        return self.read((key,)).get(key)

    def all(self) -> list[A]:
        """Every aggregate of the kind, by key."""
        return list(self.read().values())

    def insert(self, aggregate: A, /) -> None:
        """Write a new aggregate. Raises AlreadyStored, StillReferenced."""
        self.table.insert(self.journal, aggregate)

    def update(self, aggregate: A, /) -> None:
        """Write an aggregate again. Raises NotStored, AlreadyStored, StillReferenced."""
        self.table.update(self.journal, aggregate)

    def delete(self, key: K, /) -> None:
        """Remove an aggregate, if it is there. Raises StillReferenced."""
        self.table.delete(self.journal, key)
