"""One HTTP/1.1 connection to an upstream: a state machine on asyncio.Protocol and httptools."""

import asyncio
from typing import Final, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from tabard.http1.upstream_answer import Http1Answer, UpstreamTimeout, UpstreamUnavailable

MAX_ANSWER_HEADER_BYTES: Final = 64 * 1024
HEADER_OVERHEAD_BYTES: Final = 32
"""The overhead that each header counts besides its own bytes, so that the bound also limits their number."""


_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
_KNOWN_NAMES: Final[dict[bytes, str]] = {}
_KNOWN_NAMES_LIMIT: Final = 512


def _remember(name: bytes) -> str:
    """Return a header's name in lower case, and cache the first few hundred spellings."""
    lower = name.decode("utf-8", "surrogateescape").lower()
    if len(_KNOWN_NAMES) < _KNOWN_NAMES_LIMIT:
        _KNOWN_NAMES[name] = lower
    return lower


class ConnectionOwner(Protocol):
    """The calls of a connection to its pool."""

    def on_connection_idle(self, connection: "Http1Connection") -> None:
        """The exchange has ended, and the connection can carry another."""

    def on_connection_lost(self, connection: "Http1Connection") -> None:
        """The connection has closed; called exactly once."""


class Http1Connection(asyncio.Protocol):
    """One connection, one exchange at a time. Every wait is bounded by `silence_seconds`."""

    __slots__ = (
        "_answers",
        "_busy",
        "_deadline",
        "_failure",
        "_framed",
        "_header_bytes",
        "_headers",
        "_is_head",
        "_lost",
        "_owner",
        "_parser",
        "_reading_paused",
        "_received",
        "_request_sent",
        "_silence_seconds",
        "_surplus",
        "_timer",
        "_transport",
        "_waiter",
        "_write_paused",
        "idle_since",
        "loop",
    )

    def __init__(
        self, owner: ConnectionOwner, loop: asyncio.AbstractEventLoop, *, silence_seconds: float
    ) -> None:
        self._owner = owner
        self.loop = loop
        self._silence_seconds = silence_seconds
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._lost = False
        self._write_paused = False
        self._reading_paused = False
        self._busy = False
        self._surplus = False
        self._failure: Exception | None = None
        self.idle_since = 0.0
        self._reset(is_head=False)

    def _reset(self, *, is_head: bool) -> None:
        self._is_head = is_head
        # One list for each exchange: a task that waits for the head reads only its own list, because the
        # connection may already carry the next exchange when it wakes.
        self._answers: list[Http1Answer] = []
        self._headers: list[tuple[str, str]] = []
        self._header_bytes = 0
        self._framed = False
        self._received = False
        self._request_sent = False

    # Called by the pool.

    @property
    def usable(self) -> bool:
        """Whether another exchange can begin."""
        return not (self._lost or self._busy or self._transport is None or self._transport.is_closing())

    @property
    def answered(self) -> bool:
        """Whether the answer's head or the end of the connection has come: further sending is useless."""
        return bool(self._answers) or self._failure is not None

    @property
    def silent(self) -> bool:
        """Whether no byte of an answer has come in this exchange."""
        return not self._received

    def begin(self, *, is_head: bool) -> None:
        self._reset(is_head=is_head)
        self._busy = True

    def write(self, *pieces: bytes) -> None:
        if self._transport is not None and not self._lost:
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    async def drain(self) -> None:
        """Wait until the transport accepts more, or an answer or the end has come."""
        while self._write_paused and not self.answered:
            await self.wait()

    def request_sent(self) -> None:
        self._request_sent = True

    async def head(self) -> Http1Answer:
        """Return the answer once its head has come."""
        answers = self._answers
        while not answers:
            if self._failure is not None:
                raise self._failure
            await self.wait()
        return answers[0]

    async def wait(self) -> None:
        """Wait for the next event. After `silence_seconds` the connection is aborted."""
        if self._failure is not None:
            return
        waiter = self._waiter = self.loop.create_future()
        self._deadline = self.loop.time() + self._silence_seconds
        if self._timer is None:
            self._timer = self.loop.call_later(self._silence_seconds, self._watch)
        try:
            await waiter
        finally:
            if self._waiter is waiter:  # canceled: nobody woke it
                self._waiter = None

    def resume_reading(self) -> None:
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()

    def abort(self, reason: Exception) -> None:
        """Close at once, without sending more. Waiting tasks get `reason`."""
        self._fail(reason)
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is an asyncio.Transport by behavior, not by class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self._busy:
            self.abort(UpstreamUnavailable("the upstream spoke unasked"))
            return
        self._received = True
        failure = self._digest(data)
        if failure is not None:
            self.abort(failure)
        elif self._is_over():
            self._after_exchange()

    def _digest(self, data: bytes) -> UpstreamUnavailable | None:
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            return UpstreamUnavailable("the upstream switched protocols unasked")
        except HttpParserError as error:
            return UpstreamUnavailable(f"the upstream's answer is not HTTP/1.1: {error}")
        return None

    def _is_over(self) -> bool:
        return not self._busy and self._failure is None

    def eof_received(self) -> bool:
        # RFC 9112, 6.3: without Content-Length and Transfer-Encoding the body ends with the connection.
        if self._busy and self._answers and not self._framed:
            self._complete(reusable=False)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._fail(UpstreamUnavailable(f"the upstream closed the connection{f': {exc}' if exc else ''}"))
        self._owner.on_connection_lost(self)

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        self._wake()

    # httptools

    def on_message_begin(self) -> None:
        if not self._busy:
            self._surplus = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value) + HEADER_OVERHEAD_BYTES
        if self._header_bytes > MAX_ANSWER_HEADER_BYTES:
            raise ValueError("too many headers")
        known = _KNOWN_NAMES[name] if name in _KNOWN_NAMES else _remember(name)
        if known in _FRAMING:
            self._framed = True
        self._headers.append((known, value.decode("utf-8", "surrogateescape")))

    def on_headers_complete(self) -> None:
        if not self._busy:
            return
        status = self._parser.get_status_code()
        if (
            status < 200
        ):  # RFC 9110, 15.2: interim answers precede the final one; 101 raises HttpParserUpgrade
            self._headers = []
            self._framed = False
            return
        if status in (204, 304):
            self._framed = True
        self._answers.append(Http1Answer(status=status, headers=tuple(self._headers), connection=self))
        if self._is_head:
            # The parser cannot know that no body follows; the next exchange needs a new parser.
            reusable = self._parser.should_keep_alive() and self._framed
            self._parser = HttpResponseParser(self)
            self._complete(reusable=reusable)
        else:
            self._wake()

    def on_body(self, body: bytes) -> None:
        if not (self._busy and self._answers):
            self._surplus = True
            return
        if not self._answers[0].feed(body) and not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self._busy and self._answers:
            self._complete(reusable=self._parser.should_keep_alive())

    # Private

    def _complete(self, *, reusable: bool) -> None:
        self._answers[0].end()
        # After an answer to an incomplete request, the state of the connection is undefined.
        if not (reusable and self._request_sent):
            self._surplus = True
        self._busy = False
        self._wake()

    def _after_exchange(self) -> None:
        """Keep the connection only if the received bytes contained nothing but the answer."""
        if self._surplus:
            self.abort(UpstreamUnavailable("the upstream closes the connection"))
            return
        self.resume_reading()
        self._owner.on_connection_idle(self)

    def _fail(self, failure: Exception) -> None:
        if self._failure is None:
            self._failure = failure
            if self._busy and self._answers:
                self._answers[0].fail(failure)
            self._wake()

    def _watch(self) -> None:
        """Abort the connection after a too long wait. One timer serves many waits, which costs less."""
        self._timer = None
        if self._waiter is None or self._lost:
            return
        remaining_seconds = self._deadline - self.loop.time()
        if remaining_seconds > 0:
            self._timer = self.loop.call_later(remaining_seconds, self._watch)
        else:
            self.abort(UpstreamTimeout(f"the upstream said nothing for {self._silence_seconds:g} seconds"))

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
