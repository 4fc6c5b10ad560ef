"""Waiting for events, compared with asyncio's own."""

import asyncio

import pytest

from tabard.agent.waiting import Event, all_of, until


async def test_every_waiter_is_woken() -> None:
    event = Event()
    waiting = [asyncio.create_task(event.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    event.set()
    event.set()
    await asyncio.gather(*waiting)
    await event.wait()
    assert event.is_set()


async def test_a_cleared_event_can_be_awaited_again() -> None:
    event = Event()
    event.set()
    event.clear()
    waiting = asyncio.create_task(event.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    event.set()
    await waiting


async def test_a_waiter_that_gives_up_is_forgotten() -> None:
    event = Event()
    waiting = asyncio.create_task(event.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert event._waiting == ()


async def test_waiting_ends_with_all_events_the_other_event_or_the_timeout() -> None:
    set_already, never = Event(), Event()
    set_already.set()
    await all_of([set_already, set_already], unless=never, timeout_seconds=60)
    await all_of([never], unless=set_already, timeout_seconds=60)
    await all_of([never], unless=never, timeout_seconds=0)
    await until(set_already, 60)
    await until(never, 0)
