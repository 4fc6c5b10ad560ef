"""Waiting for events, and no longer than so long."""

import asyncio
from collections.abc import Collection


async def until(event: asyncio.Event, timeout_seconds: float) -> None:
    """Return once the event is set, or the time is up."""
    try:
        async with asyncio.timeout(timeout_seconds):
            await event.wait()
    except TimeoutError:
        return


async def all_of(events: Collection[asyncio.Event], *, unless: asyncio.Event, timeout_seconds: float) -> None:
    """Return once every one of the events is set, or `unless` is, or the time is up."""

    async def all_are_set() -> None:
        for event in events:
            await event.wait()

    waits = [asyncio.create_task(all_are_set()), asyncio.create_task(unless.wait())]
    try:
        await asyncio.wait(waits, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
