"""The newest snapshot: at once where it was made, soon everywhere else, and for a while without the store."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tabard.clock import ManualClock
from tabard.errors import ServiceUnavailable
from tabard.store.ports import StoreUnavailable
from tabard.store.snapshot import Snapshot
from tabard.store.snapshot_source import STORE_AWAY, STORE_BACK, SqlSnapshotSource
from tabard.store.sql import SqlStore
from tabard.store.sqlite import open_sqlite_store
from tests.support.aggregates import NOW, audit_event, role
from tests.support.memory_store import ClearVault

NEVER = 3600.0


class CountingStore(SqlStore):
    """Counts the loads, and refuses them where it is told to."""

    loads = 0
    refusing = False

    def next_snapshot(self, current: Snapshot | None = None, *, account_id: str = "") -> Snapshot:
        self.loads += 1
        if self.refusing:
            raise StoreUnavailable("the test said so")
        return super().next_snapshot(current, account_id=account_id)


@pytest.fixture
def counting_store(sqlite_store: SqlStore) -> CountingStore:
    return CountingStore(sqlite_store.database, sqlite_store.vault)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def source(sqlite_store: SqlStore, clock: ManualClock) -> AsyncIterator[SqlSnapshotSource]:
    source = SqlSnapshotSource(sqlite_store, clock=clock)
    await source.start()
    yield source
    await source.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what must come; a suite that hangs here has failed."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 — what is awaited is told by no event
            await asyncio.sleep(0.002)


def write(store: SqlStore, n: int) -> None:
    with store.transaction() as tx:
        tx.roles.insert(role(n))


async def test_a_change_is_seen_at_once_where_it_was_made(sqlite_store: SqlStore, clock: ManualClock) -> None:
    source = SqlSnapshotSource(sqlite_store, clock=clock, poll_seconds=NEVER)
    await source.start()
    for n in range(1, 4):
        write(sqlite_store, n)
        await source.refresh()
        assert len(source.current().roles) == n
    await source.stop()


async def test_a_change_is_detected_without_a_notification(
    source: SqlSnapshotSource, sqlite_store: SqlStore
) -> None:
    for n in range(1, 4):
        version = source.current().version
        write(sqlite_store, n)
        assert (await source.wait_beyond(version, 20)).role_named(f"role-{n}") is not None


async def test_a_snapshot_never_changes(source: SqlSnapshotSource, sqlite_store: SqlStore) -> None:
    held = source.current()
    write(sqlite_store, 1)
    await source.refresh()
    assert held.roles == {}
    assert held is not source.current()


async def test_waiting_ends_with_the_current_snapshot_after_the_timeout(source: SqlSnapshotSource) -> None:
    assert await source.wait_beyond(source.current().version, 0.01) is source.current()
    assert await source.wait_beyond(-1, NEVER) is source.current()


async def test_waiting_calls_are_answered_when_the_edge_ends(source: SqlSnapshotSource) -> None:
    waiting = asyncio.create_task(source.wait_beyond(source.current().version, NEVER))
    await asyncio.sleep(0)  # it has begun to wait
    source.end_waiting()
    assert await waiting is source.current()
    assert await source.wait_beyond(source.current().version, NEVER) is source.current()


async def test_audit_events_wake_no_waiter(source: SqlSnapshotSource, sqlite_store: SqlStore) -> None:
    before = source.current()
    with sqlite_store.transaction() as tx:
        tx.audit.append([audit_event()])
    await source.refresh()
    assert source.current() is before


async def test_before_the_start_nothing_is_served(sqlite_store: SqlStore, clock: ManualClock) -> None:
    source = SqlSnapshotSource(sqlite_store, clock=clock)
    with pytest.raises(ServiceUnavailable):
        source.current()
    assert not source.health().serving
    assert source.health().version == -1


async def test_decisions_continue_without_the_store_up_to_the_bound(
    source: SqlSnapshotSource, sqlite_store: SqlStore, clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "tabard.db"
    write(sqlite_store, 1)
    await source.refresh()
    with capture_logs() as logs:
        away = path.rename(tmp_path / "away.db")
        await until(lambda: not source.health().store_available)
        await source.refresh()
        clock.advance(timedelta(minutes=60))
        assert source.current().role_named("role-1") is not None
        clock.advance(timedelta(seconds=1))
        with pytest.raises(ServiceUnavailable, match="60 minutes"):
            source.current()
        with pytest.raises(ServiceUnavailable):
            await source.wait_beyond(0, NEVER)
        health = source.health()
        assert (health.serving, health.store_available) == (False, False)
        assert "No such file" in health.reason
        away.rename(path)
        await until(lambda: source.health().store_available)
    assert source.current().role_named("role-1") is not None
    assert source.health().confirmed_seconds_ago == 0
    assert [entry["event"] for entry in logs] == [STORE_AWAY, STORE_BACK]


async def test_a_wall_clock_set_forward_refuses_until_the_store_confirms_again(
    source: SqlSnapshotSource, clock: ManualClock
) -> None:
    """A virtual machine may have been paused: only the wall clock knows."""
    before = source.current()
    clock.step_wall_clock(timedelta(days=365))
    with pytest.raises(ServiceUnavailable):
        source.current()
    await until(lambda: source.health().serving)
    assert source.current() is before


async def test_a_wall_clock_set_back_neither_refuses_nor_prolongs(
    source: SqlSnapshotSource, sqlite_store: SqlStore, clock: ManualClock, tmp_path: Path
) -> None:
    before = source.current()
    (tmp_path / "tabard.db").rename(tmp_path / "away.db")
    await until(lambda: not source.health().store_available)
    clock.step_wall_clock(timedelta(days=-365))
    clock.advance(timedelta(minutes=60))
    assert source.current() is before
    clock.advance(timedelta(seconds=1))
    with pytest.raises(ServiceUnavailable):
        source.current()


async def test_sleep_counts_towards_the_bound(
    source: SqlSnapshotSource, sqlite_store: SqlStore, clock: ManualClock, tmp_path: Path
) -> None:
    (tmp_path / "tabard.db").rename(tmp_path / "away.db")
    await until(lambda: not source.health().store_available)
    clock.sleep(timedelta(minutes=60, seconds=1))
    with pytest.raises(ServiceUnavailable):
        source.current()


async def test_a_quiet_store_keeps_confirming(source: SqlSnapshotSource, clock: ManualClock) -> None:
    for _ in range(3):
        clock.advance(timedelta(minutes=59))
        await until(lambda: source.health().confirmed_seconds_ago == 0)
    assert source.health().serving


async def test_a_change_that_could_not_be_loaded_is_neither_forgotten_nor_confirmed(
    counting_store: CountingStore, clock: ManualClock
) -> None:
    source = SqlSnapshotSource(counting_store, clock=clock)
    await source.start()
    before = source.current().version
    counting_store.refusing = True
    clock.advance(timedelta(minutes=1))
    write(counting_store, 1)
    loads = counting_store.loads
    await until(lambda: counting_store.loads >= loads + 2)
    assert source.health().confirmed_seconds_ago == 60
    assert source.health().reason == "the test said so"
    counting_store.refusing = False
    assert (await source.wait_beyond(before, 20)).role_named("role-1") is not None
    assert source.health().store_available
    await source.stop()


async def test_requests_that_commit_at_once_share_a_load(
    counting_store: CountingStore, clock: ManualClock
) -> None:
    source = SqlSnapshotSource(counting_store, clock=clock, poll_seconds=NEVER)
    await source.start()
    assert counting_store.loads == 1
    write(counting_store, 1)
    await asyncio.gather(*(source.refresh() for _ in range(20)))
    assert source.current().role_named("role-1") is not None
    assert counting_store.loads <= 3  # one for the first, and one that began after all the others came
    counting_store.refusing = True
    await asyncio.gather(*(source.refresh() for _ in range(20)))
    assert counting_store.loads <= 5
    await source.stop()


async def test_a_refresh_that_comes_while_another_loads_gets_a_load_of_its_own(
    counting_store: CountingStore, clock: ManualClock
) -> None:
    source = SqlSnapshotSource(counting_store, clock=clock, poll_seconds=NEVER)
    await source.start()
    assert counting_store.loads == 1
    first = asyncio.create_task(source.refresh())
    await until(lambda: counting_store.loads == 2)
    await asyncio.gather(first, source.refresh())
    assert counting_store.loads == 3
    await source.stop()


async def test_stopping_leaves_no_thread_no_task_and_no_waiter(
    sqlite_store: SqlStore, clock: ManualClock
) -> None:
    threads, tasks = set(threading.enumerate()), asyncio.all_tasks()
    source = SqlSnapshotSource(sqlite_store, clock=clock)
    await source.start()
    waiting = asyncio.create_task(source.wait_beyond(source.current().version, NEVER))
    await asyncio.sleep(0)
    await source.stop()
    assert await waiting is source.current()
    assert set(threading.enumerate()) == threads
    assert asyncio.all_tasks() == tasks
    await source.stop()


async def test_a_start_without_the_store_fails_and_leaves_no_thread(
    tmp_path: Path, clock: ManualClock
) -> None:
    store = open_sqlite_store(tmp_path / "other.db", vault=ClearVault())
    (tmp_path / "other.db").rename(tmp_path / "away.db")
    threads = set(threading.enumerate())
    with pytest.raises(StoreUnavailable):
        await SqlSnapshotSource(store, clock=clock).start()
    assert set(threading.enumerate()) == threads
    store.close()
