"""Acceptor of one listener's connections, with a rate limit. The kernel queues connections beyond the limit.

INVARIANT: connections beyond one instance's rate limit wait in the backlog of its own listener, where they
cost other instances nothing. The acceptor does not accept them just to refuse them. It does not accept a
silent connection either: Linux hands it over with its first bytes (TCP_DEFER_ACCEPT, tcp(7)), or after a
second.
"""

import asyncio
import socket
from collections.abc import Callable

import structlog

from tabard.imds.rate_limit import RateLimit

CONNECTIONS_NOT_ACCEPTED = "connections_not_accepted"

_PAUSE_SECONDS = 0.05
_SILENT_SECONDS = 1

_log = structlog.get_logger(__name__)

OnConnection = Callable[[socket.socket, tuple[str, int]], None]


class Acceptor:
    """Accepts for one listener until it is closed. No task: an agent has three of these for each instance."""

    __slots__ = ("_is_failing", "_limit", "_listener", "_loop", "_on_connection", "_paused")

    def __init__(self, listener: socket.socket, on_connection: OnConnection, limit: RateLimit) -> None:
        """Args: on_connection: is given a connection and its peer's address."""
        listener.setblocking(False)
        if hasattr(socket, "TCP_DEFER_ACCEPT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _SILENT_SECONDS)
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._on_connection = on_connection
        self._limit = limit
        self._paused: asyncio.TimerHandle | None = None
        self._is_failing = False
        self._loop.add_reader(listener, self._accept)

    def close(self) -> None:
        """Stop, and close the listener."""
        if self._paused is None:
            self._loop.remove_reader(self._listener)
        else:
            self._paused.cancel()
        self._listener.close()

    def _accept(self) -> None:
        if wait_seconds := self._limit.take():
            self._pause(wait_seconds)
            return
        try:
            connection, peer = self._listener.accept()
        except (BlockingIOError, ConnectionError):  # the peer is gone already
            return
        except OSError as error:  # no descriptors are left: accept(2), EMFILE and ENFILE
            if not self._is_failing:  # the beginning of a shortage, not every attempt in it
                self._is_failing = True
                _log.error(
                    CONNECTIONS_NOT_ACCEPTED, listener=self._listener.getsockname()[:2], reason=str(error)
                )
            self._pause(_PAUSE_SECONDS)
            return
        self._is_failing = False
        connection.setblocking(False)
        self._on_connection(connection, peer[:2])

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._paused = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self._listener, self._accept)
