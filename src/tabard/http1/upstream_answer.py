"""An upstream's answer, whole or in pieces, with back-pressure on its connection."""

from collections import deque
from collections.abc import AsyncIterator
from typing import Final, Protocol

HIGH_WATER_BYTES: Final = 512 * 1024
LOW_WATER_BYTES: Final = 128 * 1024


class UpstreamUnavailable(Exception):
    """The upstream is unreachable, closed the connection, or does not speak HTTP/1.1."""


class UpstreamTimeout(UpstreamUnavailable):
    """The upstream was silent for too long."""


class AnswerSource(Protocol):
    """The calls of an answer to its connection."""

    async def wait(self) -> None:
        """Wait for the next event, within the bound on the upstream's silence."""

    def resume_reading(self) -> None:
        """Read more of the answer."""

    def abort(self, reason: Exception) -> None:
        """Close at once."""


class Http1Answer:
    """An answer whose head has come. Read it to the end or `release` it, to free its connection."""

    __slots__ = ("_buffered", "_by_name", "_chunks", "_connection", "_ended", "_failure", "headers", "status")

    def __init__(
        self, *, status: int, headers: tuple[tuple[str, str], ...], connection: AnswerSource
    ) -> None:
        self.status = status
        self.headers = headers
        self._by_name: dict[str, str] | None = None
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._ended = False
        self._failure: Exception | None = None
        self._connection: AnswerSource | None = connection

    def header(self, name: str) -> str | None:
        """Return the last value of the header `name` (lower case), or None."""
        if self._by_name is None:
            self._by_name = dict(self.headers)
        return self._by_name.get(name)

    async def read(self, limit_bytes: int) -> bytes:
        """Read the whole body. UpstreamUnavailable if it is longer than `limit_bytes` or incomplete."""
        parts: list[bytes] = []
        total = 0
        try:
            while (chunk := await self._next()) is not None:
                total += len(chunk)
                if total > limit_bytes:
                    raise UpstreamUnavailable(f"the upstream's answer is longer than {limit_bytes} bytes")
                parts.append(chunk)
        finally:
            self.release()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces, in constant memory. UpstreamUnavailable if it is incomplete."""
        try:
            while (chunk := await self._next()) is not None:
                yield chunk
        finally:
            self.release()

    def release(self) -> None:
        """Finish with the answer. The connection stays open only if the body has ended."""
        if not self._ended:
            self.abort()

    def abort(self) -> None:
        """Close the connection now, unless the answer is already complete."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort(UpstreamUnavailable("the answer was abandoned"))

    async def _next(self) -> bytes | None:
        while not self._chunks:
            if self._ended:
                return None
            if self._failure is not None:
                raise self._failure
            if self._connection is None:
                raise UpstreamUnavailable("the answer was abandoned")
            await self._connection.wait()
        chunk = self._chunks.popleft()
        self._buffered -= len(chunk)
        if self._connection is not None and self._buffered <= LOW_WATER_BYTES:
            self._connection.resume_reading()
        return chunk

    # Called by the connection.

    def feed(self, chunk: bytes) -> bool:
        """Add a piece of the body; return False once the reader is too far behind."""
        self._chunks.append(chunk)
        self._buffered += len(chunk)
        return self._buffered < HIGH_WATER_BYTES

    def end(self) -> None:
        self._ended = True
        self._connection = None

    def fail(self, failure: Exception) -> None:
        self._failure = failure
        self._connection = None
