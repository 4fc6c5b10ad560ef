"""No request is decided by a snapshot that is older than a write which was acknowledged before it began."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tabard.clock import ManualClock
from tabard.errors import ServiceUnavailable
from tabard.store.ports import StoreUnavailable
from tabard.store.snapshot import Snapshot
from tabard.store.snapshot_source import PATIENCE_SECONDS, SqlSnapshotSource
from tabard.store.sql import ChangeProbe, SqlStore
from tabard.store.sqlite import WAL_INDEX_NOT_FOLLOWED, SqliteDatabase, SqliteProbe, open_sqlite_store
from tests.support.aggregates import NOW, audit_event, role
from tests.support.memory_store import ClearVault
from tests.support.store_child import (
    OPEN_AND_WRITE_ONE,
    STOP_AFTER_A_COMMIT,
    STOP_INSIDE_A_TRANSACTION,
    STOP_WHILE_READING,
    WRITE_UNTIL_KILLED,
    command,
    environment,
)

NEVER = 3600.0
"""Nothing is noticed by polling in these tests."""

ROUNDS = 50
MOST_SECONDS = 20.0


class WatchedStore(SqlStore):
    """Counts the loads; refuses them, or keeps them waiting, where a test says so."""

    loads = 0
    refusing = False

    def __init__(self, store: SqlStore) -> None:
        super().__init__(store.database, store.vault)
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def next_snapshot(self, current: Snapshot | None = None, *, account_id: str = "") -> Snapshot:
        self.loads += 1
        if not self.may_go_on.wait(MOST_SECONDS):
            raise AssertionError("a load was never let go")
        if self.refusing:
            raise StoreUnavailable("the test said so")
        return super().next_snapshot(current, account_id=account_id)


class UnmappedStore(WatchedStore):
    """A store whose wal-index cannot be read from memory."""

    def open_probe(self) -> ChangeProbe:
        return a_probe(self, index=None)


class StandingStill:
    """A counter that follows no commit."""

    def mark(self) -> bytes:
        return b"the same"


def a_probe(store: SqlStore, *, index: StandingStill | None) -> SqliteProbe:
    database = store.database
    assert isinstance(database, SqliteDatabase)
    return SqliteProbe(database, sqlite3.connect(database.path, isolation_level=None), index)


@pytest.fixture
def path(sqlite_store: SqlStore) -> Path:
    assert isinstance(sqlite_store.database, SqliteDatabase)
    return sqlite_store.database.path


@pytest.fixture
def other_edges_store(sqlite_store: SqlStore, path: Path) -> Iterator[SqlStore]:
    """The same file with connections of its own, as another edge has it."""
    assert sqlite_store
    store = open_sqlite_store(path, vault=ClearVault(), wait_seconds=1.0)
    yield store
    store.close()


@pytest.fixture
def watched(sqlite_store: SqlStore) -> WatchedStore:
    return WatchedStore(sqlite_store)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def source(watched: WatchedStore, clock: ManualClock) -> AsyncIterator[SqlSnapshotSource]:
    async with AsyncExitStack() as stack:
        yield await following(watched, stack, clock=clock)
        watched.may_go_on.set()


async def following(
    store: SqlStore,
    stack: AsyncExitStack,
    *,
    clock: ManualClock | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> SqlSnapshotSource:
    source = SqlSnapshotSource(
        store, clock=clock or ManualClock(NOW), poll_seconds=NEVER, patience_seconds=patience_seconds
    )
    await source.start()
    stack.push_async_callback(source.stop)
    return source


def write(store: SqlStore, n: int) -> None:
    with store.transaction() as tx:
        tx.roles.insert(role(n))


def audit(store: SqlStore, n: int) -> None:
    with store.transaction() as tx:
        tx.audit.append([audit_event(n)])


async def test_one_edges_write_takes_effect_at_once_on_the_other(
    sqlite_store: SqlStore, other_edges_store: SqlStore
) -> None:
    async with AsyncExitStack() as stack:
        one = (sqlite_store, await following(sqlite_store, stack))
        other = (other_edges_store, await following(other_edges_store, stack))
        for n in range(1, ROUNDS):
            (store, here), (_, there) = one, other
            write(store, n)
            for source in (there, here):
                assert (await source.newest()).role_named(f"role-{n}") is not None
            with store.transaction() as tx:
                tx.roles.delete(role(n).role_id)
            for source in (here, there):
                assert (await source.newest()).role_named(f"role-{n}") is None
            one, other = other, one


async def test_without_a_commit_nothing_is_loaded(source: SqlSnapshotSource, watched: WatchedStore) -> None:
    first = await source.newest()
    assert all([await source.newest() is first for _ in range(100)])
    assert watched.loads == 1


async def test_audit_events_load_nothing(
    source: SqlSnapshotSource, watched: WatchedStore, other_edges_store: SqlStore
) -> None:
    first = await source.newest()
    for n in range(1, ROUNDS):
        audit(other_edges_store if n % 2 else watched, n)
        assert await source.newest() is first
    assert watched.loads == 1


async def test_concurrent_requests_share_a_load(
    source: SqlSnapshotSource, watched: WatchedStore, other_edges_store: SqlStore
) -> None:
    write(other_edges_store, 1)
    found = await asyncio.gather(*(source.newest() for _ in range(50)))
    assert all(snapshot.role_named("role-1") for snapshot in found)
    assert watched.loads == 2


async def test_a_write_during_a_load_is_waited_for_too(
    source: SqlSnapshotSource, watched: WatchedStore, other_edges_store: SqlStore
) -> None:
    """The load that is under way has begun too early, and may not have seen it."""
    write(other_edges_store, 1)
    watched.may_go_on.clear()
    earlier = asyncio.create_task(source.newest())
    await until_loads(watched, 2)
    write(other_edges_store, 2)
    later = asyncio.create_task(source.newest())
    await asyncio.sleep(0)  # it has begun, and waits
    watched.may_go_on.set()
    assert (await earlier).role_named("role-1") is not None
    assert (await later).role_named("role-2") is not None


async def until_loads(watched: WatchedStore, count: int) -> None:
    async with asyncio.timeout(MOST_SECONDS):
        while watched.loads < count:  # noqa: ASYNC110 - a thread counts, and says so to nobody
            await asyncio.sleep(0.001)


async def test_canceled_requests_do_not_cancel_the_load(
    source: SqlSnapshotSource, watched: WatchedStore, other_edges_store: SqlStore
) -> None:
    write(other_edges_store, 1)
    watched.may_go_on.clear()
    given_up, waiting = (asyncio.create_task(source.newest()) for _ in range(2))
    await until_loads(watched, 2)
    given_up.cancel()
    watched.may_go_on.set()
    assert (await waiting).role_named("role-1") is not None
    assert given_up.cancelled()
    assert watched.loads == 2


async def test_a_change_that_cannot_be_loaded_is_refused_and_not_overlooked(
    source: SqlSnapshotSource, watched: WatchedStore, other_edges_store: SqlStore
) -> None:
    before = await source.newest()
    watched.refusing = True
    await source.refresh()
    assert await source.newest() is before, "the store is away, and nothing is known to be newer"
    assert source.health().serving
    write(other_edges_store, 1)
    for _ in range(3):
        with pytest.raises(ServiceUnavailable, match="cannot be read just now"):
            await source.newest()
    assert source.current() is before
    health = source.health()
    assert (health.serving, health.misses_a_change, health.store_available) == (False, True, False)
    watched.refusing = False
    assert (await source.newest()).role_named("role-1") is not None
    health = source.health()
    assert (health.serving, health.misses_a_change, health.store_available) == (True, False, True)


async def test_only_one_wait_for_a_hanging_store_is_long(
    watched: WatchedStore, other_edges_store: SqlStore
) -> None:
    async with AsyncExitStack() as stack:
        source = await following(watched, stack, patience_seconds=0.05)
        before = source.current()
        watched.may_go_on.clear()
        stack.callback(watched.may_go_on.set)
        refreshing = asyncio.create_task(source.refresh())
        await until_loads(watched, 2)
        assert await source.newest() is before, "nothing is known to be newer: it is not waited at all"
        await refreshing
        write(other_edges_store, 1)
        began = asyncio.get_running_loop().time()
        for _ in range(100):
            with pytest.raises(ServiceUnavailable):
                await source.newest()
        assert asyncio.get_running_loop().time() - began < 100 * 0.05 / 2
        assert not source.health().serving
        watched.may_go_on.set()
        await source.wait_beyond(before.version, MOST_SECONDS)
        assert (await source.newest()).role_named("role-1") is not None
        assert source.health().serving


async def test_an_audit_event_just_before_the_store_goes_away_stops_nothing(
    source: SqlSnapshotSource, path: Path
) -> None:
    """The counter has moved; that no version came with it is seen through the connection that is open."""
    before = await source.newest()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA user_version").fetchone()  # the file is open before it is moved
    away = path.with_name("away.db")
    os.rename(path, away)  # noqa: PTH104 - at once
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    await source.refresh()
    assert not source.health().store_available
    assert await source.newest() is before


async def test_the_bound_of_an_outage_holds_for_the_newest_too(
    source: SqlSnapshotSource, watched: WatchedStore, clock: ManualClock
) -> None:
    before = await source.newest()
    watched.refusing = True
    clock.advance(timedelta(minutes=60))
    assert await source.newest() is before
    clock.advance(timedelta(seconds=1))
    with pytest.raises(ServiceUnavailable, match="60 minutes"):
        await source.newest()


async def test_a_machine_that_slept_refuses_no_request_while_the_store_is_there(
    source: SqlSnapshotSource, clock: ManualClock
) -> None:
    before = await source.newest()
    clock.sleep(timedelta(days=1))
    assert await source.newest() is before
    assert source.health().confirmed_seconds_ago == 0


@contextmanager
def stopped(code: str, path: Path, n: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has stopped itself (SIGSTOP); killed in the end."""
    child = subprocess.Popen(command(code, path, n), env=environment())
    try:
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), "it ended before it stopped"
        yield child
    finally:
        child.kill()
        child.wait()


async def test_a_writer_stopped_after_its_commit_has_informed_every_edge(
    source: SqlSnapshotSource, watched: WatchedStore, path: Path
) -> None:
    """There is nothing left for it to do: the commit itself has raised the counter."""
    with stopped(STOP_AFTER_A_COMMIT, path, 1):
        assert (await source.newest()).role_named("role-1") is not None
        write(watched, 2)
        assert (await source.newest()).role_named("role-2") is not None
    assert (await source.newest()).role_named("role-1") is not None
    assert watched.loads == 3


@pytest.mark.parametrize("end", [signal.SIGCONT, signal.SIGKILL])
async def test_a_writer_that_is_stopped_before_its_commit_delays_no_request(
    source: SqlSnapshotSource, watched: WatchedStore, path: Path, end: signal.Signals
) -> None:
    """What it has not committed was acknowledged to nobody; SQLite's lock of writers is all that it holds."""
    before = await source.newest()
    with stopped(STOP_INSIDE_A_TRANSACTION, path, 1) as child:
        assert all([await source.newest() is before for _ in range(100)])
        assert watched.loads == 1
        with pytest.raises(StoreUnavailable, match="locked"):
            write(watched, 2)
        child.send_signal(end)
        child.wait()
    committed = end is signal.SIGCONT
    assert ((await source.newest()).role_named("role-1") is not None) is committed
    write(watched, 2)
    assert (await source.newest()).role_named("role-2") is not None
    assert watched.loads == (3 if committed else 2)


@pytest.mark.parametrize("acknowledged", [1, 20])
async def test_a_writer_that_is_killed_leaves_no_edge_behind_or_slow(
    source: SqlSnapshotSource, watched: WatchedStore, path: Path, acknowledged: int
) -> None:
    child = await asyncio.create_subprocess_exec(
        *command(WRITE_UNTIL_KILLED, path, 0), env=environment(), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    for n in range(1, acknowledged + 1):
        assert int(await child.stdout.readline()) == n
        assert (await source.newest()).role_named(f"role-{n}") is not None
    child.kill()
    await child.wait()
    newest = await source.newest()
    assert newest.version == watched.next_snapshot().version
    loads = watched.loads
    assert all([await source.newest() is newest for _ in range(100)])
    assert watched.loads == loads


async def test_an_edge_that_hangs_delays_no_write(
    source: SqlSnapshotSource, watched: WatchedStore, path: Path
) -> None:
    """It is stopped with a snapshot, in the middle of a reading; the store waits for a lock for a second."""
    write(watched, 1)
    with stopped(STOP_WHILE_READING, path, 0):
        for n in range(2, ROUNDS):
            write(watched, n)
            assert (await source.newest()).role_named(f"role-{n}") is not None


async def test_another_process_that_opens_and_closes_the_store_changes_nothing(
    source: SqlSnapshotSource, path: Path
) -> None:
    """The last process to close the file removes the log; this one still has it, and its locks say so."""
    for n in (1, 2):
        child = await asyncio.create_subprocess_exec(
            *command(OPEN_AND_WRITE_ONE, path, n), env=environment(), stdin=asyncio.subprocess.PIPE
        )
        await child.communicate(b"go\n")
        assert child.returncode == 0
        assert path.with_name(f"{path.name}-wal").exists()
        assert (await source.newest()).role_named(f"role-{n}") is not None


async def test_without_the_wal_index_in_memory_sqlite_is_asked_each_time(
    sqlite_store: SqlStore, other_edges_store: SqlStore
) -> None:
    store = UnmappedStore(sqlite_store)
    async with AsyncExitStack() as stack:
        source = await following(store, stack)
        for n in range(1, 6):
            write(other_edges_store, n)
            assert (await source.newest()).role_named(f"role-{n}") is not None
            audit(other_edges_store, n)
            newest = await source.newest()
            assert all([await source.newest() is newest for _ in range(10)])
        assert store.loads == 6


def test_a_wal_index_that_misses_a_commit_is_no_longer_trusted(sqlite_store: SqlStore) -> None:
    probe = a_probe(sqlite_store, index=StandingStill())
    probe.changed()
    with capture_logs() as logs:
        assert not probe.changed()
        assert logs == []
        before = probe.mark()
        write(sqlite_store, 1)
        assert probe.mark() == before
        assert probe.changed()
        assert [entry["event"] for entry in logs] == [WAL_INDEX_NOT_FOLLOWED]
    before = probe.mark()
    write(sqlite_store, 2)
    assert probe.mark() != before
    probe.close()


def test_the_wal_index_follows_every_commit(
    sqlite_store: SqlStore, other_edges_store: SqlStore, path: Path
) -> None:
    """Also where the log begins again at its first frame, after a checkpoint."""
    probe, checkpoints = sqlite_store.open_probe(), sqlite3.connect(path, isolation_level=None)
    probe.changed()
    assert isinstance(probe.mark(), bytes)
    assert not probe.changed()
    first = probe.newest_version()
    with capture_logs() as logs:
        for n in range(1, ROUNDS):
            before = probe.mark()
            write(other_edges_store, n)
            assert probe.mark() != before
            assert probe.newest_version() == first + n
            if n % 5 == 0:
                assert checkpoints.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0
            assert probe.changed()
            assert not probe.changed()
    assert logs == []
    probe.close()
    checkpoints.close()
