"""`tabard backup` and `tabard restore`, over data directories that nobody runs."""

import os
import stat
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from tabard.cli.main import app
from tabard.credentials.master_key import SYSTEMD_CREDENTIAL, create_master_key
from tabard.model.user import User
from tabard.store.sqlite import open_sqlite_store
from tabard.wiring.data_dir import DataDir
from tabard.wiring.key_files import master_key_for, read_key
from tabard.wiring.settings import Settings
from tabard.wiring.start_store import start_store
from tests.support.aggregates import user


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    """An installation with a user `alice`."""
    made = DataDir(tmp_path / "data")
    made.prepare()
    start_store(made, Settings(data_dir=made.path))
    store = open_sqlite_store(made.database, vault=master_key_for(made))
    with store.transaction() as tx:
        tx.users.insert(user(name="alice"))
    store.close()
    return made


@pytest.fixture
def empty(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "restored")


@pytest.fixture
def backup(data_dir: DataDir, tmp_path: Path) -> Path:
    """A backup without the master key."""
    file = tmp_path / "today.backup"
    assert said("backup", file, data_dir).exit_code == 0
    return file


def said(command: str, file: Path, data_dir: DataDir, *options: object) -> Result:
    arguments = [command, *map(str, options), "--data-dir", str(data_dir.path), str(file)]
    return CliRunner().invoke(app, arguments)


def refused(ended: Result, sentence: str) -> bool:
    assert ended.exit_code == 2, ended.output
    assert ended.output.count("\n") == 1, ended.output
    assert sentence in ended.output, ended.output
    return True


def users_of(data_dir: DataDir) -> dict[str, User]:
    store = open_sqlite_store(data_dir.database, vault=master_key_for(data_dir))
    try:
        return {each.name: each for each in store.next_snapshot().users.values()}
    finally:
        store.close()


def test_what_was_backed_up_is_restored_and_starts(data_dir: DataDir, empty: DataDir, backup: Path) -> None:
    ended = said("restore", backup, empty, "--master-key", data_dir.master_key)
    assert ended.exit_code == 0
    assert "holds account 111122223333 (us-east-1) as of 20" in ended.output
    assert sorted(each.name for each in empty.path.iterdir()) == [
        "instances",
        "lock",
        "logs",
        "master.key",
        "seaweedfs",
        "tabard.sqlite3",
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in (empty.database, empty.master_key)} == {0o600}
    start_store(empty, Settings(data_dir=empty.path))
    assert set(users_of(empty)) == {"admin", "alice"}
    # The admin has one key, which is the one in the new file.
    key = read_key(empty.admin_credentials)
    assert key is not None
    assert key != read_key(data_dir.admin_credentials)
    store = open_sqlite_store(empty.database, vault=master_key_for(empty))
    held = store.next_snapshot().access_keys_of(users_of(empty)["admin"].user_id)
    store.close()
    assert [each.access_key_id for each in held] == [key.access_key_id]


def test_a_backup_holds_no_master_key_unless_it_is_asked_for(
    data_dir: DataDir, empty: DataDir, tmp_path: Path, backup: Path
) -> None:
    material = data_dir.master_key.read_bytes()
    assert material not in backup.read_bytes()
    assert material.hex().encode() not in backup.read_bytes()
    assert refused(said("restore", backup, empty), f"put it at {empty.master_key} (mode 0600)")
    with_key = tmp_path / "with-key.backup"
    ended = said("backup", with_key, data_dir, "--with-master-key")
    assert "with its master key" in ended.output
    assert stat.S_IMODE(with_key.stat().st_mode) == 0o600
    assert said("restore", with_key, empty).exit_code == 0
    assert empty.master_key.read_bytes() == material
    assert set(users_of(empty)) == {"admin", "alice"}
    assert material.hex().encode() not in empty.database.read_bytes()


def test_a_lost_store_is_restored_beside_its_keys_and_objects(data_dir: DataDir, backup: Path) -> None:
    for file in data_dir.path.glob("tabard.sqlite3*"):
        file.unlink()
    (data_dir.seaweedfs / "reports.dat").write_text("objects")
    key = read_key(data_dir.admin_credentials)
    assert said("restore", backup, data_dir).exit_code == 0
    start_store(data_dir, Settings(data_dir=data_dir.path))
    assert set(users_of(data_dir)) == {"admin", "alice"}
    assert read_key(data_dir.admin_credentials) == key
    assert (data_dir.seaweedfs / "reports.dat").read_text() == "objects"


def test_a_restore_replaces_no_store(data_dir: DataDir, backup: Path) -> None:
    before = data_dir.database.read_bytes()
    assert refused(said("restore", backup, data_dir), f"{data_dir.database} is there already")
    assert data_dir.database.read_bytes() == before


def test_a_restore_is_refused_beside_the_log_of_a_former_store(
    data_dir: DataDir, empty: DataDir, backup: Path
) -> None:
    """SQLite would play that log into the restored store."""
    empty.prepare()
    log = empty.database.with_name("tabard.sqlite3-wal")
    log.write_bytes(b"what another store has written")
    assert refused(said("restore", backup, empty, "--master-key", data_dir.master_key), f"{log} is there")


def test_a_restore_is_refused_while_a_system_runs(data_dir: DataDir, empty: DataDir, backup: Path) -> None:
    empty.prepare()
    lock = empty.lock()
    try:
        assert refused(
            said("restore", backup, empty, "--master-key", data_dir.master_key), "is in use by another tabard"
        )
    finally:
        os.close(lock)
    assert not empty.database.exists()


def test_another_master_key_restores_nothing(empty: DataDir, backup: Path, tmp_path: Path) -> None:
    create_master_key(tmp_path / "other.key")
    ended = said("restore", backup, empty, "--master-key", tmp_path / "other.key")
    assert refused(ended, f"the master key does not open the backup {backup}")
    assert not empty.path.exists()


def test_a_given_master_key_replaces_no_other(data_dir: DataDir, empty: DataDir, backup: Path) -> None:
    empty.prepare()
    create_master_key(empty.master_key)
    before = empty.master_key.read_bytes()
    ended = said("restore", backup, empty, "--master-key", data_dir.master_key)
    assert refused(ended, f"{empty.master_key} holds another key")
    assert empty.master_key.read_bytes() == before
    assert not empty.database.exists()


def test_systemds_credential_opens_a_backup_and_is_not_copied(
    data_dir: DataDir, empty: DataDir, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SYSTEMD_CREDENTIAL).write_bytes(data_dir.master_key.read_bytes())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert said("restore", backup, empty).exit_code == 0
    assert not empty.master_key.exists()
    assert set(users_of(empty)) == {"admin", "alice"}


def test_a_backup_of_a_newer_version_is_refused(data_dir: DataDir, empty: DataDir, tmp_path: Path) -> None:
    store = open_sqlite_store(data_dir.database, vault=master_key_for(data_dir))
    with store.database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    newer = tmp_path / "newer.backup"
    assert said("backup", newer, data_dir).exit_code == 0
    ended = said("restore", newer, empty, "--master-key", data_dir.master_key)
    assert refused(ended, "has revision 9999, which this version of Tabard does not know")
    assert not empty.database.exists()


def test_a_damaged_backup_changes_nothing(data_dir: DataDir, empty: DataDir, backup: Path) -> None:
    backup.write_bytes(backup.read_bytes()[:-100])
    ended = said("restore", backup, empty, "--master-key", data_dir.master_key)
    assert refused(ended, f"{backup} is damaged or no backup of tabard's")
    assert not empty.path.exists()


def test_what_is_not_there_is_said(data_dir: DataDir, empty: DataDir, tmp_path: Path) -> None:
    assert refused(said("restore", tmp_path / "nothing", empty), "nothing: No such file or directory")
    assert refused(
        said("backup", tmp_path / "a.backup", DataDir(tmp_path / "nowhere")), "there is no store in"
    )
    assert not (tmp_path / "nowhere").exists()
    data_dir.master_key.unlink()
    ended = said("backup", tmp_path / "b.backup", data_dir, "--with-master-key")
    assert refused(ended, f"the master key {data_dir.master_key} is gone")
    assert said("backup", tmp_path / "c.backup", data_dir).exit_code == 0  # it is not needed


def test_a_backup_without_an_account_is_refused(tmp_path: Path, empty: DataDir) -> None:
    made = DataDir(tmp_path / "cut-short")
    made.prepare()
    open_sqlite_store(made.database, vault=master_key_for(made)).close()
    file = tmp_path / "empty.backup"
    assert said("backup", file, made, "--with-master-key").exit_code == 0
    assert refused(said("restore", file, empty), "has no account in it")
