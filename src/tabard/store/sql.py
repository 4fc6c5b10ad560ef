"""The store over SQL, whichever database it is: transactions, and the snapshots that are read from it."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, cast

from sqlalchemy import Connection, Engine

from tabard.store.changes import Journal, append_changes, changed_since
from tabard.store.failures import store_failures
from tabard.store.kinds import KINDS
from tabard.store.ports import StoreUnavailable, Transaction, Vault
from tabard.store.rows.audit_trail import SqlAuditTrail
from tabard.store.rows.console_outputs import SqlConsoleOutputs
from tabard.store.snapshot import Snapshot
from tabard.store.snapshot_reader import next_snapshot

BEGIN_WRITING = "tabard_begin_writing"
"""The execution option by which a connection's transactions take the database's write lock at once."""


class ChangeProbe(Protocol):
    """Notices, cheaply and without blocking, that the store may have changed."""

    def changed(self) -> bool:
        """Whether anything was committed since the last call. Raises StoreUnavailable."""

    def close(self) -> None:
        """Let go of its connection."""


class Database(Protocol):
    """What one kind of database adds to the SQL that all of them share."""

    @property
    def engine(self) -> Engine: ...
    @property
    def wait_seconds(self) -> float:
        """How long a transaction waits for others before the store counts as unavailable."""

    def require_present(self) -> None:
        """Raises StoreUnavailable where the database that was opened is there no more."""

    def open_probe(self) -> ChangeProbe: ...


class SqlTransaction:
    """Every port, over one connection's transaction: a `ports.Transaction`, as a test of `KINDS` proves."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        self._connection = connection
        self._written: dict[tuple[str, str], None] = {}
        self.vault = vault
        self.console_outputs = SqlConsoleOutputs(connection)
        self.audit = SqlAuditTrail(connection)
        for kind in KINDS:
            setattr(self, kind.field, kind.rows(Journal(connection, kind.name, self._written)))

    def before_commit(self) -> None:
        """Write down what the transaction has changed."""
        append_changes(self._connection, self._written)


@dataclass(slots=True)
class SqlStore:
    """Satisfies `ports.Store`. Every method blocks: call them from a thread that may."""

    database: Database
    vault: Vault = field(repr=False)
    # Writers of one process queue here: fairer and quicker than the database's own busy loop.
    _writing: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _closed: bool = False

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begin a serial transaction that may write; commit on leaving, roll back on any exception.

        Raises:
            StoreUnavailable: locked for longer than the database waits, away, full or damaged. Where the
                commit itself says so, nothing was written.
        """
        with self._one_writer(), self._connection(writing=True) as connection:
            transaction = SqlTransaction(connection, self.vault)
            yield cast(Transaction, transaction)
            transaction.before_commit()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Begin a transaction that only reads: it sees one version and never waits for writers.

        Raises:
            StoreUnavailable.
        """
        with self._connection(writing=False) as connection:
            yield cast(Transaction, SqlTransaction(connection, self.vault))

    def next_snapshot(self, current: Snapshot | None = None) -> Snapshot:
        """The newest snapshot, made from the current one where that is near enough.

        Raises:
            StoreUnavailable.
        """
        with self._connection(writing=False) as connection:
            return next_snapshot(connection, current)

    def changed_since(self, version: int) -> Mapping[str, frozenset[str]]:
        """The keys of what was written after a version, by the name of their kind.

        Raises:
            StoreUnavailable; TooFarBehind: the journal does not reach back to this version.
        """
        with self._connection(writing=False) as connection:
            return changed_since(connection, version)

    def open_probe(self) -> ChangeProbe:
        """A probe of its own connection, for the thread that calls this. Raises StoreUnavailable."""
        return self.database.open_probe()

    def require_present(self) -> None:
        """Raises StoreUnavailable where the store that was opened is there no more."""
        self.database.require_present()

    def close(self) -> None:
        """Let go of every connection; whatever is asked afterwards is refused."""
        self._closed = True
        self.database.engine.dispose()

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        if not self._writing.acquire(timeout=self.database.wait_seconds):
            raise StoreUnavailable("another transaction of this process has not ended")
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def _connection(self, *, writing: bool) -> Iterator[Connection]:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        self.database.require_present()
        with store_failures(), self.database.engine.connect() as opened:
            connection = opened.execution_options(**{BEGIN_WRITING: writing})
            with connection.begin():
                yield connection
