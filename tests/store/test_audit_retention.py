"""The audit stays within its bounds however fast it grows, and no writer waits long for that."""

import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tabard.audit.retention import MOST_ROWS, Retention, RetentionBounds
from tabard.clock import ManualClock, SystemClock
from tabard.store.sql import SqlStore
from tabard.store.sqlite import SPARE_PAGES
from tests.support.aggregates import NOW, audit_event, role

MEGABYTE = 1024 * 1024
PAGE_BYTES = 4096
LONGEST_WAIT_SECONDS = 1.0
"""The bound of a writer's wait for retention; docs/audit.md states it."""
BYTES_OF_A_ROLE = 2048
"""At most: a role's row, its index entries and its change in the journal."""


def fill(path: Path, store: SqlStore, rows: int) -> None:
    """Give the store so many events at once, as fast as SQLite can copy one."""
    with store.transaction() as tx:
        tx.audit.append([audit_event(1)])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(audit_events)")]
        (size,) = connection.execute("SELECT end_offset FROM audit_counters").fetchone()
        counted = {
            "number": "n.v + 1",
            "end_offset": f"(n.v + 1) * {size}",
            "request_id": "printf('%08x', n.v)",
            "at": "a.at + n.v",
        }
        values = ", ".join(counted.get(column, f'a."{column}"') for column in columns)
        connection.execute(
            f"INSERT INTO audit_events WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n "
            f"WHERE v < {rows - 1}) SELECT {values} FROM n, (SELECT * FROM audit_events WHERE number = 1) a"
        )
        connection.execute(f"UPDATE audit_counters SET number = {rows}, end_offset = {rows * size}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def count(store: SqlStore) -> int:
    with store.reading() as tx:
        page = tx.audit.read(after=0, limit=1)
        return tx.audit.last_number() - page[0][0] + 1 if page else 0


def retention(
    store: SqlStore, *, most_bytes: int = 10**12, kept_for: timedelta = timedelta(days=36500)
) -> Retention:
    bounds = RetentionBounds(kept_for=kept_for, most_bytes=most_bytes)
    return Retention(store=store, bounds=bounds, clock=SystemClock())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tabard.db"


@pytest.mark.parametrize("rows", [30_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_fast_growing_trail_is_bounded_and_the_file_shrinks_while_writers_continue(
    sqlite_store: SqlStore, path: Path, rows: int
) -> None:
    fill(path, sqlite_store, rows)
    full = path.stat().st_size
    clock, stop = SystemClock(), threading.Event()
    waits: list[float] = []

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            began = clock.monotonic_seconds()
            with sqlite_store.transaction() as tx:
                waits.append(clock.monotonic_seconds() - began)
                tx.audit.append([audit_event(number)])
                tx.roles.insert(role(number))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        pruning = retention(sqlite_store, most_bytes=MEGABYTE)
        deleted = 0
        while (found := pruning.once()) is not None:
            deleted += found
            assert found <= MOST_ROWS
    finally:
        stop.set()
        writer.join()
    assert deleted >= rows - MEGABYTE // 300
    assert count(sqlite_store) < MEGABYTE // 300
    assert max(waits) < LONGEST_WAIT_SECONDS
    assert len(waits) > 10
    sqlite_store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (free_pages,) = connection.execute("PRAGMA freelist_count").fetchone()
    assert free_pages <= SPARE_PAGES + 1024
    bound = min(full / 1.3, full * 0.1 + (SPARE_PAGES + 1024) * PAGE_BYTES + 8 * MEGABYTE)
    assert path.stat().st_size < bound + len(waits) * BYTES_OF_A_ROLE


def test_old_events_are_deleted(sqlite_store: SqlStore) -> None:
    with sqlite_store.transaction() as tx:
        tx.audit.append([audit_event(n, at=NOW + timedelta(days=n)) for n in range(10)])
    clock = ManualClock(NOW + timedelta(days=10))
    bounds = RetentionBounds(kept_for=timedelta(days=5), most_bytes=10**12)
    pruning = Retention(store=sqlite_store, bounds=bounds, clock=clock)
    assert (pruning.once(), pruning.once()) == (5, None)
    assert count(sqlite_store) == 5
    clock.advance(timedelta(days=1))
    assert (pruning.once(), pruning.once()) == (1, None)


def test_some_free_space_stays_for_later_writes(sqlite_store: SqlStore) -> None:
    with sqlite_store.transaction() as tx:
        tx.audit.append([audit_event(n) for n in range(2_000)])
    pruning = retention(sqlite_store, most_bytes=0)
    while pruning.once():
        continue
    assert sqlite_store.give_back_space() is False
