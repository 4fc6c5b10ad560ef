"""An agent in this process, with a driver that starts nothing and an edge in memory."""

import asyncio
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import msgspec

from tabard.agent.agent import Agent
from tabard.agent.agent_handover import RunningInstance
from tabard.agent.drivers.driver import ExitStatus, Running
from tabard.agent.networks.network import InstanceNetwork, LoopbackPorts
from tabard.agent.settings import AgentSettings
from tabard.clock import SystemClock
from tabard.model.messages import DesiredInstance
from tests.support.described_instance import DESIRED, OPTIONS
from tests.support.fake_edge import FakeEdge
from tests.support.waiting import turns

ID = DESIRED.instance_id


OPEN = msgspec.structs.replace(
    DESIRED, metadata_options=msgspec.structs.replace(OPTIONS, http_tokens="optional")
)


ROLE_PATH = "/latest/meta-data/iam/security-credentials/web-role"


class FakeRunning:
    def __init__(self, descriptors: tuple[int, ...] | None = None) -> None:
        """Args: descriptors: those by which it is held when its agent ends; None: it ends with its agent."""
        self.descriptors = descriptors
        self.ended: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()
        self.turns_after_end = 0
        self.may_end: asyncio.Event | None = None

    async def wait(self) -> ExitStatus:
        return await asyncio.shield(self.ended)

    async def stop(self, grace: timedelta) -> None:
        if self.may_end is not None:
            await self.may_end.wait()
        if not self.ended.done():
            self.ended.set_result(ExitStatus(signal_number=15))
        for _ in range(self.turns_after_end):
            await asyncio.sleep(0)


class FakeDriver:
    """Starts nothing; the test ends what it started."""

    base_environment: Mapping[str, str] = {"PATH": "/bin", "AWS_ACCESS_KEY_ID": "decoy"}

    def __init__(self, descriptors: tuple[int, ...] | None = None) -> None:
        self.descriptors = descriptors
        self.started: list[tuple[DesiredInstance, Mapping[str, str], Path]] = []
        self.running: list[FakeRunning] = []
        self.adopted: list[RunningInstance] = []
        self.error: Exception | None = None
        self.not_started_because: list[str] = []

    async def open_network(self) -> InstanceNetwork:
        return await LoopbackPorts(uid=os.getuid()).open()

    async def start(
        self,
        desired: DesiredInstance,
        network: InstanceNetwork,
        environment: Mapping[str, str],
        directory: Path,
    ) -> Running:
        if self.error is not None:
            raise self.error
        self.started.append((desired, environment, directory))
        self.running.append(FakeRunning(self.descriptors))
        return self.running[-1]

    def adopt(self, handed_over: RunningInstance, directory: Path) -> Running | None:
        self.adopted.append(handed_over)
        if self.error is not None:
            return None
        self.running.append(FakeRunning(self.descriptors))
        return self.running[-1]

    def not_started(self, instance_id: str, reason: str) -> None:
        self.not_started_because.append(reason)


class Host:
    """An agent at work."""

    running_descriptors: tuple[int, ...] | None = None

    def __init__(self, folder: Path, settings: AgentSettings | None = None) -> None:
        self.edge = FakeEdge(SystemClock())
        self.driver = FakeDriver(self.running_descriptors)
        self.folder = folder
        self.settings = settings or AgentSettings(wait_seconds=1, seed=1)
        self.agent = self._agent()
        self.stop = asyncio.Event()
        self.work: asyncio.Task[None] | None = None

    def _agent(self) -> Agent:
        return Agent(
            "h-0123456789abcdef0",
            self.edge,
            {"process": self.driver},
            self.settings,
            clock=SystemClock(),
            runtime_directory=self.folder,
            edge_endpoint="http://127.0.0.1:4700",
            region="us-east-1",
        )

    def begin(self) -> None:
        self.work = asyncio.create_task(self.agent.run(self.stop))

    async def end(self) -> None:
        self.stop.set()
        if self.work is not None:
            await asyncio.wait_for(self.work, 10)
        self.work, self.stop = None, asyncio.Event()

    async def until(self, true: Callable[[], object], seconds: float = 5) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                if self.work is not None and self.work.done():
                    self.work.result()
                await asyncio.sleep(0.005)

    async def acted(self) -> None:
        """Return once the agent has acted on everything that the edge said before: then it asks again."""
        asked = self.edge.calls.count("describe")
        await self.until(lambda: self.edge.calls.count("describe") > asked)
        await turns()

    def states(self) -> list[str]:
        return [report.run_state for report in self.edge.reports]

    async def get(self, path: str) -> tuple[int, str]:
        endpoint = self.agent.instances[ID].metadata_endpoint

        def ask() -> tuple[int, str]:
            try:
                with urllib.request.urlopen(endpoint + path, timeout=5) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, ""

        return await asyncio.to_thread(ask)
