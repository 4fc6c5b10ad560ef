"""The writer of answers, with back-pressure from the client."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from tabard.http1.answer_head import AnswerHead
from tabard.http1.pool import UpstreamUnavailable

PIECE_BYTES = 256 * 1024


class AnswerWriter:
    """Writes to one connection. The connection calls it to pause, resume and end."""

    __slots__ = ("_drained", "_idle_seconds", "_is_lost", "_is_paused", "_transport")

    def __init__(self, transport: asyncio.Transport, *, idle_seconds: float) -> None:
        """`idle_seconds`: how long a client may read nothing."""
        self._transport = transport
        self._idle_seconds = idle_seconds
        self._is_lost = False
        self._is_paused = False
        self._drained: asyncio.Future[None] | None = None

    async def send(self, head: AnswerHead, body: bytes | AsyncIterator[bytes]) -> None:
        """Send a whole answer.

        Raises:
            ConnectionError: the client disconnected. TimeoutError: it reads nothing.
            UpstreamUnavailable: the body's length differs from its head.
        """
        if isinstance(body, bytes):
            if not head.length:
                await self._write(head.content)
            elif len(body) <= PIECE_BYTES:
                await self._write(head.content + body)
            else:
                await self._write(head.content)
                for at in range(0, len(body), PIECE_BYTES):
                    await self._write(body[at : at + PIECE_BYTES])
            return
        try:
            await self._write(head.content)
            if head.length != 0:
                await self._stream(head, body)
        finally:
            if isinstance(body, AsyncGenerator):
                await body.aclose()

    # Called by the connection.

    def pause(self) -> None:
        self._is_paused = True

    def resume(self) -> None:
        self._is_paused = False
        self._wake()

    def lose(self) -> None:
        self._is_lost = True
        self.resume()

    # Private

    async def _stream(self, head: AnswerHead, pieces: AsyncIterator[bytes]) -> None:
        """Send a body in pieces. Only closing the connection can signal that the rest will not come."""
        sent = 0
        async for piece in pieces:
            sent += len(piece)
            if head.length is not None and sent > head.length:
                raise UpstreamUnavailable("the answer is longer than it said")
            if piece:
                await self._write(b"%x\r\n%b\r\n" % (len(piece), piece) if head.is_chunked else piece)
        if head.length is not None and sent != head.length:
            raise UpstreamUnavailable("the answer is shorter than it said")
        if head.is_chunked:
            await self._write(b"0\r\n\r\n")

    async def _write(self, data: bytes) -> None:
        if self._is_lost:
            raise ConnectionResetError("the client went away")
        self._transport.write(data)
        if self._is_paused:
            async with asyncio.timeout(self._idle_seconds):
                while self._is_paused:
                    self._drained = asyncio.get_running_loop().create_future()
                    await self._drained

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
