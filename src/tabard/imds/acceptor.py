"""Takes the connections of one listener, no faster than its pace; the kernel keeps what comes faster.

INVARIANT: what one instance asks too fast waits in the backlog of its own listener, where it costs the others
nothing: it is not accepted to be refused.
"""

import asyncio
import socket
from collections.abc import Callable

from tabard.imds.pace import Pace

_PAUSE_SECONDS = 0.05


class Acceptor:
    """Accepts for one listener until it is closed."""

    def __init__(self, listener: socket.socket, protocol: Callable[[], asyncio.Protocol], pace: Pace) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._protocol = protocol
        self._pace = pace
        self._accepting = asyncio.create_task(self._accept())

    async def close(self) -> None:
        """Stop, and close the listener."""
        self._accepting.cancel()
        await asyncio.wait({self._accepting})
        self._listener.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if wait_seconds := self._pace.take():
                await asyncio.sleep(wait_seconds)
                continue
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError:  # the peer is gone already, or there are no descriptors left just now
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            try:
                await loop.connect_accepted_socket(self._protocol, connection)
            except OSError:
                connection.close()
