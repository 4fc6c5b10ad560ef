"""Opening the store of a data directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tabard.administration.audit_pages import Explained
from tabard.model.audit_query import EVERY_EVENT, EventFilter, EventPage, EventPosition, NumberedEvents
from tabard.services.tabard.policy_changes import changes_since
from tabard.store.ports import StoreDamaged, StoreUnavailable
from tabard.store.snapshot import Snapshot
from tabard.store.sql import SqlStore
from tabard.store.sqlite import open_sqlite_store
from tabard.wiring.data_dir import DataDir
from tabard.wiring.former_start import StoreLost, require_store_file

NO_KEY = "the store was opened without its master key"


class NoVault:
    """A vault that opens nothing, for readers without the master key."""

    def seal(self, plaintext: bytes, *, label: str) -> bytes:  # noqa: ARG002 - the port's
        """Raise an error, always."""
        raise ValueError(f"{label} cannot be sealed: {NO_KEY}")

    def open(self, ciphertext: bytes, *, label: str) -> bytes:  # noqa: ARG002 - the port's
        """Never."""
        raise ValueError(f"{label} cannot be opened: {NO_KEY}")


@dataclass(frozen=True, slots=True)
class AuditReader:
    """Reads the audit trail of a store, beside the edges that write it: an `audit_pages.Audit`."""

    store: SqlStore = field(repr=False)

    def last_number(self) -> int:
        """Return the number of the newest event; 0 if there is none."""
        with self.store.reading() as tx:
            return tx.audit.last_number()

    def read(self, *, after: int, limit: int, wanted: EventFilter = EVERY_EVENT) -> NumberedEvents:
        """Return at most `limit` events after a number."""
        with self.store.reading() as tx:
            return tx.audit.read(after=after, limit=limit, wanted=wanted)

    def page(
        self, *, limit: int, wanted: EventFilter = EVERY_EVENT, older_than: EventPosition | None = None
    ) -> EventPage:
        """Return the newest events, or the newest that are older than a position."""
        with self.store.reading() as tx:
            return tx.audit.page(limit=limit, wanted=wanted, older_than=older_than)

    def explain(self, request_id: str) -> Explained | None:
        """Return the last event of this request id, and the later changes of the policies that decided it."""
        with self.store.reading() as tx:
            event = tx.audit.find(request_id)
            return None if event is None else (event, changes_since(tx, event))


@contextmanager
def audit_reader(data_dir: DataDir) -> Iterator[AuditReader]:
    """Return the audit trail of a data directory. Raises StoreUnavailable."""
    with opened_store(data_dir) as store:
        yield AuditReader(store)


def snapshot_of(data_dir: DataDir) -> Snapshot:
    """Return the current snapshot of a data directory's store. Raises StoreUnavailable."""
    with opened_store(data_dir) as store:
        return store.next_snapshot()


@contextmanager
def opened_store(data_dir: DataDir) -> Iterator[SqlStore]:
    """Open the store of a data directory without its master key. Raises StoreUnavailable."""
    try:
        require_store_file(data_dir)
    except StoreLost as error:
        raise StoreUnavailable(str(error)) from error
    with saying_which_store(data_dir):
        store = open_sqlite_store(data_dir.database, vault=NoVault())
        try:
            yield store
        finally:
            store.close()


@contextmanager
def saying_which_store(data_dir: DataDir) -> Iterator[None]:
    """Add the file and the remedy to the database's errors."""
    try:
        yield
    except StoreDamaged as error:
        raise StoreDamaged(
            f"the store {data_dir.database} is damaged ({error}); restore a backup: tabard restore FILE"
        ) from error
    except StoreUnavailable as error:
        if str(data_dir.database) in str(error):
            raise
        raise StoreUnavailable(f"the store {data_dir.database} cannot be used: {error}") from error
