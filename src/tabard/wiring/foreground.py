"""One command as the one instance of a host of its own: the agent inside `tabard run`."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabard.agent.agent import Agent
from tabard.agent.drivers.container.adoption import AdoptingDriver
from tabard.agent.drivers.driver import ExitStatus
from tabard.agent.drivers.process.foreground import ForegroundDriver
from tabard.agent.edge_client import EdgeClient
from tabard.agent.edge_relay import VouchingDoor
from tabard.agent.settings import AgentSettings
from tabard.clock import SystemClock
from tabard.model.messages import RegisterHostRequest, RegisterHostResult
from tabard.sigv4.sign import Credentials
from tabard.wiring.endpoint import Endpoint


async def register_ephemeral_host(admin: Endpoint, *, name: str) -> RegisterHostResult:
    """Register a host that lives as long as this process reports. Raises EdgeError."""
    async with admin.client() as edge:
        return await edge.register_host(RegisterHostRequest(name=name, ephemeral=True))


async def deregister_host(admin: Endpoint, host_id: str) -> None:
    """Remove the host; its instance is terminated and its sessions are revoked. Raises EdgeError."""
    async with admin.client() as edge:
        await edge.deregister_host(host_id)


@dataclass(frozen=True, slots=True)
class ForegroundRun:
    """A host, the driver of its one instance, and where its agent keeps what it needs."""

    host: RegisterHostResult = field(repr=False)
    endpoint: str
    region: str
    directory: Path
    driver_name: str
    driver: ForegroundDriver | AdoptingDriver = field(repr=False)
    edge_socket: Path

    async def until_ended(self) -> ExitStatus:
        """Run what the driver has as the host's instance; how it ended."""
        exchange = Endpoint(
            self.endpoint,
            self.region,
            Credentials(access_key_id=self.host.access_key_id, secret_access_key=self.host.secret_access_key),
        ).exchange()
        driver = self.driver
        agent = Agent(
            self.host.host_id,
            EdgeClient(self.host.host_id, exchange, clock=SystemClock()),
            {self.driver_name: driver},
            AgentSettings(),
            clock=SystemClock(),
            runtime_directory=self.directory,
            edge_endpoint=self.endpoint,
            edge_door=VouchingDoor(self.edge_socket),
            region=self.region,
        )
        stop = asyncio.Event()
        working = asyncio.create_task(agent.run(stop))
        try:
            waited: set[asyncio.Future[Any]] = {driver.ended, working}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not driver.ended.done():
                working.result()
            return await driver.ended
        finally:
            stop.set()
            await working
            await exchange.close()
