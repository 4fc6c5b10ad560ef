"""The change journal: the aggregates that each version wrote, so that snapshots read only those.

Theory of operation. A version is the number of a commit that changed a snapshot. A transaction collects the
keys that it writes. As its last statements before the commit, it increments the one row of `change_counter`
and writes these keys under the new value. The database blocks other transactions on that row until this one
has ended. So versions follow the order of the commits, without gaps: a reader that has seen version 7 never
finds a version 6 later. A sequence gives no such order, because it assigns its numbers before the commit.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Dialect,
    Integer,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from tabard.store.failures import refused_write
from tabard.store.schema import account_column, key_column, metadata

KEPT_CHANGES = 10_000
"""A reader that is more versions behind loads everything again."""

_TRIM_EVERY = 1_000

change_counter = Table(
    "change_counter",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)
"""A table with one row, whose number is 1."""

changes = Table(
    "changes",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    account_column(),
    key_column("kind"),
    key_column("key"),
)

_COUNT = (
    update(change_counter).values(version=change_counter.c.version + 1).returning(change_counter.c.version)
)
_NEWEST = select(change_counter.c.version)
_OLDEST = select(func.min(changes.c.version))
_INSERT = insert(changes)
_CHANGE = ("account_id", "kind", "key")
_SINCE = select(changes.c.kind, changes.c.key).where(
    changes.c.version > bindparam("version"), changes.c.account_id.in_((bindparam("account_id"), ""))
)

Change = tuple[str, str, str]
"""Account id, name of the kind, key. The account id is empty for the installation's own rows."""


class TooFarBehind(Exception):
    """The journal does not reach back to this version, or never had it: load everything again."""


@dataclass(slots=True)
class TransactionScope:
    """The shared state of all ports in one transaction.

    `account_id` is the account that they read and write; `known_account_id` is empty until a port needs it.
    `written` contains its changes so far, in their order.
    """

    connection: Connection
    find_account: Callable[[Connection], str]
    written: dict[Change, None] = field(default_factory=dict)
    known_account_id: str = ""

    @property
    def account_id(self) -> str:
        """The account. It is looked up at first use, because the very first transaction writes it."""
        if not self.known_account_id:
            self.known_account_id = self.find_account(self.connection)
        return self.known_account_id


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of one transaction for one kind of aggregate. Every write goes through it."""

    scope: TransactionScope
    kind: str
    is_of_account: bool

    @property
    def connection(self) -> Connection:
        """The transaction's connection."""
        return self.scope.connection

    @property
    def account_id(self) -> str:
        """The account of the kind's rows; empty if they belong to the installation."""
        return self.scope.account_id if self.is_of_account else ""

    @contextmanager
    def write(self, key: object) -> Iterator[Connection]:
        """Make one atomic write, and record its key for the end of the transaction.

        Raises:
            AlreadyStored, StillReferenced: this write had no effect; the transaction may continue.
        """
        try:
            with self.connection.begin_nested():
                yield self.connection
        except IntegrityError as error:
            raise refused_write(error, f"{self.kind} {key}") from error
        self.scope.written[self.account_id, self.kind, str(key)] = None


def append_changes(connection: Connection, written: Collection[Change]) -> None:
    """Append the changes of a transaction just before its commit; no-op without changes.

    INVARIANT: these are the transaction's last statements. Every other writer waits during later statements,
    and two transactions that wait for each other's rows would deadlock.
    """
    if not written:
        return
    version = connection.execute(_COUNT).scalar_one()
    connection.execute(
        _INSERT, [dict(zip(("version", *_CHANGE), (version, *change), strict=True)) for change in written]
    )
    if version % _TRIM_EVERY == 0:
        connection.execute(delete(changes).where(changes.c.version <= version - KEPT_CHANGES))


def newest_version(connection: Connection) -> int:
    """Return the version of the store that this transaction sees; 0 before the first change."""
    version: int = connection.execute(_NEWEST).scalar_one()
    return version


def newest_version_statement(dialect: Dialect) -> str:
    """Return the SQL of `newest_version`, for a connection of the database's own driver."""
    return str(_NEWEST.compile(dialect=dialect))


def changed_since(scope: TransactionScope, version: int, *, newest: int) -> Mapping[str, frozenset[str]]:
    """Return the keys of account and installation written after `version`, by kind. Raises TooFarBehind."""
    connection = scope.connection
    oldest = connection.execute(_OLDEST).scalar() or 0
    if version > newest or oldest > version + 1:
        raise TooFarBehind
    found: dict[str, set[str]] = {}
    for kind, key in connection.execute(_SINCE, {"version": version, "account_id": scope.account_id}):
        found.setdefault(kind, set()).add(key)
    return {kind: frozenset(keys) for kind, keys in found.items()}
