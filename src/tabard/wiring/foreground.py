"""The agent inside `tabard run`: its host has one instance, which is the command."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabard.agent.agent import Agent
from tabard.agent.drivers.container.adoption import AdoptingDriver
from tabard.agent.drivers.driver import ExitStatus
from tabard.agent.drivers.foreground import ForegroundDriver
from tabard.agent.edge_client import EdgeClient
from tabard.agent.edge_relay import EdgeDoor
from tabard.agent.settings import AgentSettings
from tabard.agent.signed_exchange import SignedExchange
from tabard.clock import SystemClock
from tabard.model.messages import RegisterHostResult
from tabard.sigv4.sign import Credentials


@dataclass(frozen=True, slots=True)
class ForegroundRun:
    """A host, the driver of its one instance, and the agent's folder."""

    host: RegisterHostResult = field(repr=False)
    endpoint: str
    region: str
    directory: Path
    driver_name: str
    driver: ForegroundDriver | AdoptingDriver = field(repr=False)
    edge_door: EdgeDoor

    async def until_ended(self) -> ExitStatus:
        """Run the driver's command as the host's instance. Return how it ended."""
        exchange = SignedExchange(
            self.endpoint,
            credentials=Credentials(
                access_key_id=self.host.access_key_id, secret_access_key=self.host.secret_access_key
            ),
            region=self.region,
            clock=SystemClock(),
        )
        driver = self.driver
        agent = Agent(
            self.host.host_id,
            EdgeClient(self.host.host_id, exchange, clock=SystemClock()),
            {self.driver_name: driver},
            AgentSettings(),
            clock=SystemClock(),
            runtime_directory=self.directory,
            edge_endpoint=self.endpoint,
            edge_door=self.edge_door,
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
