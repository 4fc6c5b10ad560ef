"""The stream of one request's body, from the connection to its reader."""

import asyncio
from collections import deque
from typing import Protocol

HIGH_WATER_BYTES = 256 * 1024
LOW_WATER_BYTES = 64 * 1024


class BodySource(Protocol):
    """The calls of a stream to the connection that feeds it."""

    def resume_reading(self) -> None:
        """Read more of the body."""


class BodyStream:
    """Pieces in the order of their arrival. Its source pauses when enough of them wait."""

    __slots__ = ("_failure", "_pieces", "_source", "_waiter", "buffered_bytes", "is_complete", "is_discarded")

    def __init__(self, source: BodySource) -> None:
        self._source = source
        self._pieces: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._failure: ConnectionError | None = None
        self.buffered_bytes = 0
        self.is_complete = False
        self.is_discarded = False

    @property
    def is_full(self) -> bool:
        return self.buffered_bytes >= HIGH_WATER_BYTES

    async def readany(self) -> bytes:
        """Return the next piece; empty at the end. ConnectionError if the end will never come."""
        while not self._pieces:
            if self.is_complete:
                return b""
            if self._failure is not None:
                raise self._failure
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        piece = self._pieces.popleft()
        self.buffered_bytes -= len(piece)
        if self.buffered_bytes <= LOW_WATER_BYTES:
            self._source.resume_reading()
        return piece

    async def discard(self) -> None:
        """Discard the rest, and wait for its end. ConnectionError if that will never come."""
        self.is_discarded = True
        self._pieces.clear()
        self.buffered_bytes = 0
        self._source.resume_reading()
        while await self.readany():
            pass

    # Called by the connection.

    def feed(self, piece: bytes) -> None:
        if not self.is_discarded:
            self._pieces.append(piece)
            self.buffered_bytes += len(piece)
            self._wake()

    def end(self) -> None:
        self.is_complete = True
        self._wake()

    def fail(self, failure: ConnectionError) -> None:
        if not self.is_complete:
            self._failure = failure
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
