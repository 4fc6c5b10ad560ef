"""The listener for connections that an agent of this machine relays, each with its network path.

INVARIANT: the edge accepts a network path only on this listener: a UNIX socket of mode 0600 in a folder of
mode 0700, whose peer has the edge's own uid.
"""

import asyncio
import os
import socket
import struct
import sys
from typing import cast

import structlog

from tabard.edge.server import EdgeServer
from tabard.http1.server_connection import ServerConnection
from tabard.model.network_path import PREAMBLE_BYTES, from_preamble

PREAMBLE_REFUSED = "preamble_refused"
PREAMBLE_SECONDS = 5.0

_PEER = struct.Struct("3i")  # pid, uid, gid: SO_PEERCRED in unix(7)

_log = structlog.get_logger()


class NetworkPathListener:
    """A protocol factory: each connection first sends its path, then is an ordinary one of the edge."""

    def __init__(self, edge: EdgeServer, *, preamble_seconds: float = PREAMBLE_SECONDS) -> None:
        self._edge = edge
        self._preamble_seconds = preamble_seconds

    def __call__(self) -> asyncio.Protocol:
        return _Preamble(self._edge, self._preamble_seconds)


class _Preamble(asyncio.Protocol):
    """Reads the first line of a connection."""

    def __init__(self, edge: EdgeServer, seconds: float) -> None:
        self._edge = edge
        self._seconds = seconds
        self._seen = b""
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is an asyncio.Transport by behavior, not by class.
        self._transport = cast("asyncio.Transport", transport)
        if not _is_of_our_uid(transport.get_extra_info("socket")):
            self._refuse("another user's")
            return
        self._end = asyncio.get_running_loop().call_later(self._seconds, self._refuse, "none in time")

    def data_received(self, data: bytes) -> None:
        self._seen += data
        line, ended, rest = self._seen.partition(b"\n")
        if len(line) > PREAMBLE_BYTES:
            self._refuse("too long")
        elif ended:
            self._hand_over(line, rest)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - nothing depends on why
        if self._end is not None:
            self._end.cancel()

    def _hand_over(self, line: bytes, rest: bytes) -> None:
        if self._end is not None:
            self._end.cancel()
        try:
            path = from_preamble(line)
        except ValueError:
            self._refuse("not one")
            return
        connection: ServerConnection = self._edge(path)
        self._transport.set_protocol(connection)
        connection.connection_made(self._transport)
        if rest:
            connection.data_received(rest)

    def _refuse(self, reason: str) -> None:
        _log.warning(PREAMBLE_REFUSED, reason=reason)
        self._transport.abort()


def _is_of_our_uid(connection: socket.socket) -> bool:
    if sys.platform != "linux":
        # Only the modes of the folder (0700) and the socket (0600) protect it here.
        return True
    _, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return bool(uid == os.geteuid())
