"""The pooled HTTP/1.1 client for upstreams, over TCP or a UNIX socket.

RFC 9112. No redirects, cookies, proxies, decompression or pipelining: the upstream gets exactly the
authorized request, and its answer is passed on unchanged.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tabard.http1.client_connection import Http1Connection
from tabard.http1.upstream_answer import Http1Answer, UpstreamTimeout, UpstreamUnavailable

__all__ = [
    "Http1Answer",
    "Http1Pool",
    "TcpTarget",
    "UnixTarget",
    "UpstreamTimeout",
    "UpstreamUnavailable",
]

IDEMPOTENT_METHODS: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
FRAMING_HEADERS: Final = frozenset({"content-length", "transfer-encoding", "connection"})
BODYLESS_METHODS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpTarget:
    """An upstream at a host and port; with TLS if it has a context.

    `server_name` is the name that its certificate must contain; empty: the host.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    server_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnixTarget:
    """An upstream at the path of a UNIX socket."""

    path: str


Target: TypeAlias = TcpTarget | UnixTarget
Body: TypeAlias = bytes | AsyncIterator[bytes] | None


class Http1Pool:
    """A pool of reusable connections to one upstream; it belongs to one event loop.

    max_connections: open at once; further requests wait for at most `answer_timeout_seconds`.
    connect_timeout_seconds: to open one connection.
    idle_timeout_seconds: how long an unused connection stays open.
    answer_timeout_seconds: the longest silence of the upstream: before its answer, within it, or while it
    does not read the request.
    """

    def __init__(
        self,
        target: Target,
        *,
        max_connections: int = 64,
        connect_timeout_seconds: float = 2.0,
        idle_timeout_seconds: float = 15.0,
        answer_timeout_seconds: float = 60.0,
    ) -> None:
        self._target = target
        self._max_connections = max_connections
        self._connect_timeout_seconds = connect_timeout_seconds
        self._idle_timeout_seconds = idle_timeout_seconds
        self._answer_timeout_seconds = answer_timeout_seconds
        self._idle: deque[Http1Connection] = deque()
        self._connections: set[Http1Connection] = set()
        self._connecting = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def request(
        self,
        method: str,
        raw_target: str,
        headers: Iterable[tuple[str, str]],
        body: Body = None,
        content_length: int | None = None,
    ) -> Http1Answer:
        """Send one request and return once the head of its answer has come.

        Args:
            raw_target: path and query as on the wire.
            headers: with Host. The pool ignores Content-Length, Transfer-Encoding and Connection.
            body: an iterator is streamed, with at most one piece held back. If it raises, the request stays
                incomplete, its connection closes, and the exception propagates.
            content_length: of an iterator, in bytes; without it the body is sent chunked.
        Raises:
            UpstreamUnavailable; UpstreamTimeout (a kind of it); ValueError if the head would not be one
            request, or the iterator's length is not `content_length`.
        """
        if body is None or isinstance(body, bytes):
            if body is None and method in BODYLESS_METHODS:
                message = _head(method, raw_target, headers, "")
            else:
                message = _head(method, raw_target, headers, f"content-length: {len(body or b'')}\r\n")
            return await self._send_whole(method, message, body or b"")
        framing = "transfer-encoding: chunked\r\n"
        if content_length is not None:
            framing = f"content-length: {content_length}\r\n"
        pieces = _Pieces(body, content_length)
        first = await pieces.next()
        head = _head(method, raw_target, headers, framing)
        if pieces.exhausted:  # the iterator ended before a byte was sent: the whole body is in memory
            return await self._send_whole(method, head, first)
        return await self._send_pieces(method, head + first, pieces)

    def close(self) -> None:
        """Close every connection. Requests in progress fail with UpstreamUnavailable."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connection in tuple(self._connections):
            connection.abort(UpstreamUnavailable("the pool is closed"))
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    # One exchange

    async def _send_whole(self, method: str, head: bytes, body: bytes) -> Http1Answer:
        may_retry = method in IDEMPOTENT_METHODS
        while True:
            connection, reused = await self._acquire()
            try:
                connection.begin(is_head=method == "HEAD")
                connection.write(head, body) if body else connection.write(head)
                connection.request_sent()
                return await connection.head()
            except UpstreamTimeout:
                raise
            except UpstreamUnavailable:
                # RFC 9110, 9.2.2: a request may be retried if a pooled connection turned out to be closed.
                if not (may_retry and reused and connection.silent) or self._closed:
                    raise
                may_retry = False
            except BaseException:
                connection.abort(UpstreamUnavailable("the request was cancelled"))
                raise

    async def _send_pieces(self, method: str, start: bytes, pieces: "_Pieces") -> Http1Answer:
        connection, _ = await self._acquire()
        try:
            connection.begin(is_head=method == "HEAD")
            connection.write(start)
            whole = False
            await connection.drain()
            while not (whole or connection.answered):
                piece = await pieces.next()
                if not connection.answered:
                    connection.write(piece)
                    whole = pieces.exhausted
                    if not whole:
                        await connection.drain()
            if whole:
                connection.request_sent()
            answer = await connection.head()
        except BaseException:
            connection.abort(UpstreamUnavailable("the request was left incomplete"))
            raise
        if not whole and answer.status < 300:
            # INVARIANT: no success is passed on for a body that was not sent and verified to its end.
            connection.abort(UpstreamUnavailable("the request was left incomplete"))
            raise UpstreamUnavailable("the upstream answered before it had the whole request")
        return answer

    # The pool

    async def _acquire(self) -> tuple[Http1Connection, bool]:
        """Return a free connection, and whether it was used before."""
        if not self._waiters or self._closed:
            connection = self._take_idle()
            if connection is not None:
                return connection, True
        while not self._closed and len(self._connections) + self._connecting >= self._max_connections:
            await self._wait_for_turn()
            connection = self._take_idle()
            if connection is not None:
                return connection, True
        if self._closed:
            raise UpstreamUnavailable("the pool is closed")
        return await self._connect(), False

    def _take_idle(self) -> Http1Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def _wait_for_turn(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(self._answer_timeout_seconds):
                await waiter
        except BaseException as failure:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif waiter.done() and not waiter.cancelled():
                self._wake_one()  # pass the unused wake-up on
            if isinstance(failure, TimeoutError):
                raise UpstreamTimeout("no connection to the upstream became free in time") from None
            raise

    async def _connect(self) -> Http1Connection:
        loop = asyncio.get_running_loop()
        target = self._target
        self._connecting += 1

        def make() -> Http1Connection:
            return Http1Connection(self, loop, silence_seconds=self._answer_timeout_seconds)

        try:
            async with asyncio.timeout(self._connect_timeout_seconds):
                if isinstance(target, UnixTarget):
                    _, connection = await loop.create_unix_connection(make, target.path)
                else:
                    _, connection = await loop.create_connection(
                        make,
                        target.host,
                        target.port,
                        ssl=target.tls,
                        server_hostname=(target.server_name or None) if target.tls else None,
                    )
        except BaseException as failure:
            self._connecting -= 1
            self._wake_one()
            if isinstance(failure, TimeoutError):
                raise UpstreamTimeout("the upstream did not accept a connection in time") from None
            if isinstance(failure, OSError):
                raise UpstreamUnavailable(f"the upstream accepts no connection: {failure}") from failure
            raise
        self._connecting -= 1
        self._connections.add(connection)
        if self._closed:
            connection.abort(UpstreamUnavailable("the pool is closed"))
        return connection

    def on_connection_idle(self, connection: Http1Connection) -> None:
        """Keep a connection for the next request."""
        if self._closed:
            connection.abort(UpstreamUnavailable("the pool is closed"))
            return
        loop = connection.loop
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._waiters:
            self._wake_one()
        elif self._sweep is None:
            self._sweep = loop.call_later(self._idle_timeout_seconds, self._close_idle, loop)

    def on_connection_lost(self, connection: Http1Connection) -> None:
        """Remove a connection; a waiting request may open another."""
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake_one()

    def _wake_one(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _close_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close connections that were idle for too long; the longest idle ones come first."""
        self._sweep = None
        oldest_kept = loop.time() - self._idle_timeout_seconds
        while self._idle and self._idle[0].idle_since <= oldest_kept:
            self._idle.popleft().abort(UpstreamUnavailable("idle for too long"))
        if self._idle:
            delay_seconds = self._idle[0].idle_since - oldest_kept
            self._sweep = loop.call_later(delay_seconds, self._close_idle, loop)


class _Pieces:
    """A body's pieces on the wire. The last one is held back until the iterator has ended without raising.

    INVARIANT: with any framing, the upstream cannot see a complete body earlier. The iterator may verify its
    content and raise at the very end.
    """

    __slots__ = ("_body", "_chunked", "_held", "_remaining_bytes", "exhausted")

    def __init__(self, body: AsyncIterator[bytes], content_length: int | None) -> None:
        self._body = body
        self._chunked = content_length is None
        self._remaining_bytes = content_length or 0
        self._held: bytes | None = None
        self.exhausted = False

    async def next(self) -> bytes:
        """Return the next framed piece to send; the last one sets `exhausted`."""
        if self._held is None:
            self._held = await self._pull()
        following = b"" if self._held == b"" else await self._pull()
        piece, self._held = self._held, following
        if following == b"":
            self.exhausted = True
            if not self._chunked and self._remaining_bytes:
                raise ValueError(f"the body ended {self._remaining_bytes} bytes early")
        if not self._chunked:
            return piece
        framed = b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
        return framed + b"0\r\n\r\n" if self.exhausted else framed

    async def _pull(self) -> bytes:
        """Return the next non-empty piece, or nothing at the end."""
        async for piece in self._body:
            if piece:
                if not self._chunked:
                    self._remaining_bytes -= len(piece)
                    if self._remaining_bytes < 0:
                        raise ValueError("the body is longer than its content_length")
                return piece
        return b""


def _head(method: str, raw_target: str, headers: Iterable[tuple[str, str]], framing: str) -> bytes:
    lines = [f"{name}: {value}\r\n" for name, value in headers if name.lower() not in FRAMING_HEADERS]
    text = f"{method} {raw_target} HTTP/1.1\r\n{''.join(lines)}{framing}\r\n"
    line_count = len(lines) + (3 if framing else 2)
    # INVARIANT: no target or value can begin another header or another request.
    if (
        text.count("\n") != line_count
        or text.count("\r") != line_count
        or "\0" in text
        or not raw_target.startswith("/")
        or not raw_target.isascii()
        or not raw_target.isprintable()
        or " " in raw_target
        or " " in method
    ):
        raise ValueError("the request target or a header holds a character that HTTP does not allow there")
    return text.encode("utf-8", "surrogateescape")
