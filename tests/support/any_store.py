"""What every store's test may need, whichever store it is."""

from pathlib import Path

from tabard.store.snapshot import Snapshot
from tabard.store.sql import SqlStore
from tabard.store.sqlite import SqliteDatabase, open_sqlite_store
from tests.support.aggregates import ACCOUNT_ID
from tests.support.memory_store import ClearVault, MemoryStore

AnyStore = MemoryStore | SqlStore


def snapshot_of(store: AnyStore) -> Snapshot:
    """The newest snapshot of any store, read anew."""
    return store.snapshot() if isinstance(store, MemoryStore) else store.next_snapshot()


def opened_again(store: AnyStore) -> AnyStore:
    """Another handle of the same store, as another process has it; a store in memory has only one."""
    if isinstance(store, MemoryStore):
        return store
    assert isinstance(store.database, SqliteDatabase)
    return open_sqlite_store(store.database.path, vault=store.vault)


def open_account(path: Path) -> SqlStore:
    """The store in a file, opened; its account is the tests' own."""
    store = open_sqlite_store(path, vault=ClearVault())
    with store.transaction() as tx:
        if not tx.account_id:
            tx.installation.put("account_id", ACCOUNT_ID)
    return store
