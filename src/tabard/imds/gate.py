"""The door of one metadata listener: who may connect, how many at once, and for how long."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from tabard.imds.peer import Address

MAXIMUM_CONNECTIONS = 64
CONNECTION_SECONDS = 10.0
_REFUSED_CONNECTIONS = 64
_REFUSED_SECONDS = 1.0


class PeerCheck(Protocol):
    """Says which uid owns the far end of a connection; None where the kernel does not tell."""

    def __call__(self, *, peer: Address, own: Address) -> int | None: ...


class Gate:
    """Makes the protocol of each accepted connection: the server's for peers of the instance, else a refusal.

    A connection of another uid never reaches the HTTP parser and takes none of the instance's places. Every
    connection carries one request (EC2 closes after each) and ends after `CONNECTION_SECONDS`, come what may.
    """

    def __init__(
        self,
        serve: Callable[[], asyncio.Protocol],
        *,
        uid: int | None,
        peer_check: PeerCheck,
        refusal: bytes,
        on_refused: Callable[[int | None], None],
        is_open_to: Callable[[asyncio.Transport], bool] = lambda _: True,
    ) -> None:
        """Args: is_open_to: whether there is a door for this connection at all; without one it is reset."""
        self._serve = serve
        self._uid = uid
        self._peer_check = peer_check
        self.refusal = refusal
        self._on_refused = on_refused
        self._is_open_to = is_open_to
        # An empty dict is a third of an empty set, and every instance has these.
        self.open: dict[asyncio.BaseTransport, None] = {}
        self.refused: dict[asyncio.BaseTransport, None] = {}

    def __call__(self) -> asyncio.Protocol:
        return _Arrival(self)

    def admit(self, transport: asyncio.Transport) -> asyncio.Protocol | None:
        """The protocol for this connection; None where there is no place left, or no door."""
        if not self._is_open_to(transport):
            return None
        if self._uid is not None:
            peer_uid = self._peer_check(
                peer=transport.get_extra_info("peername")[:2], own=transport.get_extra_info("sockname")[:2]
            )
            # Equality alone: root of the machine is not the instance, unless the instance runs as root.
            if peer_uid != self._uid:
                self._on_refused(peer_uid)
                if len(self.refused) >= _REFUSED_CONNECTIONS:
                    return None
                self.refused[transport] = None
                return _Refusal(self)
        if len(self.open) >= MAXIMUM_CONNECTIONS:
            return None
        self.open[transport] = None
        return _Served(self, self._serve())

    def abort_all(self) -> None:
        """End every connection now."""
        for transport in (*self.open, *self.refused):
            as_transport(transport).abort()


def as_transport(transport: asyncio.BaseTransport) -> asyncio.Transport:
    """What a stream server gives. uvloop's is an asyncio.Transport by behaviour, not by class."""
    return cast("asyncio.Transport", transport)


class _Arrival(asyncio.Protocol):
    """Stands in until the transport tells who connected."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = as_transport(transport)
        protocol = self._gate.admit(transport)
        if protocol is None:
            transport.abort()
            return
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


class _Served(asyncio.Protocol):
    """Passes everything to the HTTP protocol, and bounds the connection's life."""

    def __init__(self, gate: Gate, http: asyncio.Protocol) -> None:
        self._gate = gate
        self._http = http

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = as_transport(transport)
        self._end = asyncio.get_running_loop().call_later(CONNECTION_SECONDS, transport.abort)
        self._http.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._http.data_received(data)

    def eof_received(self) -> bool | None:
        return self._http.eof_received()

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()
        self._gate.open.pop(self._transport, None)
        self._http.connection_lost(exc)


class _Refusal(asyncio.Protocol):
    """Waits for the request, so that its answer is read and not reset, then refuses it unseen."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = as_transport(transport)
        self._end = asyncio.get_running_loop().call_later(_REFUSED_SECONDS, transport.abort)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - the request is not looked at
        self._transport.write(self._gate.refusal)
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - nothing depends on why
        self._end.cancel()
        self._gate.refused.pop(self._transport, None)
