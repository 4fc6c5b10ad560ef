"""How fast connections of one instance are taken, and that its haste costs the others nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tabard.clock import ManualClock
from tabard.imds.rate_limit import RateLimit
from tabard.imds.server import MetadataServer
from tests.support.described_instance import DESIRED
from tests.support.metadata_requests import Source, ask, token

BURST = 20
PER_SECOND = 50


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 31, tzinfo=UTC))


def test_a_burst_passes_and_then_the_pace_is_kept(clock: ManualClock) -> None:
    pace = RateLimit(clock, per_second=10, burst=3)
    assert [pace.take() for _ in range(3)] == [0.0, 0.0, 0.0]
    assert pace.take() == pytest.approx(0.1)
    clock.advance(timedelta(seconds=0.05))
    assert pace.take() == pytest.approx(0.05)
    clock.advance(timedelta(seconds=0.05))
    assert pace.take() == 0.0
    assert pace.take() > 0


def test_what_was_not_used_adds_up_to_the_burst_and_no_further(clock: ManualClock) -> None:
    pace = RateLimit(clock, per_second=10, burst=3)
    clock.advance(timedelta(hours=1))
    assert [pace.take() for _ in range(4)][:3] == [0.0, 0.0, 0.0]
    assert pace.take() > 0


def of(instance_id: str) -> Source:
    return Source(msgspec.structs.replace(DESIRED, instance_id=instance_id))


@pytest.fixture
async def both(clock: ManualClock) -> AsyncIterator[tuple[MetadataServer, MetadataServer]]:
    """Two instances of one agent; time stands still, so that what is over the burst is never taken."""
    servers = tuple(
        MetadataServer(
            of(instance_id), clock=clock, uid=None, limit=RateLimit(clock, per_second=PER_SECOND, burst=BURST)
        )
        for instance_id in ("i-0123456789abcdef0", "i-0fedcba9876543210")
    )
    for server in servers:
        await server.start()
    yield servers
    for server in servers:
        await server.close()


async def test_a_flood_on_one_instance_leaves_the_other_answered(
    both: tuple[MetadataServer, MetadataServer], clock: ManualClock
) -> None:
    noisy, quiet = both
    answered: list[int] = []
    the_burst, the_next = asyncio.Event(), asyncio.Event()

    async def one() -> None:
        answer = await ask(noisy, "GET", "/latest/meta-data/")
        answered.append(answer.status)
        if len(answered) == BURST:
            the_burst.set()
        if len(answered) == 2 * BURST:
            the_next.set()

    flood = [asyncio.create_task(one()) for _ in range(5 * BURST)]
    for _ in range(BURST // 2):
        await token(quiet)
    await asyncio.wait_for(the_burst.wait(), 10)
    await token(quiet)
    # Not one more than its burst was taken: the rest waits in the kernel, not in the agent.
    assert answered == BURST * [401]
    clock.advance(timedelta(seconds=1))
    await asyncio.wait_for(the_next.wait(), 10)
    for each in flood:
        each.cancel()
    for each in flood:
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await each


async def test_connections_that_stay_open_take_the_places_of_their_own_instance_alone(
    both: tuple[MetadataServer, MetadataServer],
) -> None:
    noisy, quiet = both
    port = int(noisy.endpoint.rpartition(":")[2])
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(BURST)]
    for _ in range(BURST // 2):
        await token(quiet)
    for _, writer in held:
        writer.close()
