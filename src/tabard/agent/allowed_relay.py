"""The relay from an instance's network to the addresses that an operator has allowed, and to no other."""

import asyncio
import socket
from functools import partial

from tabard.agent.relay import DEFAULT_LIMITS, Outside, Relay, RelayLimits

ALLOWED_ADDRESS_NOT_REACHED = "allowed_address_not_reached"


class AllowedRelay:
    """Leads one instance's connections to their allowed destinations.

    INVARIANT: a listener leads to the very address and port that it has inside: so what an instance reaches
    was decided when its network was made, and nothing that it sends changes it.
    """

    def __init__(self, *, limits: RelayLimits = DEFAULT_LIMITS) -> None:
        self._relay = Relay(not_reached=ALLOWED_ADDRESS_NOT_REACHED, limits=limits)

    async def start(self, *listeners: socket.socket) -> None:
        """Serve these listening sockets; they are closed with the relay."""
        for listener in listeners:
            address, port = listener.getsockname()[:2]
            await self._relay.serve(listener, partial(_connect, address, port))

    async def close(self) -> None:
        """Stop listening and end every connection."""
        await self._relay.close()


async def _connect(address: str, port: int, outside: Outside) -> None:
    await asyncio.get_running_loop().create_connection(lambda: outside, address, port)
