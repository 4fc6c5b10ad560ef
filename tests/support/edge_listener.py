"""The edge's HTTP door on a loopback port, with a handler that the test gives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tabard.clock import SystemClock
from tabard.edge.body import Body
from tabard.edge.server import EdgeServer, Handler, edge_server
from tabard.http1.answer import Answer
from tabard.http1.bounds import HttpBounds
from tabard.wire.request import RawRequest

QUICK = HttpBounds(
    idle_connection_seconds=0.3,
    body_idle_seconds=0.2,
    whole_body_seconds=0.5,
    write_idle_seconds=0.3,
    linger_seconds=0.1,
)


@dataclass
class Heard:
    """A handler that answers 200 with the body it was sent, and keeps what it heard."""

    limit_bytes: int = 1 << 20
    requests: list[RawRequest] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, raw: RawRequest, body: Body) -> Answer:
        self.requests.append(raw)
        content = await body.read(self.limit_bytes)
        self.bodies.append(content)
        return Answer(status=200, headers=(("content-type", "text/plain"),), body=b"heard")


@asynccontextmanager
async def listening(handler: Handler, *, bounds: HttpBounds | None = None) -> AsyncIterator[int]:
    """The port of a door that is open within the block."""
    async with opened(handler, bounds=bounds) as (_, port):
        yield port


@asynccontextmanager
async def opened(
    handler: Handler, *, bounds: HttpBounds | None = None
) -> AsyncIterator[tuple[EdgeServer, int]]:
    """A door that is open within the block, and its port."""
    server = edge_server(handler, clock=SystemClock(), bounds=bounds)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield server, listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await listener.wait_closed()
        await server.shutdown(0.1)


def open_connections(server: EdgeServer) -> int:
    """How many connections a door holds."""
    return len(server._context.connections)


async def exchange(port: int, *pieces: bytes | float, seconds: float = 5.0) -> bytes:
    """Send pieces, pausing where a number stands; everything that comes until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            if isinstance(piece, bytes):
                writer.write(piece)
                await writer.drain()
            else:
                await asyncio.sleep(piece)
        async with asyncio.timeout(seconds):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def request(
    first: str = "GET / HTTP/1.1", *headers: str, host: str | None = "edge.test", body: bytes = b""
) -> bytes:
    """A request, byte by byte, whose connection shall end with it."""
    lines = [first, *([f"Host: {host}"] if host is not None else ()), *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
