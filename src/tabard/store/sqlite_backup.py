"""A backup of the SQLite store: one file with every committed write, and a digest that proves integrity.

The backup is a SQLite database itself: a copy of the store with one more table. That table describes the
backup and contains a digest of every row. A restored store is the backup without that table.

Copying the store's file with `cp` loses the writes in the write-ahead log. `VACUUM INTO` reads one version of
the store, including the log, and blocks no writer.

Reference: https://www.sqlite.org/lang_vacuum.html#vacuuminto
"""

import hashlib
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tabard.durable_files import sync_folder
from tabard.store.ports import StoreDamaged, StoreUnavailable

FORMAT = "1"
_TABLE = "tabard_backup"
_DIGEST = "digest"
_FORMAT = "format"
_WAIT_SECONDS = 30.0


class BackupUnusable(Exception):
    """A backup cannot be written, or is damaged. The message is for the operator."""


@dataclass(frozen=True, slots=True)
class BackupDescription:
    """The description in a backup, by name; it may contain a secret of the operator's."""

    values: Mapping[str, str] = field(repr=False)


def write_backup(store: Path, target: Path, description: Mapping[str, str]) -> None:
    """Copy the store at its last commit to `target` (mode 0600), atomically.

    Other processes may read and write the store meanwhile.

    Raises:
        BackupUnusable: `target` exists already, or cannot be written.
        StoreUnavailable: the store cannot be read. StoreDamaged: it is damaged.
    """
    with _draft_beside(target) as draft:
        with _saying_what_is_wrong(f"the store {store}"):
            with closing(_connect(store)) as source:
                source.execute("VACUUM INTO ?", (str(draft),))
            with closing(_connect(draft)) as copy:
                _write_description(copy, {**description, _FORMAT: FORMAT})
        _sync(draft)
        try:
            os.link(draft, target)  # it fails if the name exists; a rename would replace the file
        except FileExistsError:
            raise BackupUnusable(_there_already(target)) from None
    sync_folder(target.parent)


def copy_backup(backup: Path, target: Path) -> BackupDescription:
    """Restore a backup as a new store at `target`; return the backup's description.

    Raises:
        BackupUnusable: not a backup, damaged, or made by a newer Tabard. OSError.
    """
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as copied, backup.open("rb") as source:
        while block := source.read(1024 * 1024):
            copied.write(block)
    damaged = BackupUnusable(f"{backup} is damaged or no backup of tabard's; take another backup")
    try:
        with closing(_connect(target)) as copy:
            found = _read_description(copy)
            if found.get(_FORMAT, FORMAT) != FORMAT:
                raise BackupUnusable(
                    f"{backup} has the format {found[_FORMAT]}, which this version of tabard does not know; "
                    "use the version that made it, or a newer one"
                )
            if found.get(_DIGEST) != _digest(copy) or not _is_whole(copy):
                raise damaged
            copy.execute("PRAGMA secure_delete=ON")  # overwrite a master key in it
            copy.execute(f"DROP TABLE {_TABLE}")
    except (sqlite3.Error, ValueError):
        raise damaged from None
    _sync(target)
    return BackupDescription(found)


@contextmanager
def _draft_beside(target: Path) -> Iterator[Path]:
    """Make a new, empty file (mode 0600) in the target's folder, and remove it after the block."""
    if os.path.lexists(target):
        raise BackupUnusable(_there_already(target))
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        yield draft
    except OSError as error:
        raise BackupUnusable(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        for leftover in (draft, draft.with_name(f"{draft.name}-journal")):
            with suppress(FileNotFoundError, NotADirectoryError):
                leftover.unlink()


def _there_already(target: Path) -> str:
    return f"{target} is there already; a backup replaces nothing: name another file, or remove that one"


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_WAIT_SECONDS, isolation_level=None
    )


@contextmanager
def _saying_what_is_wrong(what: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        damaged = (error.sqlite_errorname or "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
        if damaged:
            raise StoreDamaged(f"{what} is damaged ({error}); restore an earlier backup") from error
        raise StoreUnavailable(f"{what} cannot be backed up: {error}") from error


def _write_description(copy: sqlite3.Connection, description: Mapping[str, str]) -> None:
    copy.execute("BEGIN IMMEDIATE")
    copy.execute(f"CREATE TABLE {_TABLE} (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)")
    insert = f"INSERT INTO {_TABLE} VALUES (?, ?)"  # noqa: S608 - a constant of ours
    copy.executemany(insert, sorted(description.items()))
    copy.execute(insert, (_DIGEST, _digest(copy)))
    copy.execute("COMMIT")


def _read_description(copy: sqlite3.Connection) -> dict[str, str]:
    rows = copy.execute(f"SELECT name, value FROM {_TABLE}")  # noqa: S608 - a constant of ours
    return {str(name): str(value) for name, value in rows}


def _is_whole(copy: sqlite3.Connection) -> bool:
    return (
        copy.execute("PRAGMA integrity_check(1)").fetchall() == [("ok",)]
        and not copy.execute("PRAGMA foreign_key_check").fetchall()
    )


def _digest(copy: sqlite3.Connection) -> str:
    """Return the SHA-256 of the schema and each row of each table, except the digest itself.

    SQLite's own check finds a damaged structure, but not a changed value.
    """
    digest = hashlib.sha256()
    schema = copy.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    digest.update(repr(schema).encode())
    for name in [name for kind, name, _ in schema if kind == "table"]:
        digest.update(repr(name).encode())
        quoted = name.replace('"', '""')
        for row in copy.execute(f'SELECT * FROM "{quoted}"'):  # noqa: S608 - a table's own name, quoted
            if name != _TABLE or row[0] != _DIGEST:
                digest.update(repr(row).encode())
    return digest.hexdigest()


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
