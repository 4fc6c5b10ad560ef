"""A reader that waits for a flush finds every event of what was answered before, whichever edge answered."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from tabard.audit.queue import AuditQueue
from tabard.edge.audit_flush import AuditFlushes
from tabard.model.audit_event import AuditEvent
from tabard.services.tabard.audit_flush import EDGES, flush_wanted, is_flushed
from tabard.store.ports import StoreUnavailable
from tabard.store.snapshot import Snapshot
from tests.support.aggregates import ACCOUNT_ID, audit_event
from tests.support.edge_in_memory import EdgeInMemory, text_of
from tests.support.memory_store import MemoryStore
from tests.support.waiting import until


class Following:
    """A source of snapshots that wakes its readers as soon as a test says that the store changed."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.changed = asyncio.Condition()

    def current(self) -> Snapshot:
        return self.store.snapshot()

    async def wait_beyond(self, version: int, timeout_seconds: float) -> Snapshot:
        async with asyncio.timeout(timeout_seconds), self.changed:
            await self.changed.wait_for(lambda: self.current().version > version)
        return self.current()

    async def wake(self) -> None:
        async with self.changed:
            self.changed.notify_all()


class Edge:
    """The part of an edge that writes the audit; `failure` is what befalls its store."""

    def __init__(self, name: str, store: MemoryStore, source: Following) -> None:
        self.failure: Exception | None = None
        self.store = store
        self.queue = AuditQueue(self.append)
        self.flushes = AuditFlushes(name=name, queue=self.queue, store=store, snapshots=source)

    def append(self, events: Sequence[AuditEvent]) -> None:
        if self.failure is not None:
            raise self.failure
        with self.store.transaction() as tx:
            tx.audit.append(events)


def store_of(*edges: str) -> MemoryStore:
    store = MemoryStore(account_id=ACCOUNT_ID)
    with store.transaction() as tx:
        tx.installation.put(EDGES, " ".join(edges))
    return store


def ask_for_a_flush(store: MemoryStore) -> int:
    with store.transaction() as tx:
        number = flush_wanted(store.snapshot()) + 1
        tx.installation.put("audit-flush", str(number))
    return number


def written(store: MemoryStore) -> set[str]:
    with store.transaction() as tx:
        return {event.request_id for _, event in tx.audit.read(after=0, limit=99)}


@asynccontextmanager
async def running(*edges: Edge) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(edge.flushes.run()) for edge in edges]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def flushed(source: Following, number: int) -> None:
    await source.wake()
    await until(lambda: is_flushed(source.current(), number))


async def test_a_flush_is_done_once_every_edge_has_written_its_events() -> None:
    store = store_of("edge-0", "edge-1")
    source = Following(store)
    first, second = Edge("edge-0", store, source), Edge("edge-1", store, source)
    first.queue.record(audit_event(1))
    second.queue.record(audit_event(2))
    number = ask_for_a_flush(store)
    async with running(first):
        await until(lambda: first.flushes.done >= number)
        assert written(store) == {"request-1"}
        assert not is_flushed(source.current(), number)
        async with running(second):
            await flushed(source, number)
            assert written(store) == {"request-1", "request-2"}


async def test_each_flush_covers_what_came_before_it() -> None:
    store = store_of("edge-0")
    source = Following(store)
    edge = Edge("edge-0", store, source)
    async with running(edge):
        for n in range(5):
            edge.queue.record(audit_event(n))
            await flushed(source, ask_for_a_flush(store))
            assert f"request-{n}" in written(store)


class Stopping(Following):
    """A source of an edge that stops: no wait lasts any more."""

    looks = 0

    async def wait_beyond(self, version: int, timeout_seconds: float) -> Snapshot:
        self.looks += 1
        assert self.looks < 10, "it asks without a pause, so that nothing else can run"
        return self.current()


async def test_while_its_edge_stops_it_leaves_the_time_to_others() -> None:
    store = store_of("edge-0")
    source = Stopping(store)
    async with running(Edge("edge-0", store, source)):
        await until(lambda: source.looks >= 2)  # the first look finds its own note
        await asyncio.sleep(0)
    assert source.looks == 2


async def test_an_edge_that_cannot_write_does_no_flush_until_it_can() -> None:
    store = store_of("edge-0")
    edge = Edge("edge-0", store, Following(store))
    edge.queue.record(audit_event(1))
    number = ask_for_a_flush(store)
    edge.failure = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable, match="away"):
        await edge.flushes.do(number)
    assert not is_flushed(store.snapshot(), number)
    edge.failure = None
    await edge.flushes.do(number)
    assert is_flushed(store.snapshot(), number)
    assert written(store) == {"request-1"}


async def test_an_edge_that_starts_anew_does_the_flush_that_its_former_process_left() -> None:
    store = store_of("edge-0")
    source = Following(store)
    number = ask_for_a_flush(store)
    async with running(Edge("edge-0", store, source)):
        await flushed(source, number)


async def test_a_caller_asks_for_a_flush_and_hears_whether_it_is_done(edge: EdgeInMemory) -> None:
    with edge.store.transaction() as tx:
        tx.installation.put(EDGES, "edge-0")
    asked = await edge.target("tabard", "Tabard_20261101.FlushEvents", {})
    number = json.loads(text_of(asked))["FlushNumber"]
    waiting = {"FlushNumber": number, "WaitSeconds": 1}
    open_ = await edge.target("tabard", "Tabard_20261101.WaitForEvents", waiting)
    assert (open_.status, json.loads(text_of(open_))) == (200, {})
    flushes = AuditFlushes(
        name="edge-0", queue=edge.pipeline.audit, store=edge.store, snapshots=edge.pipeline.snapshots
    )
    await flushes.do(number)
    done = await edge.target("tabard", "Tabard_20261101.WaitForEvents", waiting)
    assert json.loads(text_of(done)) == {"IsComplete": True}
    refused = await edge.target(
        "tabard", "Tabard_20261101.WaitForEvents", waiting, credentials=await edge.session()
    )
    assert (refused.status, "tabard:WaitForEvents" in text_of(refused)) == (403, True)
