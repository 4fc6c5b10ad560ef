"""Events wait in a bounded queue and are written in their order, as soon as the store lets them."""

import asyncio
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from tabard.audit import queue as audit_queue
from tabard.audit.queue import AUDIT_NOT_WRITTEN, AUDIT_WRITTEN_AGAIN, AuditQueue
from tabard.model.audit_event import AuditEvent
from tabard.store.ports import StoreUnavailable


def event(number: int) -> AuditEvent:
    return AuditEvent(
        request_id=str(number),
        at=datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC),
        service="s3",
        operation="GetObject",
        principal_arn="",
        access_key_id="",
        source_ip="",
        user_agent="",
        region="",
        resources=(),
        outcome="allowed",
        error_code="",
        reason="",
        http_status=200,
        snapshot_version=1,
    )


class Trail:
    """Where the events go; `failure` is what befalls the next attempts."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.failure: Exception | None = None
        self.was_written = threading.Event()

    def __call__(self, events: Sequence[AuditEvent]) -> None:
        self.threads.add(threading.get_ident())
        if self.failure is not None:
            raise self.failure
        self.batches.append([one.request_id for one in events])
        self.was_written.set()

    @property
    def written(self) -> list[str]:
        return [request_id for batch in self.batches for request_id in batch]


@pytest.fixture
def trail() -> Trail:
    return Trail()


def numbers(*bounds: int) -> list[str]:
    return [str(number) for number in range(*bounds)]


def fill(queue: AuditQueue, *bounds: int) -> None:
    for number in range(*bounds):
        queue.record(event(number))


async def test_events_are_written_in_their_order_batch_by_batch_off_the_loop(trail: Trail) -> None:
    queue = AuditQueue(trail, batch=3)
    fill(queue, 8)
    await queue.flush()
    assert trail.batches == [numbers(0, 3), numbers(3, 6), numbers(6, 8)]
    assert threading.get_ident() not in trail.threads
    assert len(queue) == 0


async def test_with_nothing_to_write_nothing_is_written(trail: Trail) -> None:
    await AuditQueue(trail).flush()
    assert trail.batches == []


async def test_what_does_not_fit_is_counted_and_the_oldest_are_kept(trail: Trail) -> None:
    queue = AuditQueue(trail, capacity=5)
    fill(queue, 8)
    assert (len(queue), queue.overflow_count) == (5, 3)
    await queue.flush()
    fill(queue, 8, 10)
    await queue.flush()
    assert trail.written == [*numbers(5), *numbers(8, 10)]
    assert queue.overflow_count == 3


@pytest.mark.parametrize("failure", [StoreUnavailable("away"), RuntimeError("broken")])
async def test_while_the_store_fails_events_wait_within_the_capacity_and_none_is_lost(
    trail: Trail, failure: Exception
) -> None:
    queue = AuditQueue(trail, capacity=6, batch=2)
    trail.failure = failure
    fill(queue, 4)
    await queue.flush()
    assert (len(queue), trail.written) == (4, [])
    fill(queue, 4, 8)
    await queue.flush()
    assert (len(queue), queue.overflow_count) == (6, 2)
    trail.failure = None
    await queue.flush()
    assert trail.written == numbers(6)


async def test_an_outage_is_told_of_when_it_begins_and_when_it_ends(trail: Trail) -> None:
    queue = AuditQueue(trail)
    fill(queue, 2)
    with capture_logs() as logs:
        trail.failure = StoreUnavailable("away")
        await queue.flush()
        await queue.flush()
        trail.failure = None
        await queue.flush()
        fill(queue, 2)
        await queue.flush()
    assert [(log["event"], log["log_level"]) for log in logs] == [
        (AUDIT_NOT_WRITTEN, "warning"),
        (AUDIT_WRITTEN_AGAIN, "info"),
    ]
    assert (logs[0]["waiting"], logs[0]["reason"]) == (2, "away")


async def test_events_that_come_while_others_are_written_count_towards_the_capacity() -> None:
    queue: AuditQueue
    written: list[str] = []
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def sink(events: Sequence[AuditEvent]) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(5)
        written.extend(one.request_id for one in events)

    queue = AuditQueue(sink, capacity=3, batch=2)
    fill(queue, 2)
    flushing = asyncio.create_task(queue.flush())
    await begun.wait()
    fill(queue, 2, 6)
    assert (len(queue), queue.overflow_count) == (3, 3)
    go_on.set()
    await flushing
    assert written == ["0", "1"]  # what came meanwhile is for the next flush
    await queue.flush()
    assert written == ["0", "1", "2"]


async def test_running_flushes_by_itself_and_once_more_at_the_end(trail: Trail) -> None:
    queue = AuditQueue(trail, flush_every_seconds=0.001)
    running = asyncio.create_task(queue.run())
    fill(queue, 2)
    assert await asyncio.to_thread(trail.was_written.wait, 5)
    fill(queue, 2, 4)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert trail.written == numbers(4)


async def test_an_end_in_the_middle_of_a_batch_writes_it_once_and_the_rest_after_it() -> None:
    batches: list[list[str]] = []
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def sink(events: Sequence[AuditEvent]) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(5)
        batches.append([one.request_id for one in events])

    queue = AuditQueue(sink, batch=2, flush_every_seconds=0)
    fill(queue, 4)
    running = asyncio.create_task(queue.run())
    await begun.wait()
    running.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert batches == [["0", "1"], ["2", "3"]]


async def test_a_store_that_is_away_at_the_end_does_not_keep_the_process(trail: Trail) -> None:
    queue = AuditQueue(trail)
    running = asyncio.create_task(queue.run())
    await asyncio.sleep(0)
    fill(queue, 1)
    trail.failure = StoreUnavailable("away")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(queue) == 1


async def test_an_event_that_cannot_be_written_stops_no_other() -> None:
    written: list[str] = []

    def sink(events: Sequence[AuditEvent]) -> None:
        for event in events:
            if event.request_id == "1":
                raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        written.extend(event.request_id for event in events)

    queue = AuditQueue(sink)
    fill(queue, 0, 3)
    await queue.flush()
    assert (written, len(queue), queue.overflow_count) == (["0", "2"], 0, 1)


async def test_while_no_event_can_be_written_all_of_them_wait() -> None:
    def sink(events: Sequence[AuditEvent]) -> None:
        raise RuntimeError("broken")

    queue = AuditQueue(sink)
    fill(queue, 0, 2)
    await queue.flush()
    assert (len(queue), queue.overflow_count, queue.failing_because != "") == (2, 0, True)


async def test_a_store_that_goes_away_between_two_events_loses_none() -> None:
    written: list[str] = []
    calls = 0

    def sink(events: Sequence[AuditEvent]) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("the whole batch")
        if calls == 3:
            raise StoreUnavailable("away")
        written.extend(event.request_id for event in events)

    queue = AuditQueue(sink)
    fill(queue, 0, 3)
    await queue.flush()
    await queue.flush()
    assert (written, len(queue), queue.overflow_count) == (numbers(0, 3), 0, 0)


async def test_an_event_is_explained_once_by_the_thread_that_writes_it() -> None:
    """Whoever records pays nothing for the explanation, and an outage does not make it anew."""
    written: list[AuditEvent] = []
    threads: list[int] = []
    failures = [StoreUnavailable("away")]

    def sink(events: Sequence[AuditEvent]) -> None:
        if failures:
            raise failures.pop()
        written.extend(events)

    def explain() -> str:
        threads.append(threading.get_ident())
        return "because"

    queue = AuditQueue(sink)
    queue.record(event(1), explain)
    queue.record(event(2))
    assert threads == []
    await queue.flush()
    await queue.flush()
    assert [(one.request_id, one.explanation) for one in written] == [("1", "because"), ("2", "")]
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_in_a_flood_of_denials_the_later_ones_go_without_explanation() -> None:
    written: list[AuditEvent] = []
    queue = AuditQueue(written.extend)
    for number in range(audit_queue.MOST_EXPLANATIONS + 5):
        queue.record(event(number), lambda: "because")
    await queue.flush()
    assert [one.explanation for one in written[-6:]] == ["because", "", "", "", "", ""]
    queue.record(event(0), lambda: "because")
    await queue.flush()
    assert written[-1].explanation == "because"


async def test_an_event_that_cannot_be_explained_is_written_all_the_same() -> None:
    written: list[AuditEvent] = []
    queue = AuditQueue(written.extend)

    def explain() -> str:
        raise RuntimeError("broken")

    queue.record(event(1), explain)
    with capture_logs() as logs:
        await queue.flush()
    assert [(one.request_id, one.explanation) for one in written] == [("1", "")]
    assert [entry["event"] for entry in logs] == [audit_queue.AUDIT_NOT_EXPLAINED]
