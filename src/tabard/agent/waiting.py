"""Waiting for events, with a timeout."""

import asyncio
from collections.abc import Collection
from typing import Protocol


class Awaitable(Protocol):
    """An object that a task can wait for: asyncio's Event, or ours."""

    async def wait(self) -> object:
        """Return once it is set."""


class Event:
    """Like asyncio's Event, in a tenth of its 760 bytes: an agent has several for each instance."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: tuple[asyncio.Future[None], ...] = ()

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def clear(self) -> None:
        self._is_set = False

    async def wait(self) -> None:
        if self._is_set:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting += (waiter,)
        try:
            await waiter
        finally:
            self._waiting = tuple(one for one in self._waiting if one is not waiter)


async def until(event: Awaitable, timeout_seconds: float) -> None:
    """Return once the event is set, or the timeout has passed."""
    try:
        async with asyncio.timeout(timeout_seconds):
            await event.wait()
    except TimeoutError:
        return


async def all_of(events: Collection[Awaitable], *, unless: Awaitable, timeout_seconds: float) -> None:
    """Return once every event is set, or `unless` is, or the timeout has passed."""

    async def all_are_set() -> None:
        for event in events:
            await event.wait()

    waits = [asyncio.create_task(all_are_set()), asyncio.create_task(unless.wait())]
    try:
        await asyncio.wait(waits, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
