"""An edge, and whom it is asked as: what our own commands ask of the `hosts` service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tabard.agent.edge_client import EdgeClient
from tabard.agent.signed_exchange import SignedExchange
from tabard.clock import SystemClock
from tabard.sigv4.sign import Credentials
from tabard.wiring.running import RunningSystem


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An edge, and whom it is asked as."""

    url: str
    region: str
    credentials: Credentials

    def exchange(self) -> SignedExchange:
        """A pooled client that signs as these credentials."""
        return SignedExchange(self.url, credentials=self.credentials, region=self.region, clock=SystemClock())

    @asynccontextmanager
    async def client(self) -> AsyncIterator[EdgeClient]:
        """A client of the `hosts` service that is no host; its connections end with the block."""
        exchange = self.exchange()
        try:
            yield EdgeClient("", exchange, clock=SystemClock())
        finally:
            await exchange.close()


def as_admin(system: RunningSystem) -> Endpoint:
    """The edge of a running system, asked as the user `admin`."""
    key = system.admin_key
    credentials = Credentials(access_key_id=key.access_key_id, secret_access_key=key.secret_access_key)
    return Endpoint(system.endpoint, system.region, credentials)
