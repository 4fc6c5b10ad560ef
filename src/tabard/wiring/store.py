"""Opening the store of a data directory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tabard.credentials.master_key import MasterKeyUnusable
from tabard.model.audit_event import AuditEvent
from tabard.store.ports import StoreUnavailable
from tabard.store.sql import SqlStore
from tabard.store.sqlite import open_sqlite_store
from tabard.wiring.bootstrap import master_key_for
from tabard.wiring.data_dir import DataDir

NumberedEvents = Sequence[tuple[int, AuditEvent]]


@dataclass(frozen=True, slots=True)
class AuditReader:
    """Reads the audit trail of a store, beside the edges that write it."""

    store: SqlStore = field(repr=False)

    def latest(self, count: int, *, denied_only: bool) -> NumberedEvents:
        """The last `count` events, oldest first; of the last 100,000 where only denials are wanted."""
        with self.store.reading() as tx:
            last = tx.audit.last_number()
            window = 100_000 if denied_only else count
            return tx.audit.read(after=max(0, last - window), limit=window, denied_only=denied_only)[-count:]

    def after(self, number: int, *, denied_only: bool) -> NumberedEvents:
        """The events that came after the one of this number."""
        with self.store.reading() as tx:
            return tx.audit.read(after=number, limit=1000, denied_only=denied_only)


@contextmanager
def audit_reader(data_dir: DataDir) -> Iterator[AuditReader]:
    """The audit trail of a data directory. Raises StoreUnavailable."""
    try:
        vault = master_key_for(data_dir)
    except MasterKeyUnusable as error:
        raise StoreUnavailable(str(error)) from error
    store = open_sqlite_store(data_dir.database, vault=vault)
    try:
        yield AuditReader(store)
    finally:
        store.close()
