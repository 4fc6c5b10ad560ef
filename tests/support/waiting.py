"""Waiting for what must come. What must not come is proved by an event after it, never by waiting."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Return once the condition is true, and fail where it is not within this many seconds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.002)


async def stands_still(value: Callable[[], int]) -> int:
    """Return the value once it has not changed while every other task of this loop had fifty turns.

    Where all sides are tasks of this loop, and none waits for a time, nothing is on its way any more then.
    """
    before = None
    while before != (now := value()):
        before = now
        await turns(50)
    return now


async def turns(number: int = 5) -> None:
    """Let every other task of this loop, and every socket with something to read, have that many turns."""
    for _ in range(number):
        await asyncio.sleep(0)
