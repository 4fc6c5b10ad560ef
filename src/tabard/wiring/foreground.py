"""One command as the one instance of a host of its own: the agent inside `tabard run`."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabard.agent.agent import Agent
from tabard.agent.drivers.container import ContainerDriver
from tabard.agent.drivers.driver import ExitStatus
from tabard.agent.drivers.foreground import ForegroundDriver
from tabard.agent.edge_client import EdgeClient
from tabard.agent.edge_relay import VouchingDoor
from tabard.agent.networks.namespaces import InsideEdge
from tabard.agent.networks.network import Networks
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
    """A command, the host that runs it, and where its agent keeps what it needs."""

    host: RegisterHostResult = field(repr=False)
    endpoint: str
    region: str
    directory: Path
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    driver: str
    networks: Networks
    edge_socket: Path
    hidden: Sequence[Path]
    adopted_pid: int | None = None

    async def until_ended(self) -> ExitStatus:
        """Run the command as the host's instance, in this terminal and folder; how it ended.

        With `adopted_pid` no command is run: the container of that process is the instance.

        Raises:
            NoNetwork: it cannot be.
        """
        exchange = Endpoint(
            self.endpoint,
            self.region,
            Credentials(access_key_id=self.host.access_key_id, secret_access_key=self.host.secret_access_key),
        ).exchange()
        driver: ForegroundDriver | ContainerDriver
        if self.adopted_pid is None:
            driver = ForegroundDriver(
                self.command, self.networks, base_environment=self.environment, hidden=self.hidden
            )
        else:
            driver = ContainerDriver(self.adopted_pid, InsideEdge.of(self.endpoint))
        agent = Agent(
            self.host.host_id,
            EdgeClient(self.host.host_id, exchange, clock=SystemClock()),
            {self.driver: driver},
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
