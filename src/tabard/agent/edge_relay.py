"""From the listeners in an instance's network to the edge, byte by byte, with a word on whose they are."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast
from urllib.parse import urlsplit

import structlog

from tabard.model.messages import EDGE_NAME
from tabard.model.network_path import NetworkPath, to_preamble

EDGE_NOT_REACHED = "edge_not_reached"
MOST_CONNECTIONS = 256
CONNECT_SECONDS = 5.0
QUIET_SECONDS = 5.0
"""Over TLS: how long a client that has sent its last byte is kept while the edge sends nothing more to it."""
_ANSWER_SECONDS = 600.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class VouchingDoor:
    """The UNIX socket on which an edge of this machine believes what it is told of the network path."""

    path: Path


@dataclass(frozen=True, slots=True)
class PlainDoor:
    """The edge's TCP port, where a request's network path is unknown."""

    host: str
    port: int

    @classmethod
    def of(cls, endpoint: str) -> "PlainDoor":
        """The host and port of `http://HOST:PORT`."""
        parts = urlsplit(endpoint)
        return cls(parts.hostname or "", parts.port or 80)


class TlsDoor:
    """An edge on another machine. It knows whence relayed requests come by the certificate that is shown."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext) -> None:
        """Args: tls: whom it believes, and what it shows; it says that what comes is relayed (ALPN)."""
        self._host = host
        self._port = port
        self._tls = tls
        self._connecting: dict[asyncio.Task[object], None] = {}

    @classmethod
    def of(cls, endpoint: str, tls: ssl.SSLContext) -> "TlsDoor":
        """The host and port of `https://HOST:PORT`."""
        parts = urlsplit(endpoint)
        return cls(parts.hostname or "", parts.port or 443, tls)

    async def connect(self, outside: "_Outside") -> None:
        """Lead a new connection through. Raises OSError."""
        making = asyncio.get_running_loop().create_connection(
            lambda: outside, self._host, self._port, ssl=self._tls, server_hostname=EDGE_NAME
        )
        task = asyncio.ensure_future(making)
        self._connecting[task] = None
        try:
            await task
        finally:
            del self._connecting[task]

    async def show(self, tls: ssl.SSLContext) -> None:
        """Show another certificate from now on; returns once no connection is being made with the former."""
        self._tls = tls
        if self._connecting:
            await asyncio.wait(self._connecting, timeout=CONNECT_SECONDS)


EdgeDoor: TypeAlias = VouchingDoor | PlainDoor | TlsDoor


class EdgeRelay:
    """Leads one instance's connections to the edge. Nothing is read into, and nothing is kept."""

    def __init__(self, door: EdgeDoor, path: NetworkPath) -> None:
        self._door = door
        self._preamble = to_preamble(path) if isinstance(door, VouchingDoor) else b""
        self._servers: list[asyncio.Server] = []
        self._open: dict[_Inside, None] = {}  # an empty dict is a third of an empty set

    async def start(self, *listeners: socket.socket) -> None:
        """Serve these listening sockets; they are closed with the relay."""
        loop = asyncio.get_running_loop()
        for listener in listeners:
            self._servers.append(await loop.create_server(self._arrival, sock=listener))

    async def close(self) -> None:
        """Stop listening and end every connection."""
        for server in self._servers:
            server.close()
        for connection in tuple(self._open):
            connection.abort()

    def _arrival(self) -> asyncio.Protocol:
        return _Inside(self._connect, self._open)

    async def _connect(self, outside: "_Outside") -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS):
            if isinstance(self._door, VouchingDoor):
                await loop.create_unix_connection(lambda: outside, str(self._door.path))
            elif isinstance(self._door, TlsDoor):
                await self._door.connect(outside)
            else:
                await loop.create_connection(lambda: outside, self._door.host, self._door.port)
        outside.transport.write(self._preamble)


class _Half(asyncio.Protocol):
    """One end of a relayed connection: what comes in here goes out at the other."""

    transport: asyncio.Transport
    other: "_Half | None" = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is an asyncio.Transport by behaviour, not by class.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Pass it on, and let the other direction go on; a TLS connection of ours then ends whole."""
        if self.other is not None and self.other.transport.can_write_eof():
            self.other.transport.write_eof()
        return self.transport.can_write_eof()

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - nothing depends on why
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            other.transport.close()


class _Outside(_Half):
    """The connection to the edge."""

    def data_received(self, data: bytes) -> None:
        if isinstance(self.other, _Inside):
            self.other.note_answer()
        super().data_received(data)


class _Inside(_Half):
    """The connection of an instance's process: read once the edge has been reached."""

    def __init__(
        self, connect: Callable[[_Outside], Awaitable[None]], is_open: "dict[_Inside, None]"
    ) -> None:
        self._connect = connect
        self._all = is_open
        self._connecting: asyncio.Task[None] | None = None
        self._early = b""
        self._has_ended = False
        self._is_answered = True
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self._all) >= MOST_CONNECTIONS:
            self.transport.abort()
            return
        self._all[self] = None
        self._connecting = asyncio.get_running_loop().create_task(self._lead())

    def data_received(self, data: bytes) -> None:
        self._is_answered = False
        # uvloop begins to read after connection_made, whatever was paused in it.
        if self.other is None:
            self._early += data
            self.transport.pause_reading()
            return
        super().data_received(data)

    def eof_received(self) -> bool:
        self._has_ended = True
        if self.other is not None:
            self._pass_end_on(self.other)
        return True

    def note_answer(self) -> None:
        """The edge has sent something."""
        self._is_answered = True
        if self._end is not None:
            self._end.cancel()
            self._end = asyncio.get_running_loop().call_later(QUIET_SECONDS, self._close)

    def _pass_end_on(self, outside: _Half) -> None:
        """The client sends no more, and its answer is still its own.

        TLS has no half of a connection, so that the edge is not told: the connection ends once the edge has
        answered and then been silent for a while, or when the edge ends it.
        """
        if outside.transport.can_write_eof():
            outside.transport.write_eof()
            return
        self._end = asyncio.get_running_loop().call_later(
            QUIET_SECONDS if self._is_answered else _ANSWER_SECONDS, self._close
        )

    def _close(self) -> None:
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.pop(self, None)
        if self._end is not None:
            self._end.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        super().connection_lost(exc)

    def abort(self) -> None:
        """End it now, and the connection to the edge with it."""
        if self.other is not None:
            self.other.transport.abort()
        self.transport.abort()

    async def _lead(self) -> None:
        outside = _Outside()
        try:
            await self._connect(outside)
        except (OSError, TimeoutError) as error:
            _log.warning(EDGE_NOT_REACHED, reason=str(error) or type(error).__name__)
            self.transport.abort()
            return
        if self.transport.is_closing():
            outside.transport.abort()
            return
        self.other, outside.other = outside, self
        if self._early:
            outside.transport.write(self._early)
            self._early = b""
        if self._has_ended:
            self._pass_end_on(outside)
        else:
            self.transport.resume_reading()
