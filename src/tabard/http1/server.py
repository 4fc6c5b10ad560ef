"""The HTTP/1.1 server: its connections and their shutdown.

It uses httptools, which keeps the raw request target that signatures need. Anything but one unambiguous
HTTP/1.1 request gets a bare 400, and its connection closes: RFC 9112, 3.2 and 6.3.
"""

import asyncio
import contextlib

from tabard.http1.server_connection import ClientOf, ConnectionContext, ServerConnection


class HttpServer:
    """Holds the connections of one kind of listener."""

    def __init__(self, context: ConnectionContext) -> None:
        self._context = context

    def connection(self, client_of: ClientOf) -> ServerConnection:
        """Make a connection. Its requests go to the client that `client_of` makes for its transport."""
        return ServerConnection(self._context, client_of)

    def pre_shutdown(self) -> None:
        """Close idle connections now, the others after their answers."""
        for connection in tuple(self._context.connections):
            connection.end_when_idle()

    async def shutdown(self, grace_seconds: float) -> None:
        """Close every connection. Requests in progress have this long to complete."""
        self.pre_shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                for connection in tuple(self._context.connections):
                    await connection.closed.wait()
        for connection in tuple(self._context.connections):
            connection.abort()
