"""Retention looks by itself, deletes batch by batch, and survives a store that is away."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tabard.audit import retention
from tabard.audit.retention import FEWEST_ROWS, FIRST_ROWS, MOST_ROWS, Retention, RetentionBounds
from tabard.clock import ManualClock
from tabard.store.ports import StoreUnavailable, Transaction
from tests.support.aggregates import ACCOUNT_ID, HOUR, NOW, audit_event
from tests.support.memory_store import MemoryStore
from tests.support.waiting import until

OLD = RetentionBounds(kept_for=timedelta(hours=1), most_bytes=10**12)


class SlowStore(MemoryStore):
    """A store whose transactions take as long on the manual clock as a test says, or fail."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.takes_seconds = 0.0
        self.failures: list[Exception] = []
        super().__init__(account_id=ACCOUNT_ID)

    @contextmanager
    def transaction(self, account_id: str = "") -> Iterator[Transaction]:
        if self.failures:
            raise self.failures.pop()
        with super().transaction(account_id) as tx:
            yield tx
            self.clock.advance(timedelta(seconds=self.takes_seconds))


@pytest.fixture
def store() -> SlowStore:
    slow = SlowStore(ManualClock(NOW + 3 * HOUR))
    with slow.transaction() as tx:
        tx.audit.append([audit_event(n) for n in range(20_000)])
    return slow


def test_a_batch_is_as_large_as_can_be_deleted_in_the_time_that_it_may_take(store: SlowStore) -> None:
    pruning = Retention(store=store, bounds=OLD, clock=store.clock)
    store.takes_seconds = retention.HOLD_SECONDS / 100
    sizes = [pruning.once() for _ in range(6)]
    assert sizes == [FIRST_ROWS, 2 * FIRST_ROWS, 4 * FIRST_ROWS, 8 * FIRST_ROWS, 16 * FIRST_ROWS, MOST_ROWS]
    store.takes_seconds = retention.HOLD_SECONDS * 10
    assert [pruning.once() for _ in range(3)] == [MOST_ROWS, MOST_ROWS // 10, FEWEST_ROWS]


def test_within_its_bounds_nothing_is_left_to_do(store: SlowStore) -> None:
    bounds = RetentionBounds(kept_for=timedelta(hours=4), most_bytes=10**12)
    assert Retention(store=store, bounds=bounds, clock=store.clock).once() is None


async def test_it_goes_on_until_the_bound_is_met_though_the_store_fails_meanwhile(
    store: SlowStore,
) -> None:
    store.failures = [StoreUnavailable("away"), RuntimeError("broken")]

    def number_left() -> int:
        with store.transaction() as tx:
            return len(tx.audit.read(after=0, limit=10**6))

    pruning = Retention(store=store, bounds=OLD, clock=store.clock, look_every_seconds=0.001)
    with capture_logs() as logs:
        running = asyncio.create_task(pruning.run())
        await until(lambda: any(log["event"] == retention.AUDIT_PRUNED for log in logs))
        running.cancel()
    assert number_left() == 1
    put_off = [log["log_level"] for log in logs if log["event"] == retention.AUDIT_RETENTION_PUT_OFF]
    assert sorted(put_off) == ["error", "warning"]
    assert [log["events"] for log in logs if log["event"] == retention.AUDIT_PRUNED] == [19_999]


async def test_only_the_leader_deletes(store: SlowStore) -> None:
    asked = asyncio.Event()

    def leads() -> bool:
        asked.set()
        return False

    running = asyncio.create_task(Retention(store=store, bounds=OLD, clock=store.clock, leads=leads).run())
    await asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with store.transaction() as tx:
        assert len(tx.audit.read(after=0, limit=10**6)) == 20_000
