"""The SQLite file: private, durable, migrated once, and honest when it is away."""

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tabard.store import migrate
from tabard.store.ports import AlreadyStored, StoreUnavailable
from tabard.store.schema import metadata
from tabard.store.sql import SqlStore
from tabard.store.sqlite import open_sqlite_store
from tests.support.aggregates import access_key, managed_policy, role
from tests.support.any_store import open_account
from tests.support.memory_store import ClearVault


def pragma(store: SqlStore, name: str) -> object:
    with store.database.engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        store = open_account(tmp_path / "tabard.db")
        with store.transaction() as tx:
            tx.roles.insert(role())
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(previous)
    assert modes == {"tabard.db": 0o600, "tabard.db-wal": 0o600, "tabard.db-shm": 0o600}


def test_a_file_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "tabard.db"
    path.touch(mode=0o644)
    path.chmod(0o644)
    open_sqlite_store(path, vault=ClearVault()).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_commits_are_durable_and_references_are_enforced(sqlite_store: SqlStore) -> None:
    assert pragma(sqlite_store, "journal_mode") == "wal"
    assert pragma(sqlite_store, "synchronous") == 2
    assert pragma(sqlite_store, "foreign_keys") == 1
    assert pragma(sqlite_store, "busy_timeout") == 1000


def test_a_path_with_awkward_characters_opens(tmp_path: Path) -> None:
    folder = tmp_path / "100 %41 of? it#é"
    folder.mkdir()
    open_sqlite_store(folder / "tabard.db", vault=ClearVault()).close()
    assert [path.name for path in folder.iterdir()] == ["tabard.db"]


def test_the_migrated_schema_is_the_tables_of_the_schema(sqlite_store: SqlStore) -> None:
    with sqlite_store.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_partial_indexes_are_migrated_too(sqlite_store: SqlStore) -> None:
    """Alembic does not compare an index's condition, so SQLite is asked for its own words."""
    with sqlite_store.database.engine.connect() as connection:
        migrated = {
            row.name: " ".join(row.sql.split())
            for row in connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'index'")
            if row.sql
        }
    assert (
        "WHERE state IN ('associating', 'associated')"
        in migrated["uq_associations_account_id_active_instance_id"]
    )
    assert migrated["uq_associations_account_id_active_instance_id"].startswith("CREATE UNIQUE INDEX")
    assert "WHERE client_token <> ''" in migrated["ix_instances_account_id_client_token"]
    assert "WHERE outcome IN ('denied', 'not_offered')" in migrated["ix_audit_events_denied"]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "SELECT * FROM instances WHERE account_id = 'a' AND client_token = 'x' AND client_token <> ''",
            "client_token",
        ),
        (
            "SELECT * FROM audit_events WHERE number > 5 AND outcome IN ('denied', 'not_offered')",
            "ix_audit_events_denied",
        ),
        ("SELECT * FROM roles WHERE account_id = 'a' AND name_key = 'x'", "sqlite_autoindex_roles"),
    ],
)
def test_lookups_use_their_index(sqlite_store: SqlStore, query: str, index: str) -> None:
    with sqlite_store.database.engine.connect() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all())
    assert index in plan


def test_the_head_revision_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(migrate.MIGRATIONS)).get_current_head() == migrate.HEAD_REVISION


def test_an_empty_file_and_one_left_half_way_are_migrated(tmp_path: Path) -> None:
    path = tmp_path / "tabard.db"
    path.touch(mode=0o600)
    for _ in range(2):
        store = open_sqlite_store(path, vault=ClearVault())
        with store.reading() as tx:
            assert tx.roles.get("AROA") is None
        store.close()


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tabard.db"
    open_sqlite_store(path, vault=ClearVault()).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreUnavailable, match="revision 9999"):
        open_sqlite_store(path, vault=ClearVault())


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "tabard.db"
    store = open_account(path)
    with store.transaction() as tx:
        tx.managed_policies.insert(managed_policy())
        tx.roles.insert(role(attached=(managed_policy().arn,)))
    before = store.next_snapshot()
    store.close()
    store = open_account(path)
    assert store.next_snapshot() == before
    store.close()


def test_a_lock_held_by_another_process_is_store_unavailable(sqlite_store: SqlStore) -> None:
    before = sqlite_store.next_snapshot()
    other = sqlite3.connect(sqlite_store.database.path, isolation_level=None)  # type: ignore[attr-defined]
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreUnavailable, match="locked"), sqlite_store.transaction():
            pytest.fail("began beside another transaction")
        assert sqlite_store.next_snapshot() == before
    finally:
        other.close()
    with sqlite_store.transaction() as tx:
        tx.roles.insert(role())


def test_writers_of_one_process_queue(sqlite_store: SqlStore) -> None:
    def write(first: int) -> None:
        for n in range(first, first + 10):
            with sqlite_store.transaction() as tx:
                count = tx.installation.get("count") or "0"
                tx.roles.insert(role(n))
                tx.installation.put("count", str(int(count) + 1))

    threads = [threading.Thread(target=write, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sqlite_store.reading() as tx:
        assert tx.installation.get("count") == "40"


def test_a_transaction_that_does_not_end_makes_the_next_unavailable(tmp_path: Path) -> None:
    store = open_sqlite_store(tmp_path / "tabard.db", vault=ClearVault(), wait_seconds=0.05)
    with (
        store.transaction(),
        pytest.raises(StoreUnavailable, match="has not ended"),
        store.transaction(),
    ):
        pytest.fail("began inside another transaction")
    store.close()


def test_a_store_that_was_removed_or_replaced_takes_no_write(tmp_path: Path) -> None:
    path = tmp_path / "tabard.db"
    store = open_account(path)
    away = path.rename(tmp_path / "away.db")
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="cannot be reached"), store.transaction():
            pytest.fail("wrote to a file that is not there")
    assert not path.exists()
    path.write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="replaced"):
        store.next_snapshot()
    path.unlink()
    away.rename(path)
    with store.transaction() as tx:
        tx.roles.insert(role())
    store.close()


def test_a_damaged_file_is_store_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "tabard.db"
    path.write_bytes(b"this is no database, however long one looks at it" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        open_sqlite_store(path, vault=ClearVault())


def test_a_missing_folder_is_store_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="No such file"):
        open_sqlite_store(tmp_path / "absent" / "tabard.db", vault=ClearVault())


def test_a_closed_store_is_unavailable(tmp_path: Path) -> None:
    store = open_sqlite_store(tmp_path / "tabard.db", vault=ClearVault())
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"), store.transaction():
        pytest.fail("began on a closed store")


def test_errors_quote_no_written_values(sqlite_store: SqlStore) -> None:
    with sqlite_store.transaction() as tx:
        tx.access_keys.insert(access_key())
        with pytest.raises(AlreadyStored) as refused:
            tx.access_keys.insert(access_key())
    assert "sealed" not in str(refused.value.__cause__).replace("sealed_secret", "")
