"""The SQL store, for any database: transactions and the reading of snapshots."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, cast

from sqlalchemy import Engine

from tabard.store.changes import TransactionScope, append_changes
from tabard.store.failures import store_failures
from tabard.store.kinds import KINDS
from tabard.store.ports import StoreUnavailable, Transaction, Vault
from tabard.store.rows.audit_trail import SqlAuditTrail
from tabard.store.rows.console_outputs import SqlConsoleOutputs
from tabard.store.rows.installation import installation_account
from tabard.store.snapshot import Snapshot
from tabard.store.snapshot_reader import next_snapshot

BEGIN_WRITING = "tabard_begin_writing"
"""The execution option with which a connection's transactions take the database's write lock at once."""


Mark = bytes | int
"""A value of the store's commit counter."""


class ChangeProbe(Protocol):
    """Detects possible changes of the store, cheaply and without blocking."""

    def mark(self) -> Mark:
        """Read the commit counter from memory: every commit changes it.

        INVARIANT: an acknowledged write of any process is already counted. Only marks of one probe are
        comparable. Raises StoreUnavailable if the counter cannot be read.
        """

    def newest_version(self) -> int:
        """Return the version of the store, which audit events do not change. Raises StoreUnavailable."""

    def changed(self) -> bool:
        """Return whether anything was committed since the last call. Raises StoreUnavailable."""

    def close(self) -> None:
        """Close its connection."""


class Database(Protocol):
    """The part of one kind of database that differs from the shared SQL."""

    @property
    def engine(self) -> Engine: ...
    @property
    def wait_seconds(self) -> float:
        """The timeout of a transaction that waits for others."""

    def require_present(self) -> None:
        """Raise StoreUnavailable if the opened database no longer exists."""

    def open_probe(self) -> ChangeProbe: ...
    def give_back_space(self) -> bool:
        """Return some unused space to the file system; return whether more is left."""


class SqlTransaction:
    """Every port, over one connection's transaction: a `ports.Transaction`, as a test of `KINDS` proves."""

    def __init__(self, scope: TransactionScope, vault: Vault) -> None:
        self._scope = scope
        self.vault = vault
        self.console_outputs = SqlConsoleOutputs(scope)
        self.audit = SqlAuditTrail(scope)
        for kind in KINDS:
            setattr(self, kind.field, kind.port(scope))

    @property
    def account_id(self) -> str:
        return self._scope.account_id

    def before_commit(self) -> None:
        """Append the transaction's changes to the journal."""
        append_changes(self._scope.connection, self._scope.written)


@dataclass(slots=True)
class SqlStore:
    """Implements `ports.Store`. Every method blocks: call them from a worker thread."""

    database: Database
    vault: Vault = field(repr=False)
    # Writers of one process queue here, which is fairer and faster than the database's own busy loop.
    _writing: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _closed: bool = False
    _own_account_id: str = ""

    @contextmanager
    def transaction(self, account_id: str = "") -> Iterator[Transaction]:
        """Begin a serializable write transaction; commit on leaving, roll back on any exception.

        Args:
            account_id: the account that the ports read and write; by default the installation's own.
        Raises:
            StoreUnavailable: locked for longer than the database waits, unreachable, full or damaged. If the
                commit itself raises it, nothing was written.
        """
        with self._one_writer(), self._scope(account_id, writing=True) as scope:
            transaction = SqlTransaction(scope, self.vault)
            yield cast(Transaction, transaction)
            transaction.before_commit()

    @contextmanager
    def reading(self, account_id: str = "") -> Iterator[Transaction]:
        """Begin a read-only transaction: it sees one version and never waits for writers.

        Raises:
            StoreUnavailable.
        """
        with self._scope(account_id, writing=False) as scope:
            yield cast(Transaction, SqlTransaction(scope, self.vault))

    def next_snapshot(self, current: Snapshot | None = None, *, account_id: str = "") -> Snapshot:
        """Return the newest snapshot of an account, updated from the current one if that is recent enough.

        Raises:
            StoreUnavailable.
        """
        with self._scope(account_id, writing=False) as scope:
            return next_snapshot(scope, current)

    def open_probe(self) -> ChangeProbe:
        """Open a probe with its own connection, for the calling thread. Raises StoreUnavailable."""
        return self.database.open_probe()

    def require_present(self) -> None:
        """Raise StoreUnavailable if the opened store no longer exists."""
        self.database.require_present()

    def give_back_space(self) -> bool:
        """Return some unused space to the file system, and whether more is left. Raises StoreUnavailable."""
        self.database.require_present()
        with self._one_writer(), store_failures():
            return self.database.give_back_space()

    def close(self) -> None:
        """Close every connection. Later calls are refused."""
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
    def _scope(self, account_id: str, *, writing: bool) -> Iterator[TransactionScope]:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        self.database.require_present()
        with store_failures(), self.database.engine.connect() as opened:
            connection = opened.execution_options(**{BEGIN_WRITING: writing})
            with connection.begin():
                own = self._own_account_id
                find_account = (lambda _: account_id or own) if account_id or own else installation_account
                scope = TransactionScope(connection, find_account)
                yield scope
            # After its commit, the installation's account never changes.
            self._own_account_id = own or ("" if account_id else scope.known_account_id)
