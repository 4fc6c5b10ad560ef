"""From listeners in an instance's network to somewhere outside of it, byte by byte."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, cast

import structlog

CONNECT_SECONDS = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayLimits:
    """How many connections one relay has open, and how long it keeps one that is half closed.

    connections: of all its listeners together; it hangs up on more.
    quiet_seconds: over TLS, for a client that has sent its last byte while nothing more is sent to it.
    half_open_seconds: for a silent client after outside has ended; many clients keep connections for later.
    answer_seconds: over TLS, for the answer to a client that has sent its last byte.
    """

    connections: int = 256
    quiet_seconds: float = 5.0
    half_open_seconds: float = 60.0
    answer_seconds: float = 600.0


DEFAULT_LIMITS = RelayLimits()


class Relay:
    """Leads one instance's connections outside. Nothing is read into, and nothing is kept."""

    def __init__(self, *, not_reached: str, limits: RelayLimits = DEFAULT_LIMITS) -> None:
        """Args: not_reached: the event that says that, and why, outside could not be reached."""
        self._not_reached = not_reached
        self._limits = limits
        self._servers: list[asyncio.Server] = []
        self._open: dict[_Inside, None] = {}  # an empty dict is a third of an empty set
        self._last_failure = ""

    async def serve(self, listener: socket.socket, connect: "Connect") -> None:
        """Lead what arrives at a listening socket by `connect`; the socket is closed with the relay."""
        loop = asyncio.get_running_loop()

        def arrival() -> asyncio.Protocol:
            return _Inside(lambda outside: self._reach(connect, outside), self._open, self._limits)

        self._servers.append(await loop.create_server(arrival, sock=listener))

    async def close(self) -> None:
        """Stop listening and end every connection."""
        for server in self._servers:
            server.close()
        for connection in tuple(self._open):
            connection.abort()

    async def _reach(self, connect: "Connect", outside: "Outside") -> bool:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connect(outside)
        except (OSError, TimeoutError) as error:
            failure = str(error) or type(error).__name__
            if failure != self._last_failure:  # an instance could fill the log with one and the same
                _log.warning(self._not_reached, reason=failure)
            self._last_failure = failure
            return False
        self._last_failure = ""
        return True


class _Half(asyncio.Protocol):
    """One end of a relayed connection: what comes in here goes out at the other."""

    transport: asyncio.Transport
    other: "_Half | None" = None
    has_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is an asyncio.Transport by behavior, not by class.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Pass it on, and let the other direction go on; a TLS connection of ours then ends whole."""
        self.has_ended = True
        if self.other is not None and self.other.has_ended:
            # Nothing comes from either side any more: what is to be written still is, and both are closed.
            self.other.transport.close()
            return False
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


class Outside(_Half):
    """The connection that leads outside."""

    def data_received(self, data: bytes) -> None:
        if isinstance(self.other, _Inside):
            self.other.note_answer()
        super().data_received(data)

    def eof_received(self) -> bool:
        inside, is_kept = self.other, super().eof_received()
        if is_kept and isinstance(inside, _Inside):
            inside.end_if_quiet()
        return is_kept


Connect: TypeAlias = Callable[[Outside], Awaitable[None]]
"""Connects this end to where a listener leads. Raises OSError."""


class _Inside(_Half):
    """The connection of an instance's process: read once outside has been reached."""

    def __init__(
        self,
        reach: Callable[[Outside], Awaitable[bool]],
        is_open: "dict[_Inside, None]",
        limits: RelayLimits,
    ) -> None:
        self._reach = reach
        self._all = is_open
        self._limits = limits
        self._connecting: asyncio.Task[None] | None = None
        self._early = b""
        self._is_answered = True
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self._all) >= self._limits.connections:
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
        if self.other.has_ended:
            self.end_if_quiet()

    def eof_received(self) -> bool:
        self.has_ended = True
        if self.other is not None and self.other.has_ended:
            self.other.transport.close()
            return False
        if self.other is not None:
            self._pass_end_on(self.other)
        return True

    def end_if_quiet(self) -> None:
        """Outside has ended. Whoever keeps connections for later has this one for nothing."""
        if self._end is not None:
            self._end.cancel()
        self._end = asyncio.get_running_loop().call_later(self._limits.half_open_seconds, self._close)

    def note_answer(self) -> None:
        """What is outside has sent something."""
        self._is_answered = True
        if self._end is not None:
            self._end.cancel()
            self._end = asyncio.get_running_loop().call_later(self._limits.quiet_seconds, self._close)

    def _pass_end_on(self, outside: _Half) -> None:
        """The client sends no more, and its answer is still its own.

        TLS has no half of a connection, so that the other side is not told: the connection ends once that has
        answered and then been silent for a while, or when it ends it.
        """
        if outside.transport.can_write_eof():
            outside.transport.write_eof()
            return
        limits = self._limits
        seconds = limits.quiet_seconds if self._is_answered else limits.answer_seconds
        self._end = asyncio.get_running_loop().call_later(seconds, self._close)

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
        """End it now, and the connection outside with it."""
        if self.other is not None:
            self.other.transport.abort()
        self.transport.abort()

    async def _lead(self) -> None:
        outside = Outside()
        # Before it is there: many servers speak first, and may have ended by the time that we hear of it.
        outside.other = self
        if not await self._reach(outside):
            self.transport.abort()
            return
        if self.transport.is_closing():
            outside.transport.abort()
            return
        self.other = outside
        if self._early:
            outside.transport.write(self._early)
            self._early = b""
        if self.has_ended:
            self._pass_end_on(outside)
        else:
            self.transport.resume_reading()
