"""One client's connection: it answers requests in their order, with bounds on size and time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, cast

import msgspec
import structlog
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from tabard.clock import Clock
from tabard.http1.answer import Answer
from tabard.http1.answer_head import answer_head, bare_answer
from tabard.http1.answer_writer import AnswerWriter
from tabard.http1.body_stream import BodyStream
from tabard.http1.bounds import HttpBounds
from tabard.http1.request_head import VERSIONS, HeaderNames, RequestHead, read_head
from tabard.http1.upstream_answer import UpstreamUnavailable

ANSWER_BROKE_OFF = "answer_broke_off"
CONNECTION_FAILED = "connection_failed"
MOST_WAITING = 8
"""The number of waiting requests of one connection; above it, reading pauses."""
MOST_PIPELINED = 64
"""The limit of requests in one read: parsing thousands would delay all other connections."""

_log = structlog.get_logger()


class Arriving(msgspec.Struct):
    """The body of one request while it arrives.

    `invite` sends `100 Continue` if the client waits for it; otherwise None. `is_last`: the handler may set
    it; the connection then closes after the answer.
    """

    stream: BodyStream
    invite: Callable[[], Awaitable[None]] | None = None
    is_last: bool = False


Answering = Callable[[Arriving], Awaitable[Answer]]


class Client(Protocol):
    """The handler of one connection's requests."""

    async def begin(self) -> None:
        """Prepare, before the first request is answered."""

    def take(self, head: RequestHead) -> Answering:
        """Begin a request as soon as its head is complete. Answers keep the order of the requests."""


ClientOf = Callable[[asyncio.Transport], Client]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionContext:
    """Settings and state that all connections of a listener share; `secure`: they use TLS."""

    clock: Clock
    secure: bool
    bounds: HttpBounds
    names: HeaderNames
    connections: "set[ServerConnection]" = field(default_factory=set, repr=False)


@dataclass(slots=True)
class _Incoming:
    """One request. Its head is None if it is invalid."""

    head: RequestHead | None
    stream: BodyStream
    answer: Answering | None = None
    is_http_1_0: bool = False
    keeps_alive: bool = False


class ServerConnection(asyncio.Protocol):
    """One connection. INVARIANT: neither answers nor logs quote a malformed request: it may be a token."""

    def __init__(self, context: ConnectionContext, client_of: ClientOf) -> None:
        self._around = context
        self._client_of = client_of
        self._bounds = bounds = context.bounds
        self._most_head_bytes = bounds.request_line_bytes + bounds.all_headers_bytes
        self._loop = asyncio.get_running_loop()
        self._parser = HttpRequestParser(self)
        self._waiting: deque[_Incoming] = deque()
        self._arriving: _Incoming | None = None
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._unfinished = b""
        self._seen = b""
        self._framing_bytes = 0
        self._is_deaf = False
        self._is_lost = False
        self._ends_after_answer = False
        self._reading_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_answering = False
        self.closed = asyncio.Event()

    # Called by the server.

    def end_when_idle(self) -> None:
        """Close now, or after the answer to the present request."""
        self._ends_after_answer = True
        if not self._is_answering:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, and cut off the present request."""
        self._transport.abort()
        if self._task is not None:
            self._task.cancel()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is an asyncio.Transport by behavior, not by class.
        self._transport = cast("asyncio.Transport", transport)
        self._writer = AnswerWriter(self._transport, idle_seconds=self._bounds.write_idle_seconds)
        self._client = self._client_of(self._transport)
        self._around.connections.add(self)
        self._expect_head()
        self._task = self._loop.create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        self._seen = self._unfinished + data if self._unfinished else data
        self._framing_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._is_deaf = True  # the following bytes belong to another protocol
        except HttpParserError:
            self._refuse()
        # A head comes in one piece or a few; one that does not end is dropped.
        self._unfinished = self._seen if self._arriving is None else b""
        if len(self._unfinished) > self._most_head_bytes or self._is_endless_framing():
            self._refuse()
        if len(self._waiting) > MOST_WAITING or (
            self._arriving is not None and self._arriving.stream.is_full
        ):
            self._pause_reading()

    def eof_received(self) -> bool:
        self._is_deaf = True
        self._break_off(ConnectionResetError("the client closed the connection"))
        self._ends_after_answer = True
        # TLS has no half-closed connections: the client's end closes all of it.
        return not self._around.secure and (self._is_answering or bool(self._waiting))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason does not matter
        self._is_lost = self._is_deaf = True
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()
        self._break_off(ConnectionResetError("the client closed the connection"))
        self._writer.lose()
        self._around.connections.discard(self)
        self.closed.set()
        self._wake()

    def pause_writing(self) -> None:
        self._writer.pause()

    def resume_writing(self) -> None:
        self._writer.resume()

    # httptools

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = []
        self._arriving = None

    def on_url(self, target: bytes) -> None:
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._arriving is not None:
            return  # a trailer: ignored
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        version = parser.get_http_version()
        head = None
        # The parser accepts two other protocols with such heads, and does not report which one it read.
        method = parser.get_method()
        if version in VERSIONS and b"%b %b HTTP/" % (method, self._target) in self._seen:
            head = read_head(
                method, self._target, self._headers, names=self._around.names, bounds=self._bounds
            )
        # RFC 9112, 6.1: an HTTP/1.0 message with a Transfer-Encoding is to be treated "as if the framing is
        # faulty": a proxy may have framed it differently.
        if head is None or (head.length is None and version == "1.0"):
            raise ValueError("this is not one HTTP/1.1 request")
        if len(self._waiting) >= MOST_PIPELINED:
            raise ValueError("these are more requests than anybody sends at once")
        self._framing_bytes = 0
        answer = self._client.take(head)
        self._arriving = _Incoming(
            head, BodyStream(self), answer, version == "1.0", parser.should_keep_alive()
        )
        self._waiting.append(self._arriving)
        self._wake()

    def on_body(self, piece: bytes) -> None:
        self._framing_bytes = 0
        if self._arriving is not None:
            self._arriving.stream.feed(piece)

    def on_message_complete(self) -> None:
        if self._arriving is not None:
            self._arriving.stream.end()

    # Private

    def resume_reading(self) -> None:
        if self._reading_paused and not self._is_lost and len(self._waiting) <= MOST_WAITING:
            self._reading_paused = False
            self._transport.resume_reading()

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self._is_lost:
            self._reading_paused = True
            self._transport.pause_reading()

    def _is_endless_framing(self) -> bool:
        """Return whether a body's chunk extensions or trailers, which the parser buffers, are too long."""
        arriving = self._arriving
        return (
            arriving is not None
            and not arriving.stream.is_complete
            and self._framing_bytes > self._bounds.all_headers_bytes
        )

    def _refuse(self) -> None:
        """Stop parsing: no later byte can belong to a valid request."""
        if self._is_deaf:
            return
        self._is_deaf = True
        if self._waiting and not self._waiting[-1].stream.is_complete:
            self._waiting.pop()  # it has not begun, and will never be complete
        self._break_off(ConnectionAbortedError("the body's framing is broken"))
        self._waiting.append(_Incoming(None, BodyStream(self)))
        self._wake()

    def _break_off(self, failure: ConnectionError) -> None:
        if self._arriving is not None:
            self._arriving.stream.fail(failure)

    def _expect_head(self) -> None:
        self._end_by(self._bounds.idle_connection_seconds)

    def _end_by(self, seconds: float) -> None:
        """Abort the connection at that time, unless another time is set before. One timer serves many."""
        self._deadline = self._loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._watch)

    def _watch(self) -> None:
        self._timer = None
        if self._deadline is None or self._is_lost:
            return
        remaining_seconds = self._deadline - self._loop.time()
        if remaining_seconds > 0:
            self._timer = self._loop.call_later(remaining_seconds, self._watch)
        else:
            self._transport.abort()

    async def _serve(self) -> None:
        """Answer requests in order, until one side closes the connection."""
        try:
            await self._client.begin()
            while True:
                while not self._waiting:
                    if self._is_lost:
                        return
                    self._waiter = self._loop.create_future()
                    await self._waiter
                incoming = self._waiting.popleft()
                self._deadline = None
                self._is_answering = True
                keeps_alive = await self._exchange(incoming)
                self._is_answering = False
                if not keeps_alive:
                    break
                self._expect_head()
                if self._reading_paused:
                    self.resume_reading()
                if self._waiting:
                    await asyncio.sleep(0)  # let other connections run: a refusal waits for nothing
            await self._end(incoming.stream)
        except (ConnectionError, TimeoutError, UpstreamUnavailable) as failure:
            # It is no error if one side disconnects.
            _log.info(ANSWER_BROKE_OFF, failure=type(failure).__name__)
            self._transport.abort()
        except Exception as failure:  # noqa: BLE001 - the last resort: the log has it all
            _log.error(CONNECTION_FAILED, exc_info=failure)
            self._transport.abort()

    async def _exchange(self, incoming: _Incoming) -> bool:
        """Answer one request; return whether the connection can carry another."""
        head = incoming.head
        if head is None or incoming.answer is None:
            await self._send_bare(400)
            return False
        arriving = Arriving(incoming.stream)
        if head.expects_continue:
            arriving.invite = partial(self._invite, arriving)
        try:
            answer = await incoming.answer(arriving)
        except Exception as failure:  # noqa: BLE001 - no detail leaves
            _log.error(CONNECTION_FAILED, exc_info=failure)
            await self._send_bare(500)
            return False
        # A refused body is not awaited. After a request for another protocol, the next bytes are unknown.
        must_close = (
            not incoming.keeps_alive
            or self._ends_after_answer
            or arriving.is_last
            or arriving.invite is not None
            or head.asks_upgrade
            or (answer.status >= 400 and not incoming.stream.is_complete)
        )
        written = answer_head(
            answer,
            is_head=head.method == "HEAD",
            is_http_1_0=incoming.is_http_1_0,
            must_close=must_close,
            now=self._around.clock.now(),
        )
        await self._writer.send(written, answer.body)
        if written.must_close:
            return False
        if not incoming.stream.is_complete:
            async with asyncio.timeout(self._bounds.linger_seconds):
                await incoming.stream.discard()
        return True

    async def _invite(self, arriving: Arriving) -> None:
        arriving.invite = None
        self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def _send_bare(self, status: int) -> None:
        answer = bare_answer(status)
        now = self._around.clock.now()
        written = answer_head(answer, is_head=False, is_http_1_0=False, must_close=True, now=now)
        await self._writer.send(written, answer.body)

    async def _end(self, stream: BodyStream) -> None:
        """Close so that the client can read the answer: read and discard its remaining bytes."""
        if self._is_lost:
            return
        if stream.is_complete and not self._is_deaf:
            self._end_by(self._bounds.write_idle_seconds)
            self._transport.close()
            return
        self._is_deaf = True
        self._end_by(self._bounds.linger_seconds)
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        if self._transport.can_write_eof():
            with suppress(OSError):  # the client has already disconnected
                self._transport.write_eof()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
