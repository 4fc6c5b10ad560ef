"""The edge's HTTP server: it turns each request, with its sender's address, into one answer.

`http1/` answers anything but one unambiguous HTTP/1.1 request with a bare 400, so such input never arrives
here.
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
"""Headers of SDKs that may appear only once: two readers could choose different ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The values that all connections of one listener share."""

    answer: Handler = field(repr=False)
    clock: Clock
    secure: bool
    bounds: HttpBounds
    machine_paths: MachinePaths | None = None


class Client:
    """The client of one connection, as its listener knows it."""

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
        # INVARIANT: a relayed request is an application's, and never counts as the host's own.
        self._certificate = None if self._is_relayed else certificate
        self._relayed_by = certificate if self._is_relayed else None
        self._machine: MachinePath | None = None

    async def begin(self) -> None:
        """Find the enrolled machine that relays this connection, if any."""
        if self._is_relayed and self._door.machine_paths is not None:
            self._machine = await self._door.machine_paths.of(self._relayed_by)

    def take(self, head: RequestHead) -> Answering:
        """Make the raw request. Its network path is verified only just before it is answered."""
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
            verified = await self._machine.look()
            arriving.is_last = verified.is_last
            raw = msgspec.structs.replace(raw, network_path=verified.path)
        return await self._door.answer(raw, body)


class EdgeServer(HttpServer):
    """A protocol factory, which makes a connection for each client."""

    def __init__(self, door: Door) -> None:
        super().__init__(
            ConnectionContext(clock=door.clock, secure=door.secure, bounds=door.bounds, names=HEADER_NAMES)
        )
        self._door = door

    def __call__(self, path: NetworkPath | None = None) -> ServerConnection:
        """Make a connection. Args: path: its verified network path, if any."""
        return self.connection(lambda transport: Client(self._door, transport, path))


def edge_server(
    answer: Handler,
    *,
    clock: Clock,
    secure: bool = False,
    machine_paths: MachinePaths | None = None,
    bounds: HttpBounds | None = None,
) -> EdgeServer:
    """Make an HTTP server that passes every request to `answer` as a `RawRequest`.

    Args: secure: its connections are TLS; machine_paths: verifies the paths of relayed requests.
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
