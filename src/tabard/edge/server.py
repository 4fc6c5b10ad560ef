"""The edge's HTTP door: one request in, one answer out.

On httptools, because it keeps the raw request target that SigV4 needs. What is not one unambiguous HTTP/1.1
request gets a bare 400, and its connection ends: RFC 9112, 3.2 and 6.3.
"""

import asyncio
import contextlib

from tabard.clock import Clock
from tabard.edge.bounds import HttpBounds
from tabard.edge.connection import ClientConnection, Handler, Surroundings
from tabard.edge.machine_paths import MachinePaths
from tabard.edge.request_head import new_request_id
from tabard.model.network_path import NetworkPath

__all__ = ["EdgeServer", "Handler", "edge_server", "new_request_id"]


class EdgeServer:
    """Makes a `ClientConnection` for each client that connects: what `loop.create_server` asks for."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings

    def __call__(self, path: NetworkPath | None = None) -> ClientConnection:
        """Args: path: what is vouched for of the connection; None where nothing is."""
        return ClientConnection(self._surroundings, path)

    def pre_shutdown(self) -> None:
        """End idle connections now, the others once they have answered."""
        for connection in tuple(self._surroundings.connections):
            connection.end_when_idle()

    async def shutdown(self, grace_seconds: float) -> None:
        """End every connection; requests under way have so long to be answered."""
        self.pre_shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                for connection in tuple(self._surroundings.connections):
                    await connection.closed.wait()
        for connection in tuple(self._surroundings.connections):
            connection.abort()


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
        Surroundings(
            answer=answer,
            clock=clock,
            secure=secure,
            machine_paths=machine_paths,
            bounds=bounds or HttpBounds(),
        )
    )
