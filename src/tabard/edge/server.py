"""The edge's HTTP door: one request in, one answer out, and who has sent it.

What is not one unambiguous HTTP/1.1 request never comes here: `http1/` answers it with a bare 400.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import msgspec

from tabard.clock import Clock
from tabard.edge.body import Body
from tabard.edge.machine_paths import MachinePath, MachinePaths
from tabard.edge.request_id import new_request_id
from tabard.edge.tls import client_certificate_of, is_relayed
from tabard.http1.answer import Answer
from tabard.http1.bounds import HttpBounds
from tabard.http1.request_head import HeaderNames, RequestHead
from tabard.http1.server import HttpServer
from tabard.http1.server_connection import Answering, Arriving, ConnectionContext, ServerConnection
from tabard.model.network_path import NetworkPath
from tabard.wire.request import RawRequest

Handler = Callable[[RawRequest, Body], Awaitable[Answer]]

HEADER_NAMES = HeaderNames.of(
    usual=(
        "Accept", "Accept-Encoding", "amz-sdk-invocation-id", "amz-sdk-request", "Authorization",
        "Connection", "Content-Encoding", "Content-Length", "Content-MD5", "Content-Type", "Expect", "Host",
        "Range", "User-Agent", "Transfer-Encoding", "X-Amz-Api-Version", "X-Amz-Checksum-Mode",
        "X-Amz-Content-SHA256", "X-Amz-Date", "X-Amz-Decoded-Content-Length",
        "X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Security-Token", "X-Amz-Target", "X-Amz-Trailer",
        "X-Amz-User-Agent", "X-Amzn-Query-Mode",
    ),
    once=(
        "authorization", "content-encoding", "content-type", "x-amz-content-sha256", "x-amz-copy-source",
        "x-amz-date", "x-amz-decoded-content-length", "x-amz-security-token", "x-amz-target",
    ),
)  # fmt: skip
"""What SDKs send, and of which a second one could mean another thing to another reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What is the same for every connection of one listener."""

    answer: Handler = field(repr=False)
    clock: Clock
    secure: bool
    bounds: HttpBounds
    machine_paths: MachinePaths | None = None


class Client:
    """Who is at the other end of one connection, as its listener knows it."""

    __slots__ = ("_certificate", "_door", "_is_relayed", "_machine", "_path", "_peer_ip", "_relayed_by")

    def __init__(self, door: Door, transport: asyncio.Transport, path: NetworkPath | None) -> None:
        self._door = door
        self._path = path
        peer = transport.get_extra_info("peername")
        self._peer_ip = peer[0] if isinstance(peer, tuple) and peer else ""
        if path is not None:
            self._peer_ip = path.private_ip_address
        certificate = client_certificate_of(transport) if door.secure else None
        self._is_relayed = door.secure and is_relayed(transport)
        # INVARIANT: what is relayed is the applications', and never taken for the host's own.
        self._certificate = None if self._is_relayed else certificate
        self._relayed_by = certificate if self._is_relayed else None
        self._machine: MachinePath | None = None

    async def begin(self) -> None:
        """Learn which enrolled machine relays, if one does."""
        if self._is_relayed and self._door.machine_paths is not None:
            self._machine = await self._door.machine_paths.of(self._relayed_by)

    def take(self, head: RequestHead) -> Answering:
        """The request as it arrived; what is vouched for of it is looked up when its turn comes."""
        now = self._door.clock.now()
        raw = RawRequest(
            method=head.method,
            raw_path=head.raw_path,
            raw_query=head.raw_query,
            headers=head.headers,
            peer_ip=self._peer_ip,
            network_path=self._path,
            client_certificate=self._certificate,
            secure=self._door.secure,
            relayed=self._is_relayed,
            request_id=new_request_id(now),
            received_at=now,
        )
        return partial(self._answer, raw, head.length)

    async def _answer(self, raw: RawRequest, length: int | None, arriving: Arriving) -> Answer:
        bounds = self._door.bounds
        body = Body(
            arriving.stream,
            length=length,
            invite=arriving.invite,
            idle_seconds=bounds.body_idle_seconds,
            whole_seconds=bounds.whole_body_seconds,
        )
        if self._machine is not None:
            vouched = await self._machine.look()
            arriving.is_last = vouched.is_last
            raw = msgspec.structs.replace(raw, network_path=vouched.path)
        return await self._door.answer(raw, body)


class EdgeServer(HttpServer):
    """Makes a connection for each client that connects: what `loop.create_server` asks for."""

    def __init__(self, door: Door) -> None:
        super().__init__(
            ConnectionContext(clock=door.clock, secure=door.secure, bounds=door.bounds, names=HEADER_NAMES)
        )
        self._door = door

    def __call__(self, path: NetworkPath | None = None) -> ServerConnection:
        """Args: path: what is vouched for of the connection; None where nothing is."""
        return self.connection(lambda transport: Client(self._door, transport, path))


def edge_server(
    answer: Handler,
    *,
    clock: Clock,
    secure: bool = False,
    machine_paths: MachinePaths | None = None,
    bounds: HttpBounds | None = None,
) -> EdgeServer:
    """An HTTP server that turns every request into a `RawRequest` and hands it to `answer`.

    Args: secure: its connections are TLS; machine_paths: vouches for what enrolled machines relay.
    """
    return EdgeServer(
        Door(
            answer=answer,
            clock=clock,
            secure=secure,
            machine_paths=machine_paths,
            bounds=bounds or HttpBounds(),
        )
    )
