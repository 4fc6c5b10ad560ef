"""Opening the store of a data directory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tabard.credentials.master_key import MasterKeyUnusable
from tabard.model.audit_event import AuditEvent
from tabard.store.ports import StoreDamaged, StoreUnavailable
from tabard.store.snapshot import Snapshot
from tabard.store.sql import SqlStore
from tabard.store.sqlite import open_sqlite_store
from tabard.wiring.data_dir import DataDir
from tabard.wiring.former_start import StoreLost, require_store_file
from tabard.wiring.key_files import master_key_for
from tabard.wiring.policy_changes import ChangedSince, changed_since

LOOKED_THROUGH = 100_000
PAGE = 2_000

NumberedEvents = Sequence[tuple[int, AuditEvent]]


@dataclass(frozen=True, slots=True)
class AuditReader:
    """Reads the audit trail of a store, beside the edges that write it."""

    store: SqlStore = field(repr=False)

    def last_number(self) -> int:
        """The number of the newest event; 0 where there is none."""
        with self.store.reading() as tx:
            return tx.audit.last_number()

    def latest(
        self,
        count: int,
        *,
        denied_only: bool,
        wanted: Callable[[AuditEvent], bool] = lambda _event: True,
        until: int | None = None,
    ) -> NumberedEvents:
        """The last `count` events that are wanted, up to `until`, oldest first; of the last 100,000."""
        found: list[tuple[int, AuditEvent]] = []
        with self.store.reading() as tx:
            upper = tx.audit.last_number() if until is None else until
            oldest = max(0, upper - LOOKED_THROUGH)
            while upper > oldest and len(found) < count:
                lower = max(oldest, upper - max(count, PAGE))
                page = tx.audit.read(after=lower, limit=upper - lower, denied_only=denied_only)
                found[:0] = [item for item in page if item[0] <= upper and wanted(item[1])]
                upper = lower
        return found[-count:]

    def after(self, number: int, *, denied_only: bool) -> NumberedEvents:
        """The events that came after the one of this number."""
        with self.store.reading() as tx:
            return tx.audit.read(after=number, limit=1000, denied_only=denied_only)

    def find(self, request_id: str) -> AuditEvent | None:
        """The last event of this request id."""
        with self.store.reading() as tx:
            return tx.audit.find(request_id)

    def changed_since(self, event: AuditEvent) -> ChangedSince:
        """What was written since, of all that the decision about an event rested on."""
        return changed_since(self.store, event)


@contextmanager
def audit_reader(data_dir: DataDir) -> Iterator[AuditReader]:
    """The audit trail of a data directory. Raises StoreUnavailable."""
    with opened_store(data_dir) as store:
        yield AuditReader(store)


def snapshot_of(data_dir: DataDir) -> Snapshot:
    """What the store of a data directory holds just now. Raises StoreUnavailable."""
    with opened_store(data_dir) as store:
        return store.next_snapshot()


@contextmanager
def opened_store(data_dir: DataDir) -> Iterator[SqlStore]:
    """The store of a data directory, beside the edges that write it. Raises StoreUnavailable."""
    try:
        require_store_file(data_dir)
        vault = master_key_for(data_dir)
    except (MasterKeyUnusable, StoreLost) as error:
        raise StoreUnavailable(str(error)) from error
    with saying_which_store(data_dir):
        store = open_sqlite_store(data_dir.database, vault=vault)
        try:
            yield store
        finally:
            store.close()


@contextmanager
def saying_which_store(data_dir: DataDir) -> Iterator[None]:
    """Name the file, and what to do about it, where the database says only what is wrong."""
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
