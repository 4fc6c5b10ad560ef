"""A backup holds every acknowledged write, and a damaged one is never taken for a whole one."""

import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from tabard.store.ports import StoreDamaged, StoreUnavailable
from tabard.store.sql import SqlStore
from tabard.store.sqlite import open_sqlite_store
from tabard.store.sqlite_backup import BackupUnusable, copy_backup, write_backup
from tests.support.aggregates import audit_event, role
from tests.support.memory_store import ClearVault
from tests.support.store_child import WRITE_UNTIL_KILLED, command, environment

DESCRIPTION = {"made_at": "2026-01-31T12:00:00Z"}
SECRET = "6d61737465722d6b6579" * 3


def written(store: SqlStore, *numbers: int) -> None:
    for n in numbers:
        with store.transaction() as tx:
            tx.roles.insert(role(n))
            tx.audit.append([audit_event(n)])


def roles_in(path: Path) -> set[str]:
    store = open_sqlite_store(path, vault=ClearVault())
    try:
        return {each.role_id for each in store.next_snapshot().roles.values()}
    finally:
        store.close()


@pytest.fixture
def backup(sqlite_store: SqlStore, tmp_path: Path) -> Path:
    """The backup of a store with three roles."""
    written(sqlite_store, 1, 2, 3)
    target = tmp_path / "today.backup"
    write_backup(tmp_path / "tabard.db", target, {**DESCRIPTION, "master_key": SECRET})
    return target


def test_a_backup_contains_writes_that_are_only_in_the_write_ahead_log(
    sqlite_store: SqlStore, tmp_path: Path
) -> None:
    """`cp` of the store's file alone would miss it, which is shown too."""
    written(sqlite_store, 1, 2, 3)
    shutil.copy(tmp_path / "tabard.db", tmp_path / "copied.db")
    write_backup(tmp_path / "tabard.db", tmp_path / "today.backup", DESCRIPTION)
    assert (
        copy_backup(tmp_path / "today.backup", tmp_path / "restored.db").values["made_at"]
        == DESCRIPTION["made_at"]
    )
    wanted = {role(n).role_id for n in (1, 2, 3)}
    assert roles_in(tmp_path / "restored.db") == wanted
    assert roles_in(tmp_path / "copied.db") < wanted


def test_every_write_acknowledged_before_the_backup_is_in_it(tmp_path: Path) -> None:
    """Another process writes meanwhile without a pause."""
    path = tmp_path / "tabard.db"
    open_sqlite_store(path, vault=ClearVault()).close()
    writer = subprocess.Popen(
        command(WRITE_UNTIL_KILLED, path, 0), env=environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        for number in range(4):
            acknowledged = 0
            while acknowledged < (number + 1) * 40:
                acknowledged = int(writer.stdout.readline())
            write_backup(path, tmp_path / f"{number}.backup", DESCRIPTION)
            assert int(writer.stdout.readline()) > acknowledged  # it writes on
            restored = tmp_path / f"{number}.db"
            copy_backup(tmp_path / f"{number}.backup", restored)
            assert roles_in(restored) >= {role(n).role_id for n in range(1, acknowledged + 1)}
            with closing(sqlite3.connect(restored)) as connection:
                (roles,) = connection.execute("SELECT count(*) FROM roles").fetchone()
                (events,) = connection.execute("SELECT count(*) FROM audit_events").fetchone()
            assert roles == events  # they are committed together
    finally:
        writer.kill()
        writer.communicate()


def test_only_its_owner_can_read_a_backup_and_no_other_file_remains(backup: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert {each.name for each in backup.parent.iterdir() if not each.name.startswith("tabard.db")} == {
        backup.name
    }


def test_a_backup_replaces_no_file(backup: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(BackupUnusable, match="is there already; a backup replaces nothing"):
        write_backup(backup.with_name("tabard.db"), backup, DESCRIPTION)
    assert backup.read_bytes() == before


def test_a_file_that_comes_while_the_backup_is_written_is_not_replaced(
    sqlite_store: SqlStore, tmp_path: Path
) -> None:
    written(sqlite_store, 1)
    target = tmp_path / "today.backup"

    class Appears(Mapping[str, str]):
        """Facts that are read after the first look at the target, and before its link."""

        def __iter__(self) -> Iterator[str]:
            target.write_text("another's")
            return iter(DESCRIPTION)

        def __getitem__(self, name: str) -> str:
            return DESCRIPTION[name]

        def __len__(self) -> int:
            return len(DESCRIPTION)

    with pytest.raises(BackupUnusable, match="is there already"):
        write_backup(tmp_path / "tabard.db", target, Appears())
    assert target.read_text() == "another's"
    assert [each.name for each in tmp_path.glob(".today*")] == []


def test_a_backup_of_a_damaged_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tabard.db").write_bytes(b"no database at all, but long enough to be looked at" * 20)
    with pytest.raises(StoreDamaged, match=r"tabard\.db is damaged"):
        write_backup(tmp_path / "tabard.db", tmp_path / "today.backup", DESCRIPTION)
    assert [each.name for each in tmp_path.iterdir()] == ["tabard.db"]


def test_a_backup_of_no_store_and_into_no_folder_is_refused(sqlite_store: SqlStore, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"nothing\.db cannot be backed up"):
        write_backup(tmp_path / "nothing.db", tmp_path / "today.backup", DESCRIPTION)
    assert not (tmp_path / "nothing.db").exists()
    with pytest.raises(BackupUnusable, match="cannot be written: No such file or directory"):
        write_backup(tmp_path / "tabard.db", tmp_path / "nowhere" / "today.backup", DESCRIPTION)


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.9, 0.999])
def test_a_backup_that_was_cut_is_refused(backup: Path, tmp_path: Path, part: float) -> None:
    content = backup.read_bytes()
    backup.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(BackupUnusable, match="damaged or no backup"):
        copy_backup(backup, tmp_path / "restored.db")


@pytest.mark.parametrize("text", [b"2026-01-31T12:00:00Z", SECRET.encode()[:20], b"CREATE TABLE roles"])
def test_a_backup_with_one_changed_letter_is_refused(backup: Path, tmp_path: Path, text: bytes) -> None:
    """SQLite's own check does not notice that a value is another."""
    content = backup.read_bytes()
    assert text in content
    backup.write_bytes(content.replace(text, text[:-1] + bytes([text[-1] ^ 1])))
    with pytest.raises(BackupUnusable, match="damaged or no backup"):
        copy_backup(backup, tmp_path / "restored.db")


def test_every_changed_row_is_detected(backup: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(backup)) as connection:
        connection.execute("DELETE FROM audit_events WHERE rowid = 1")
        connection.commit()
    with pytest.raises(BackupUnusable, match="damaged or no backup"):
        copy_backup(backup, tmp_path / "restored.db")


def test_a_store_itself_and_an_empty_file_are_no_backups(sqlite_store: SqlStore, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for number, name in enumerate(("tabard.db", "empty")):
        with pytest.raises(BackupUnusable, match="no backup of tabard's"):
            copy_backup(tmp_path / name, tmp_path / f"restored-{number}.db")


def test_a_backup_of_a_newer_format_is_refused_by_its_name(backup: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(backup)) as connection:
        connection.execute("UPDATE tabard_backup SET value = '2' WHERE name = 'format'")
        connection.commit()
    with pytest.raises(BackupUnusable, match="has the format 2, which this version of tabard does not know"):
        copy_backup(backup, tmp_path / "restored.db")


def test_a_restored_store_holds_no_trace_of_the_master_key(backup: Path, tmp_path: Path) -> None:
    description = copy_backup(backup, tmp_path / "restored.db")
    assert description.values["master_key"] == SECRET
    assert SECRET not in repr(description)
    assert SECRET.encode() in backup.read_bytes()
    assert SECRET.encode() not in (tmp_path / "restored.db").read_bytes()
    assert stat.S_IMODE((tmp_path / "restored.db").stat().st_mode) == 0o600
