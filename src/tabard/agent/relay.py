"""The relay from listeners in an instance's network to an address outside of it, byte by byte."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, cast

import structlog

from tabard.agent.relay_stages import NEXT, Action, RelayEvent, Stage

CONNECT_SECONDS = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayLimits:
    """The limits of one relay: open connections, and the lifetime of a half-closed one.

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


class Outside(asyncio.Protocol):
    """The connection that leads outside. Reports to the inside, which has the stage of both."""

    transport: asyncio.Transport
    inside: "_Inside | None" = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is an asyncio.Transport by behavior, not by class.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.inside is not None:
            self.inside.note(RelayEvent.OUTSIDE_DATA, data)

    def eof_received(self) -> bool:
        halves = self.transport.can_write_eof()
        event = RelayEvent.OUTSIDE_END if halves else RelayEvent.OUTSIDE_END_TLS
        return self.inside.note(event) if self.inside is not None else halves

    def pause_writing(self) -> None:
        if self.inside is not None:
            self.inside.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.inside is not None:
            self.inside.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - nothing depends on why
        if self.inside is not None:
            self.inside.note(RelayEvent.OUTSIDE_LOST)


Connect: TypeAlias = Callable[[Outside], Awaitable[None]]
"""Connects this end to where a listener leads. Raises OSError."""


class _Inside(asyncio.Protocol):
    """The connection of an instance's process, and the stage of the relayed connection."""

    transport: asyncio.Transport

    def __init__(
        self,
        reach: Callable[[Outside], Awaitable[bool]],
        is_open: "dict[_Inside, None]",
        limits: RelayLimits,
    ) -> None:
        self._reach = reach
        self._all = is_open
        self._limits = limits
        self.stage = Stage.CONNECTING
        self._outside: Outside | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._held = b""
        self._is_answered = True
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if len(self._all) >= self._limits.connections:
            self.transport.abort()
            return
        self._all[self] = None
        self._connecting = asyncio.get_running_loop().create_task(self._lead())

    def data_received(self, data: bytes) -> None:
        self.note(RelayEvent.INSIDE_DATA, data)

    def eof_received(self) -> bool:
        return self.note(RelayEvent.INSIDE_END)

    def pause_writing(self) -> None:
        if self._outside is not None:
            self._outside.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._outside is not None:
            self._outside.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - nothing depends on why
        self._all.pop(self, None)
        if self._end is not None:
            self._end.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        self.note(RelayEvent.INSIDE_LOST)

    def abort(self) -> None:
        """End it now, and the connection outside with it."""
        self._do(Action.ABORT_OUT, b"")
        self.transport.abort()

    def note(self, event: RelayEvent, data: bytes = b"") -> bool:
        """Do what the table says at this event. Returns whether the relayed connection still goes on."""
        step = NEXT[self.stage].get(event)
        if step is not None:
            self.stage = step.stage
            for action in step.actions:
                self._do(action, data)
        return self.stage is not Stage.CLOSED

    def _do(self, action: Action, data: bytes) -> None:
        outside = None if self._outside is None else self._outside.transport
        if action is Action.SEND_IN:
            self._is_answered = True
            self.transport.write(data)
        elif action is Action.HOLD:
            # uvloop begins to read after connection_made, whatever was paused in it.
            self._is_answered = False
            self._held += data
            self.transport.pause_reading()
        elif action is Action.READ_INSIDE:
            self.transport.resume_reading()
        elif action is Action.END_IN:
            self.transport.write_eof()
        elif action is Action.CLOSE_IN:
            self.transport.close()
        elif action is Action.ABORT_IN:
            self.transport.abort()
        elif action in _AWAITED:
            self._end_after(self._seconds(action))
        elif outside is not None:
            self._do_outside(action, outside, data)

    def _do_outside(self, action: Action, outside: asyncio.Transport, data: bytes) -> None:
        if action is Action.SEND_OUT:
            self._is_answered = False
            outside.write(data)
        elif action is Action.SEND_HELD:
            outside.write(self._held)
            self._held = b""
        elif action is Action.END_OUT:
            outside.write_eof()
        elif action is Action.CLOSE_OUT:
            outside.close()
        elif action is Action.ABORT_OUT:
            outside.abort()

    def _seconds(self, action: Action) -> float:
        if action is Action.AWAIT_INSIDE:
            return self._limits.half_open_seconds
        awaits_answer = action is Action.AWAIT_ANSWER and not self._is_answered
        return self._limits.answer_seconds if awaits_answer else self._limits.quiet_seconds

    def _end_after(self, seconds: float) -> None:
        if self._end is not None:
            self._end.cancel()
        self._end = asyncio.get_running_loop().call_later(seconds, self.note, RelayEvent.SILENT)

    async def _lead(self) -> None:
        outside = Outside()
        # Before it is there: many servers speak first, and may have ended by the time that we hear of it.
        outside.inside = self
        if not await self._reach(outside):
            self.note(RelayEvent.NOT_REACHED)
            return
        self._outside = outside
        halves = outside.transport.can_write_eof()
        self.note(RelayEvent.REACHED if halves else RelayEvent.REACHED_TLS)


_AWAITED = frozenset({Action.AWAIT_ANSWER, Action.AWAIT_SILENCE, Action.AWAIT_INSIDE})
