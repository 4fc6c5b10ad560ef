"""One connection to the metadata service. It reads one request, writes one answer and closes.

Most connections finish at once, without the event loop: the request has arrived before the connection is
accepted, and the answer fits into the kernel's send buffer. Only the others wait in the event loop.
"""

import asyncio
import socket
from collections.abc import Callable

import msgspec

from tabard.imds.request import MetadataRequest, RequestReader

_READ_BYTES = 4096
LINGER_SECONDS = 1.0


class Reply(msgspec.Struct, frozen=True):
    """The bytes of an answer, and the delay that fault injection adds."""

    content: bytes
    delay_seconds: float = 0.0

    def __repr__(self) -> str:
        """Omit the bytes, which may be a secret."""
        return f"Reply({len(self.content)} bytes)"


Answering = Callable[[MetadataRequest | None], Reply]
"""Answers a request. None stands for bytes that are not a valid request."""


class Connection:
    """Connection that always ends within `most_seconds`."""

    __slots__ = (
        "_answer", "_connection", "_is_reading", "_linger_seconds", "_loop", "_on_end", "_peer", "_reader",
        "_timers", "_unsent"
    )  # fmt: skip

    def __init__(
        self,
        connection: socket.socket,
        *,
        peer: str,
        answer: Answering,
        on_end: "Callable[[Connection], None]",
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        """Args: on_end: called once when the connection ends, if `begin` returned true."""
        self._linger_seconds = linger_seconds
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._peer = peer
        self._answer = answer
        self._on_end = on_end
        self._reader: RequestReader | None = RequestReader()
        self._unsent = b""
        self._is_reading = False
        self._timers: tuple[asyncio.TimerHandle, ...] = ()

    def begin(self, *, most_seconds: float) -> bool:
        """Read and answer as far as possible at once. Report whether the connection must wait."""
        self._read()
        if self._connection.fileno() < 0:
            return False
        self._timers += (self._loop.call_later(most_seconds, self.abort),)
        return True

    def abort(self) -> None:
        """End it now."""
        if self._connection.fileno() < 0:
            return
        self._stop_reading()
        if self._unsent:
            self._loop.remove_writer(self._connection)
        self._connection.close()
        if self._timers:
            for timer in self._timers:
                timer.cancel()
            self._on_end(self)

    def _read(self) -> None:
        try:
            data = self._connection.recv(_READ_BYTES)
        except BlockingIOError:
            self._wait_to_read()
            return
        except OSError:
            data = b""
        reader = self._reader
        if not data:
            self.abort()
        elif reader is None:
            return  # discard bytes after the request, so that the peer can read the answer
        else:
            reader.feed(data)
            if reader.is_whole or reader.is_broken:
                self._reader = None
                request = reader.request(self._connection, self._peer)
                self._reply(self._answer(request), lingers=request is None or request.has_body)
            else:
                self._wait_to_read()

    def _reply(self, reply: Reply, *, lingers: bool) -> None:
        if not reply.delay_seconds:
            self._send(reply.content, lingers=lingers)
            return
        self._stop_reading()
        late = self._loop.call_later(reply.delay_seconds, lambda: self._send(reply.content, lingers=lingers))
        self._timers += (late,)

    def _send(self, content: bytes, *, lingers: bool) -> None:
        try:
            sent = self._connection.send(content)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.abort()
            return
        had_to_wait = bool(self._unsent)
        self._unsent = content[sent:]
        if self._unsent:
            self._loop.add_writer(self._connection, lambda: self._send(self._unsent, lingers=lingers))
            return
        if had_to_wait:
            self._loop.remove_writer(self._connection)
        if lingers:
            self._linger()
        else:
            self.abort()

    def _linger(self) -> None:
        """Close so that the peer can read the answer. Closing with unread input would discard the answer."""
        try:
            self._connection.shutdown(socket.SHUT_WR)
        except OSError:
            self.abort()
            return
        self._timers += (self._loop.call_later(self._linger_seconds, self.abort),)
        self._wait_to_read()

    def _wait_to_read(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            self._loop.add_reader(self._connection, self._read)

    def _stop_reading(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._connection)
