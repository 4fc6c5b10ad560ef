"""Waiting for a deadline on a machine that may sleep, or whose wall clock somebody sets."""

import asyncio
from collections.abc import Awaitable, Callable

from tabard.clock import Clock, Deadline, read_clocks

LONGEST_NAP_SECONDS = 60.0


async def sleep_until(
    deadline: Deadline, clock: Clock, *, nap: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Return once `deadline` has come, at most a minute late.

    asyncio's timers stop while the machine sleeps: a timer of a day on a laptop may take a month.
    """
    while (seconds_left := deadline.seconds_left(read_clocks(clock))) > 0:
        await nap(min(seconds_left, LONGEST_NAP_SECONDS))
