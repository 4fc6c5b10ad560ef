"""The relay from an instance's network to the edge, byte by byte. It tells the edge the network path."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from tabard.agent.relay import CONNECT_SECONDS, DEFAULT_LIMITS, Outside, Relay, RelayLimits
from tabard.model.messages import EDGE_NAME
from tabard.model.network_path import NetworkPath, to_preamble

EDGE_NOT_REACHED = "edge_not_reached"


@dataclass(frozen=True, slots=True)
class NetworkPathDoor:
    """The UNIX socket on which an edge of this machine accepts the network path of a connection."""

    path: Path


@dataclass(frozen=True, slots=True)
class PlainDoor:
    """The edge's TCP port, where a request's network path is unknown."""

    host: str
    port: int

    @classmethod
    def of(cls, endpoint: str) -> "PlainDoor":
        """Return the host and port of `http://HOST:PORT`."""
        parts = urlsplit(endpoint)
        return cls(parts.hostname or "", parts.port or 80)


class TlsDoor:
    """An edge on another machine, which identifies this machine by its certificate."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext) -> None:
        """Args: tls: the trusted authority and the own certificate; its ALPN announces relayed requests."""
        self._host = host
        self._port = port
        self._tls = tls
        self._connecting: dict[asyncio.Task[object], None] = {}

    @classmethod
    def of(cls, endpoint: str, tls: ssl.SSLContext) -> "TlsDoor":
        """Return the host and port of `https://HOST:PORT`."""
        parts = urlsplit(endpoint)
        return cls(parts.hostname or "", parts.port or 443, tls)

    async def connect(self, outside: Outside) -> None:
        """Relay a new connection. Raises OSError."""
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
        """Use another certificate from now on. Return once no connection is made with the former one."""
        self._tls = tls
        if self._connecting:
            await asyncio.wait(self._connecting, timeout=CONNECT_SECONDS)


EdgeDoor: TypeAlias = NetworkPathDoor | PlainDoor | TlsDoor


class EdgeRelay:
    """Relays one instance's connections to the edge."""

    def __init__(self, door: EdgeDoor, path: NetworkPath, *, limits: RelayLimits = DEFAULT_LIMITS) -> None:
        self._door = door
        self._preamble = to_preamble(path) if isinstance(door, NetworkPathDoor) else b""
        self._relay = Relay(not_reached=EDGE_NOT_REACHED, limits=limits)

    async def start(self, *listeners: socket.socket) -> None:
        """Serve these listening sockets; they are closed with the relay."""
        for listener in listeners:
            await self._relay.serve(listener, self._connect)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        await self._relay.close()

    async def _connect(self, outside: Outside) -> None:
        loop = asyncio.get_running_loop()
        if isinstance(self._door, NetworkPathDoor):
            await loop.create_unix_connection(lambda: outside, str(self._door.path))
        elif isinstance(self._door, TlsDoor):
            await self._door.connect(outside)
        else:
            await loop.create_connection(lambda: outside, self._door.host, self._door.port)
        outside.transport.write(self._preamble)
