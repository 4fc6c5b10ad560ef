"""What every store's test may need, whichever store it is."""

from tabard.store.snapshot import Snapshot
from tabard.store.sql import SqlStore
from tests.support.memory_store import MemoryStore

AnyStore = MemoryStore | SqlStore


def snapshot_of(store: AnyStore) -> Snapshot:
    """The newest snapshot of any store, read anew."""
    return store.snapshot() if isinstance(store, MemoryStore) else store.next_snapshot()
