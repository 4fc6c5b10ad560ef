"""The agent process: what `tabard up` tells it, and how its objects are put together."""

import asyncio
import os
import signal
from datetime import timedelta
from pathlib import Path

import msgspec

from tabard.agent.agent import Agent
from tabard.agent.drivers.process import ProcessDriver
from tabard.agent.edge_client import EdgeClient
from tabard.agent.settings import AgentSettings
from tabard.agent.signed_exchange import SignedExchange
from tabard.clock import SystemClock
from tabard.sigv4.sign import Credentials


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What one agent process is told, on stdin: it holds the host's key, and no other."""

    host_id: str
    access_key_id: str
    secret_access_key: str
    endpoint: str
    region: str
    directory: str
    rotate_every_seconds: float = 0
    launch_uid: int | None = None
    launch_gid: int | None = None

    def __repr__(self) -> str:
        return f"AgentConfig(host_id={self.host_id!r}, endpoint={self.endpoint!r})"


async def run_agent(config: AgentConfig) -> None:
    """Work until SIGTERM or SIGINT; then end every instance."""
    clock = SystemClock()
    exchange = SignedExchange(
        config.endpoint,
        credentials=Credentials(
            access_key_id=config.access_key_id, secret_access_key=config.secret_access_key
        ),
        region=config.region,
        clock=clock,
    )
    rotate_every = timedelta(seconds=config.rotate_every_seconds) if config.rotate_every_seconds else None
    agent = Agent(
        config.host_id,
        EdgeClient(config.host_id, exchange, clock=clock),
        {"process": ProcessDriver(base_environment=os.environ, uid=config.launch_uid, gid=config.launch_gid)},
        AgentSettings(rotate_every=rotate_every),
        clock=clock,
        runtime_directory=Path(config.directory),
        edge_endpoint=config.endpoint,
        region=config.region,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await agent.run(stop)
    finally:
        await exchange.close()
