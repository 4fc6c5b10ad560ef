"""The journal of changes: which aggregate was written at which version, so that snapshots read only that.

Theory of operation. A version is the number of a commit that changed a snapshot. A transaction collects the
keys that it writes. As its last statements before the commit it raises the one row of `change_counter` and
writes these keys under the counter's new value. The database lets nobody else raise that row until the
transaction has ended, so versions are in the order of the commits and have no gaps: a reader that has seen
version 7 never meets a version 6 later. A sequence gives no such order, since it hands out its numbers before
the commit.
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
"""A reader that is more versions behind than this reads everything again."""

_TRIM_EVERY = 1_000

change_counter = Table(
    "change_counter",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)
"""One row, whose number is 1."""

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
"""Account id, name of the kind, key. The account id is empty for what belongs to the installation."""


class TooFarBehind(Exception):
    """The journal does not reach back to this version, or never had it: read everything again."""


@dataclass(slots=True)
class TransactionScope:
    """What all ports of one transaction share.

    `account_id` is the account that they see and write; `known_account_id` is empty until a port needs it.
    `written` are its changes so far, in their order.
    """

    connection: Connection
    find_account: Callable[[Connection], str]
    written: dict[Change, None] = field(default_factory=dict)
    known_account_id: str = ""

    @property
    def account_id(self) -> str:
        """The account; found when it is first needed, since the first transaction of all writes it."""
        if not self.known_account_id:
            self.known_account_id = self.find_account(self.connection)
        return self.known_account_id


@dataclass(frozen=True, slots=True)
class Journal:
    """One transaction, for one kind of aggregate; every write goes through it."""

    scope: TransactionScope
    kind: str
    is_of_account: bool

    @property
    def connection(self) -> Connection:
        """The transaction's own."""
        return self.scope.connection

    @property
    def account_id(self) -> str:
        """The account that the kind's rows belong to; empty where the installation has them."""
        return self.scope.account_id if self.is_of_account else ""

    @contextmanager
    def write(self, key: object) -> Iterator[Connection]:
        """Make one write, whole or not at all, and remember its key for the end of the transaction.

        Raises:
            AlreadyStored, StillReferenced: nothing of this write is there; the transaction may go on.
        """
        try:
            with self.connection.begin_nested():
                yield self.connection
        except IntegrityError as error:
            raise refused_write(error, f"{self.kind} {key}") from error
        self.scope.written[self.account_id, self.kind, str(key)] = None


def append_changes(connection: Connection, written: Collection[Change]) -> None:
    """Write down the changes of a transaction that is about to commit; nothing where it changed nothing.

    INVARIANT: these are the transaction's last statements. Whatever came after them would be written while
    every other writer waits, and two transactions that wait for each other's rows would never end.
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
    """The version of the store that this transaction sees; 0 before its first change."""
    version: int = connection.execute(_NEWEST).scalar_one()
    return version


def newest_version_statement(dialect: Dialect) -> str:
    """The statement of `newest_version`, for a connection of the database's own driver."""
    return str(_NEWEST.compile(dialect=dialect))


def changed_since(scope: TransactionScope, version: int, *, newest: int) -> Mapping[str, frozenset[str]]:
    """The keys of the account and the installation written after `version`, by kind. Raises TooFarBehind."""
    connection = scope.connection
    oldest = connection.execute(_OLDEST).scalar() or 0
    if version > newest or oldest > version + 1:
        raise TooFarBehind
    found: dict[str, set[str]] = {}
    for kind, key in connection.execute(_SINCE, {"version": version, "account_id": scope.account_id}):
        found.setdefault(kind, set()).add(key)
    return {kind: frozenset(keys) for kind, keys in found.items()}
