"""One client's connection: requests in, answers out, one after the other, with bounds on size and time."""

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
"""Requests of one connection that wait for their answers; beyond them no more is read for now."""
MOST_PIPELINED = 64
"""More of them in what was read at once are not taken: to read thousands would keep all others waiting."""

_log = structlog.get_logger()


class Arriving(msgspec.Struct):
    """The body of one request on its way here.

    `invite` sends `100 Continue`, where the client waits for it; None where it does not. `is_last`: whoever
    answers may set it, and the connection ends with the answer.
    """

    stream: BodyStream
    invite: Callable[[], Awaitable[None]] | None = None
    is_last: bool = False


Answering = Callable[[Arriving], Awaitable[Answer]]


class Client(Protocol):
    """Who is at the other end of one connection."""

    async def begin(self) -> None:
        """Learn what has to be known before the first request is answered."""

    def take(self, head: RequestHead) -> Answering:
        """Take a request in, as soon as its head is whole; each is answered after the one before it."""


ClientOf = Callable[[asyncio.Transport], Client]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every connection of a listener shares; `secure`: they are TLS."""

    clock: Clock
    secure: bool
    bounds: HttpBounds
    names: HeaderNames
    connections: "set[ServerConnection]" = field(default_factory=set, repr=False)


@dataclass(slots=True)
class _Incoming:
    """One request: None for its head where it is not one."""

    head: RequestHead | None
    stream: BodyStream
    answer: Answering | None = None
    is_http_1_0: bool = False
    keeps_alive: bool = False


class ServerConnection(asyncio.Protocol):
    """INVARIANT: what a malformed request holds is neither answered nor logged: it may be a session token."""

    def __init__(self, surroundings: Surroundings, client_of: ClientOf) -> None:
        self._around = surroundings
        self._client_of = client_of
        self._bounds = bounds = surroundings.bounds
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

    # What the server asks of a connection.

    def end_when_idle(self) -> None:
        """Close now, or once the request under way is answered."""
        self._ends_after_answer = True
        if not self._is_answering:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; whatever is under way is cut off."""
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
            self._is_deaf = True  # what follows is of another protocol
        except HttpParserError:
            self._refuse()
        # A head comes in one piece or a few; one that does not end is not kept.
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
        # TLS has no half of a connection: with the client's end the whole of it ends.
        return not self._around.secure and (self._is_answering or bool(self._waiting))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - nothing depends on why
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
            return  # a trailer: nothing of it is understood, so nothing of it is believed
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        version = parser.get_http_version()
        head = None
        # The parser knows two other protocols with such heads, and does not say which one it has read.
        method = parser.get_method()
        if version in VERSIONS and b"%b %b HTTP/" % (method, self._target) in self._seen:
            head = read_head(
                method, self._target, self._headers, names=self._around.names, bounds=self._bounds
            )
        # RFC 9112, 6.1: an HTTP/1.0 message with a Transfer-Encoding is to be treated "as if the framing is
        # faulty": who passed it on may have framed it otherwise.
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

    # Within

    def resume_reading(self) -> None:
        if self._reading_paused and not self._is_lost and len(self._waiting) <= MOST_WAITING:
            self._reading_paused = False
            self._transport.resume_reading()

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self._is_lost:
            self._reading_paused = True
            self._transport.pause_reading()

    def _is_endless_framing(self) -> bool:
        """Whether a body's chunk extensions or trailers, which the parser keeps, do not come to their end."""
        arriving = self._arriving
        return (
            arriving is not None
            and not arriving.stream.is_complete
            and self._framing_bytes > self._bounds.all_headers_bytes
        )

    def _refuse(self) -> None:
        """No request is to be found in what comes from here on."""
        if self._is_deaf:
            return
        self._is_deaf = True
        if self._waiting and not self._waiting[-1].stream.is_complete:
            self._waiting.pop()  # nobody has begun with it, and it will never be whole
        self._break_off(ConnectionAbortedError("the body's framing is broken"))
        self._waiting.append(_Incoming(None, BodyStream(self)))
        self._wake()

    def _break_off(self, failure: ConnectionError) -> None:
        if self._arriving is not None:
            self._arriving.stream.fail(failure)

    def _expect_head(self) -> None:
        self._end_by(self._bounds.idle_connection_seconds)

    def _end_by(self, seconds: float) -> None:
        """Abort the connection then, unless something else is set before; one timer outlives many."""
        self._deadline = self._loop.time() + seconds
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
        """Answer one request after the other, until one of the sides has enough."""
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
                    await asyncio.sleep(0)  # each connection in its turn: a refusal never waits for anything
            await self._end(incoming.stream)
        except (ConnectionError, TimeoutError, UpstreamUnavailable) as failure:
            # That one of an exchange's ends went away is nobody's mistake.
            _log.info(ANSWER_BROKE_OFF, failure=type(failure).__name__)
            self._transport.abort()
        except Exception as failure:  # noqa: BLE001 - the last resort: the log has it all
            _log.error(CONNECTION_FAILED, exc_info=failure)
            self._transport.abort()

    async def _exchange(self, incoming: _Incoming) -> bool:
        """Answer one request; whether the connection may carry another."""
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
        # A refused body is not waited for; behind what asked for another protocol nobody knows what comes.
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
        """Close so that the answer is read: what the client still sends is taken, and thrown away."""
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
            with suppress(OSError):  # the client has gone already
                self._transport.write_eof()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
