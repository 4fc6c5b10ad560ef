"""The mapping of aggregates ⇄ rows: a column has the name of its attribute."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import islice
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Delete,
    Row,
    Select,
    Update,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from tabard.store.changes import Journal
from tabard.store.ports import NotStored
from tabard.store.schema import ACCOUNT, NAME_KEY

K = TypeVar("K")
A = TypeVar("A")
S = TypeVar("S", Select[Any], Update, Delete)

_KEYS_AT_ONCE = 500
_AS_IT_IS: Mapping[str, str] = MappingProxyType({})


def in_chunks(keys: Collection[K]) -> Iterator[list[K]]:
    """Yield the keys in chunks of a few hundred: databases limit the parameters of a statement."""
    remaining = iter(keys)
    while chunk := list(islice(remaining, _KEYS_AT_ONCE)):
        yield chunk


class Part:
    """A tuple attribute of aggregates, in its own table; `position` stores the order.

    Args:
        attribute: the name of the aggregate's attribute.
        owner: the column that names the aggregate.
        item: the type of the items: texts of one column, or a dataclass with an attribute for each column.
    """

    def __init__(self, attribute: str, owner: Column[Any], item: Column[Any] | type) -> None:
        self.attribute = attribute
        self._rows = _Statements(owner)
        self._make = None if isinstance(item, Column) else item
        self._names = [item.name] if isinstance(item, Column) else [field.name for field in fields(item)]
        columns = [owner, *(owner.table.c[name] for name in self._names)]
        self._reading = self._rows.reading(select(*columns).order_by(owner, owner.table.c.position))

    def read(self, journal: Journal, owners: Collection[Any] | None) -> dict[Any, tuple[Any, ...]]:
        """Read the items of these owners, or of all owners, by owner."""
        found: dict[Any, list[Any]] = {}
        for row in self._reading.rows(journal, owners):
            owner, *values = tuple[Any, ...](row)
            item = (
                values[0] if self._make is None else self._make(**dict(zip(self._names, values, strict=True)))
            )
            found.setdefault(owner, []).append(item)
        return {owner: tuple(items) for owner, items in found.items()}

    def write(self, journal: Journal, owner: object, items: tuple[Any, ...], stored: object) -> None:
        """Replace the stored items by these; no-op if they are equal."""
        if items == stored:
            return
        if stored:
            self.delete(journal, owner)
        if items:
            key = self._rows.key(journal, owner)
            rows = [{**key, "position": place, **self._row(item)} for place, item in enumerate(items)]
            journal.connection.execute(self._rows.insert, rows)

    def delete(self, journal: Journal, owner: object) -> None:
        """Remove the items of one owner."""
        journal.connection.execute(self._rows.delete, self._rows.named(journal, owner))

    def _row(self, item: object) -> dict[str, object]:
        if self._make is None:
            return {self._names[0]: item}
        return {name: getattr(item, name) for name in self._names}


class AggregateTable(Generic[K, A]):
    """The table of one kind of aggregate.

    Args:
        made: the aggregate's dataclass. Only the columns `name_key` and `account_id` may lack an attribute.
        key: the column of the aggregate's key.
        parts: its attributes with their own tables.
        renamed: the attribute of a column with another name; empty for a column without an attribute.
    """

    def __init__(
        self,
        made: type[A],
        key: Column[Any],
        *,
        parts: tuple[Part, ...] = (),
        renamed: Mapping[str, str] = _AS_IT_IS,
    ) -> None:
        table = key.table
        attributes = {column.name: renamed.get(column.name, column.name) for column in table.c}
        self.key_of = attrgetter(key.name)
        self._made = made
        self._parts = parts
        self._attributes = {column: name for column, name in attributes.items() if hasattr(made, name)}
        self._has_name_key = NAME_KEY in table.c
        self._key_name = key.name
        self._computes_key = isinstance(getattr(made, key.name, None), property)
        self._rows = _Statements(key)
        columns = [table.c[column].label(name) for column, name in self._attributes.items()]
        self._reading = self._rows.reading(select(*columns).order_by(key))

    def query(self, condition: ColumnElement[bool]) -> Select[Any]:
        """Make the query for aggregates that satisfy a condition: once, for `where`."""
        return self._reading.every.where(condition)

    def where(self, journal: Journal, query: Select[Any], values: Mapping[str, object]) -> list[A]:
        """Return the account's aggregates that satisfy a query with these values, by key."""
        rows = journal.connection.execute(query, {**self._rows.account(journal), **values}).all()
        keys = [getattr(row, self._key_name) for row in rows]
        return list(self._aggregates(journal, rows, keys).values())

    def read(self, journal: Journal, keys: Collection[K] | None = None) -> dict[K, A]:
        """Read the account's existing aggregates with these keys, or all of them."""
        return self._aggregates(journal, self._reading.rows(journal, keys), keys)

    def insert(self, journal: Journal, aggregate: A) -> None:
        """Write a new aggregate. Raises AlreadyStored, StillReferenced."""
        key = self.key_of(aggregate)
        with journal.write(key) as connection:
            connection.execute(self._rows.insert, self._row(journal, aggregate))
            for part in self._parts:
                part.write(journal, key, getattr(aggregate, part.attribute), ())

    def update(self, journal: Journal, aggregate: A) -> None:
        """Write an aggregate again. Raises NotStored, AlreadyStored, StillReferenced."""
        key = self.key_of(aggregate)
        with journal.write(key) as connection:
            row = {**self._row(journal, aggregate), **self._rows.named(journal, key)}
            if not connection.execute(self._rows.update, row).rowcount:
                raise NotStored(f"{journal.kind} {key}")
            for part in self._parts:
                stored = part.read(journal, (key,)).get(key, ())
                part.write(journal, key, getattr(aggregate, part.attribute), stored)

    def delete(self, journal: Journal, key: K) -> None:
        """Remove an aggregate, if it exists. Raises StillReferenced."""
        if not self._rows.keys.rows(journal, (key,)):
            return
        with journal.write(key) as connection:
            for part in self._parts:
                part.delete(journal, key)
            connection.execute(self._rows.delete, self._rows.named(journal, key))

    def _row(self, journal: Journal, aggregate: A) -> dict[str, object]:
        row = {column: getattr(aggregate, name) for column, name in self._attributes.items()}
        account = self._rows.key(journal, self.key_of(aggregate))
        # INVARIANT: an aggregate is written only into its own account.
        if row.get(ACCOUNT, journal.account_id) != journal.account_id:
            raise ValueError(
                f"{journal.kind} {self.key_of(aggregate)} is not of account {journal.account_id!r}"
            )
        if self._has_name_key:
            row[NAME_KEY] = aggregate.name.lower()  # type: ignore[attr-defined]  # its table says that it has one
        return row | account

    def _aggregates(
        self, journal: Journal, rows: Collection[Row[Any]], keys: Collection[K] | None
    ) -> dict[K, A]:
        parts = [(part.attribute, part.read(journal, keys)) for part in self._parts] if rows else []
        found: dict[K, A] = {}
        for row in rows:
            values: dict[str, Any] = dict(zip(self._attributes.values(), row, strict=True))
            key = values.pop(self._key_name) if self._computes_key else values[self._key_name]
            for attribute, items in parts:
                values[attribute] = items.get(key, ())
            found[key] = self._made(**values)
        return found


class _Statements:
    """The statements of one table, made once. Those of an account's table reach only one account."""

    def __init__(self, key: Column[Any]) -> None:
        table = key.table
        self._key = key
        self._account = table.c.get(ACCOUNT)
        is_key = key == bindparam("the_key")
        self.keys = self.reading(select(key))
        self.insert = insert(table)
        self.update = self.of_account(update(table).where(is_key))
        self.delete = self.of_account(delete(table).where(is_key))

    def of_account(self, statement: S) -> S:
        """Restrict the statement to the account's rows."""
        if self._account is None:
            return statement
        return statement.where(self._account == bindparam("the_account"))

    def account(self, journal: Journal) -> dict[str, object]:
        """Return the parameter of every statement except `insert`."""
        return {} if self._account is None else {"the_account": journal.account_id}

    def named(self, journal: Journal, key: object) -> dict[str, object]:
        """Return the parameters of `update` and `delete`."""
        return {**self.account(journal), "the_key": key}

    def key(self, journal: Journal, key: object) -> dict[str, object]:
        """Return the key's columns of a row to insert."""
        account = {} if self._account is None else {ACCOUNT: journal.account_id}
        return {**account, self._key.name: key}

    def reading(self, columns: Select[Any]) -> "_Reading":
        """Make the statements that read these columns."""
        every = self.of_account(columns)
        some = every.where(self._key.in_(bindparam("the_keys", expanding=True)))
        return _Reading(every, some, self.account)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The statements that read the rows of some keys, or every row."""

    every: Select[Any]
    some: Select[Any]
    account: Callable[[Journal], dict[str, object]]

    def rows(self, journal: Journal, keys: Collection[Any] | None) -> list[Row[Any]]:
        """Read the rows of these keys, or all rows."""
        account = self.account(journal)
        if keys is None:
            return list(journal.connection.execute(self.every, account).all())
        return [
            row
            for chunk in in_chunks(keys)
            for row in journal.connection.execute(self.some, {**account, "the_keys": chunk}).all()
        ]


class TableRows(Generic[K, A]):
    """The port of one kind of aggregate over its table. A subclass names the table and adds its lookups."""

    table: AggregateTable[K, A]

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def read(self, keys: Collection[K] | None = None) -> Mapping[K, A]:
        """Read the existing aggregates of these keys, or all of them."""
        return self.table.read(self.journal, keys)

    def where(self, query: Select[Any], **values: object) -> list[A]:
        """Return the aggregates that satisfy a query of the table, by key."""
        return self.table.where(self.journal, query, values)

    def first(self, query: Select[Any], **values: object) -> A | None:
        """Return the first aggregate that satisfies a query of the table, or None."""
        return next(iter(self.where(query, **values)), None)

    def get(self, key: K, /) -> A | None:
        """Return the aggregate with this key, or None."""
        return self.read((key,)).get(key)

    def all(self) -> list[A]:
        """Return every aggregate of the kind, by key."""
        return list(self.read().values())

    def insert(self, aggregate: A, /) -> None:
        """Write a new aggregate. Raises AlreadyStored, StillReferenced."""
        self.table.insert(self.journal, aggregate)

    def update(self, aggregate: A, /) -> None:
        """Write an aggregate again. Raises NotStored, AlreadyStored, StillReferenced."""
        self.table.update(self.journal, aggregate)

    def delete(self, key: K, /) -> None:
        """Remove an aggregate, if it exists. Raises StillReferenced."""
        self.table.delete(self.journal, key)
