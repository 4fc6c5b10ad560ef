"""One connection to the metadata service: one request is read, one answer is written, and it is closed.

Most of them are over before the loop turns: the request is there when the connection is taken, and the answer
fits into what the kernel keeps for its reader. Only those that are not become something that waits.
"""

import asyncio
import socket
from collections.abc import Callable

import msgspec

from tabard.imds.request import MetadataRequest, RequestReader

_READ_BYTES = 4096
LINGER_SECONDS = 1.0


class Reply(msgspec.Struct, frozen=True):
    """The bytes of an answer, and how late they are on purpose."""

    content: bytes
    delay_seconds: float = 0.0

    def __repr__(self) -> str:
        """Without what it tells: that may be a secret."""
        return f"Reply({len(self.content)} bytes)"


Answering = Callable[[MetadataRequest | None], Reply]
"""Says what to answer; None stands for what is no request."""


class Connection:
    """Ends within `most_seconds`, come what may."""

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
        """Args: on_end: told once, if `waits` has been true."""
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
        """Do what can be done at once; whether it then waits for something."""
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
            return  # what comes after the request is taken and thrown away, so that the answer is read
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
        """Close so that the answer is read: with something unread, closing would take it back."""
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
