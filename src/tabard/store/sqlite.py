"""The store in one SQLite file: durable at every commit, readable only by its owner.

Reference: https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html
"""

import os
import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from tabard.clock import SystemClock
from tabard.store.changes import newest_version_statement
from tabard.store.failures import store_failures
from tabard.store.migrate import migrate
from tabard.store.ports import StoreUnavailable, Vault
from tabard.store.sql import BEGIN_WRITING, ChangeProbe, Mark, SqlStore
from tabard.store.wal_index import CommitCounter, open_wal_index

WAIT_SECONDS = 5.0
"""The timeout of a transaction that waits for another process."""

WAL_INDEX_NOT_FOLLOWED = "wal_index_not_followed"

_DATA_VERSION = "PRAGMA data_version"
_RETRY_SECONDS = 0.01
_INCREMENTAL = 2
_WAL_KEPT_BYTES = 64 * 1024 * 1024

SPARE_PAGES = 2_048
"""Free pages (8 MiB) that the file keeps for later writes; more are returned to the file system."""

_PAGES_AT_ONCE = 256

_log = structlog.get_logger(__name__)

FileIdentity = tuple[int, int]


def open_sqlite_store(path: Path, *, vault: Vault, wait_seconds: float = WAIT_SECONDS) -> SqlStore:
    """Open the store in `path`; make and migrate it if necessary. Several processes may do so at once.

    Args:
        path: the file. It gets mode 0600, also if it exists with another. Its folder must exist.
        wait_seconds: how long a transaction waits for the lock of another process.
    Raises:
        StoreUnavailable: the file cannot be made, opened, locked or read, or a newer Tabard made it.
    """
    try:
        _make_private(path)
        identity = _identity(path)
    except OSError as error:
        raise StoreUnavailable(f"the store {path} cannot be opened: {error.strerror}") from error
    database = SqliteDatabase(path, identity, _engine(path, wait_seconds), wait_seconds)
    try:
        with store_failures():
            _use_wal(database.engine, wait_seconds)
            migrate(database.engine)
    except BaseException:
        database.engine.dispose()
        raise
    return SqlStore(database, vault)


@dataclass(frozen=True, slots=True)
class SqliteDatabase:
    """Implements `sql.Database`."""

    path: Path
    identity: FileIdentity
    engine: Engine = field(repr=False)
    wait_seconds: float

    def require_present(self) -> None:
        """Raise StoreUnavailable for a removed or replaced file: later writes to it would be lost."""
        try:
            found = _identity(self.path)
        except OSError as error:
            raise StoreUnavailable(f"the store {self.path} cannot be reached: {error.strerror}") from error
        if found != self.identity:
            raise StoreUnavailable(f"the store {self.path} was replaced while it was open; restart")

    def open_probe(self) -> ChangeProbe:
        self.require_present()
        try:
            connection = sqlite3.connect(_uri(self.path), uri=True, timeout=0, isolation_level=None)
            try:
                connection.execute(_DATA_VERSION).fetchone()  # opens the wal-index
            except sqlite3.Error:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error
        return SqliteProbe(self, connection, open_wal_index(self.path))

    def give_back_space(self) -> bool:
        """Move some pages from the end of the file into free pages, and truncate the file.

        Another process waits for about 20 ms meanwhile. A checkpoint truncates the file itself, after the
        last pages or earlier.
        """
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            spare = _number(cursor, "PRAGMA freelist_count") - SPARE_PAGES
            if spare <= 0 or _number(cursor, "PRAGMA auto_vacuum") != _INCREMENTAL:
                return False
            cursor.execute(f"PRAGMA incremental_vacuum({min(spare, _PAGES_AT_ONCE)})").fetchall()
            is_done = spare <= _PAGES_AT_ONCE
            if is_done:
                cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error
        else:
            return not is_done
        finally:
            connection.close()


class SqliteProbe:
    """Compares the wal-index in memory, and checks it against `PRAGMA data_version` at intervals.

    Both change with every commit of any connection of any process. SQLite answers the PRAGMA from the same
    header, for a few microseconds and two locks. So requests compare only the memory. Neither waits for a
    lock. Only the thread that made it may use it.
    """

    def __init__(
        self, database: SqliteDatabase, connection: sqlite3.Connection, index: CommitCounter | None
    ) -> None:
        """Args: index: None if the wal-index cannot be read; then every mark costs a PRAGMA."""
        self._database = database
        self._connection = connection
        self._index = index
        self._newest = newest_version_statement(database.engine.dialect)
        self._seen = -1
        self._mark_before_seen: Mark = b""

    def mark(self) -> Mark:
        return self._data_version() if self._index is None else self._index.mark()

    def newest_version(self) -> int:
        try:
            (version,) = self._connection.execute(self._newest).fetchone()
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error
        return int(version)

    def changed(self) -> bool:
        """Return whether anything was committed since the last call; True for the first call.

        Raises:
            StoreUnavailable: the file cannot be read, or no longer exists.
        """
        self._database.require_present()
        mark_before = self.mark()
        version = self._data_version()
        if version == self._seen:
            return False
        # The commit behind this version came after the last read of the version, and so after its mark.
        if self._index is not None and self._seen >= 0 and self._index.mark() == self._mark_before_seen:
            _log.warning(WAL_INDEX_NOT_FOLLOWED, path=str(self._database.path))
            self._index = None
        self._seen, self._mark_before_seen = version, mark_before
        return True

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _data_version(self) -> int:
        try:
            (version,) = self._connection.execute(_DATA_VERSION).fetchone()
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error
        return int(version)


def _number(cursor: Any, pragma: str) -> int:  # noqa: ANN401 - the driver's cursor
    (value,) = cursor.execute(pragma).fetchone()
    return int(value)


def _make_private(path: Path) -> None:
    # INVARIANT: the file of an open store is never opened and closed beside SQLite: that would drop the
    # process's locks on it (https://www.sqlite.org/howtocorrupt.html, 2.2). Hence O_EXCL, and stat.
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


def _identity(path: Path) -> FileIdentity:
    found = os.stat(path)  # noqa: PTH116 — asked every few milliseconds; pathlib costs more
    return found.st_dev, found.st_ino


def _uri(path: Path) -> str:
    """Opens the file that is there and makes none: an empty new one must never pass for the store."""
    return f"{path.absolute().as_uri()}?mode=rw"


def _connect(path: Path, wait_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        _uri(path),
        uri=True,
        timeout=wait_seconds,
        isolation_level=None,  # the driver shall begin nothing by itself
        check_same_thread=False,  # the pool hands a connection to one thread at a time
    )
    try:
        connection.execute("PRAGMA synchronous=FULL")  # an acknowledged commit survives a power cut
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_KEPT_BYTES}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _engine(path: Path, wait_seconds: float) -> Engine:
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect(path, wait_seconds),
        poolclass=QueuePool,
        pool_timeout=wait_seconds,
        hide_parameters=True,  # what is written may be secret, and errors are logged
    )
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get(BEGIN_WRITING, True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _use_wal(engine: Engine, wait_seconds: float) -> None:
    """Set write-ahead logging, which the file then keeps. SQLite does not wait for locks here: we do.

    A new file can also give space back: SQLite keeps track of that only from a file's first page on.
    """
    clock = SystemClock()
    deadline = clock.monotonic_seconds() + wait_seconds
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        while True:
            try:
                cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
                (mode,) = cursor.execute("PRAGMA journal_mode=WAL").fetchone()
                break
            except sqlite3.OperationalError as error:
                if clock.monotonic_seconds() > deadline:
                    raise StoreUnavailable(str(error)) from error
                time.sleep(_RETRY_SECONDS)
        cursor.close()
    if mode != "wal":
        raise StoreUnavailable("the file system of the store has no shared memory, which SQLite's log needs")
