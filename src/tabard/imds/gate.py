"""Connection gate of an instance's metadata service: allowed peers, connection count and connection time."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tabard.imds.connection import Answering, Connection, Reply
from tabard.imds.peer import Address
from tabard.imds.request import MetadataRequest

_REFUSED_CONNECTIONS = 64
_REFUSED_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """The limits of one instance: open connections, and the lifetime of each."""

    connections: int = 64
    seconds: float = 10.0


DEFAULT_LIMITS = ConnectionLimits()


class PeerCheck(Protocol):
    """Returns the uid that owns the peer's end of a connection, or None if the kernel does not report it."""

    def __call__(self, *, peer: Address, own: Address) -> int | None: ...


class Gate:
    """Starts each accepted connection. Peers of the instance get the service; all others get a refusal.

    The gate refuses a connection of another uid without reading its request. Such a connection does not count
    toward the instance's limit. Every connection carries one request, because EC2 closes after each. It
    always ends after `ConnectionLimits.seconds`.
    """

    __slots__ = (
        "_answer",
        "_is_open_to_ipv6",
        "_limits",
        "_on_refused",
        "_open",
        "_peer_check",
        "_refusal",
        "_refused",
        "_uid",
    )

    def __init__(
        self,
        answer: Answering,
        *,
        uid: int | None,
        peer_check: PeerCheck,
        refusal: Callable[[], bytes],
        on_refused: Callable[[int | None], None],
        is_open_to_ipv6: Callable[[], bool],
        limits: ConnectionLimits = DEFAULT_LIMITS,
    ) -> None:
        """Args: is_open_to_ipv6: whether the IPv6 endpoint is enabled. If not, IPv6 connections are reset."""
        self._answer = answer
        self._uid = uid
        self._peer_check = peer_check
        self._refusal = refusal
        self._on_refused = on_refused
        self._is_open_to_ipv6 = is_open_to_ipv6
        self._limits = limits
        # An empty dict is a third of an empty set, and every instance has these.
        self._open: dict[Connection, None] = {}
        self._refused: dict[Connection, None] = {}

    def take(self, connection: socket.socket, peer: Address) -> None:
        """Serve or refuse a connection. Close it if its endpoint is disabled or the limit is reached."""
        if ":" in peer[0] and not self._is_open_to_ipv6():
            connection.close()
        elif self._uid is not None and (uid := self._uid_of(connection, peer)) != self._uid:
            # The uids must be equal. The machine's root is not the instance, unless the instance runs as
            # root.
            self._on_refused(uid)
            if len(self._refused) >= _REFUSED_CONNECTIONS:
                connection.close()
            else:
                self._begin(connection, peer[0], self._refuse, self._refused, _REFUSED_SECONDS)
        elif len(self._open) >= self._limits.connections:
            connection.close()
        else:
            self._begin(connection, peer[0], self._answer, self._open, self._limits.seconds)

    def abort_all(self) -> None:
        """End every connection now."""
        for connection in (*self._open, *self._refused):
            connection.abort()

    def _begin(
        self,
        connection: socket.socket,
        peer: str,
        answer: Answering,
        places: dict[Connection, None],
        most_seconds: float,
    ) -> None:
        begun = Connection(connection, peer=peer, answer=answer, on_end=places.pop)
        if begun.begin(most_seconds=most_seconds):
            places[begun] = None

    def _uid_of(self, connection: socket.socket, peer: Address) -> int | None:
        try:
            own = connection.getsockname()[:2]
        except OSError:
            return None
        return self._peer_check(peer=peer, own=own)

    def _refuse(self, request: MetadataRequest | None) -> Reply:  # noqa: ARG002 - it is not looked at
        return Reply(self._refusal())
