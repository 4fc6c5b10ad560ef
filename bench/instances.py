"""What an instance costs its host: memory in the agent, and the time to launch one.

Run as `python -m bench.instances KIND`: KIND is a class of networks; prints one line of JSON. A process for
each, so that its memory is that of one agent.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec

from bench.metadata import described_instance
from tabard.agent.agent import Agent
from tabard.agent.drivers.process.driver import ProcessDriver
from tabard.agent.edge_client import MintAnswer
from tabard.agent.networks.namespaces import InsideEdge, RootlessNamespaces, RootNamespaces
from tabard.agent.networks.network import LoopbackPorts, Networks, NoNetwork
from tabard.agent.settings import AgentSettings
from tabard.clock import SystemClock, read_clocks
from tabard.model.messages import (
    DescribeHostInstancesResult,
    DesiredInstance,
    GetInstanceIdentityResult,
    GetInstanceSessionResult,
    InstanceReport,
)
from tabard.model.session import RoleDelivery
from tabard.wiring.process import prepare_process

INSTANCES = 200
MOST_KIB = 16.0
MOST_MILLISECONDS = 30.0
LAUNCHES = 31
_EDGE = "http://127.0.0.1:4580"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What was found with one kind of network; `reason` where there is none here."""

    kind: str
    kib_each: float = 0.0
    open_milliseconds: float = 0.0
    launch_milliseconds: float = 0.0
    reason: str = ""

    @property
    def met(self) -> bool:
        """Whether both targets are."""
        return bool(self.reason) or (
            self.kib_each <= MOST_KIB and self.launch_milliseconds <= MOST_MILLISECONDS
        )


class _Edge:
    """An edge in memory, which mints at once."""

    def __init__(self) -> None:
        self.instances: tuple[DesiredInstance, ...] = ()
        self.version = 0

    async def describe_host_instances(
        self, *, known_version: int, wait_seconds: int
    ) -> DescribeHostInstancesResult:
        del known_version, wait_seconds
        return DescribeHostInstancesResult(version=self.version, instances=self.instances)

    async def get_instance_session(self, instance_id: str, role_delivery: RoleDelivery) -> MintAnswer:
        del role_delivery
        now = SystemClock().now()
        held = described_instance().instance_profile
        assert held is not None
        credentials = GetInstanceSessionResult(
            access_key_id="ASIAIOSFODNN7EXAMPLE",
            secret_access_key=f"wJalrXUtnFEMI/K7MDENG/{instance_id}",
            session_token=instance_id * 18,
            expiration=now + timedelta(hours=6),
            last_updated=now,
            lifetime_seconds=6 * 3600,
            role_name=held.role_name,
            role_id=held.role_id,
            association_id=held.association_id,
        )
        return MintAnswer(
            credentials=credentials,
            requested_at=read_clocks(SystemClock()),
            lifetime_seconds=6.0 * 3600,
        )

    async def get_instance_identity(self, instance_id: str) -> GetInstanceIdentityResult:
        return GetInstanceIdentityResult(
            document=instance_id * 25, signature="x" * 172, pkcs7="x" * 1500, rsa2048="x" * 1700
        )

    async def put_console_output(self, instance_id: str, output: bytes) -> None:
        del instance_id, output

    async def report_instances(self, reports: tuple[InstanceReport, ...]) -> None:
        del reports


def networks_of(kind: str) -> Networks:
    """A kind of networks by the name that the table has for it."""
    inside = InsideEdge.of(_EDGE)
    kinds: dict[str, Networks] = {
        "namespaces, by root": RootNamespaces(inside),
        "namespaces, without root": RootlessNamespaces(inside),
        "loopback ports": LoopbackPorts(uid=os.getuid()),
    }
    return kinds[kind]


def _instance(number: int) -> DesiredInstance:
    return msgspec.structs.replace(described_instance(), instance_id=f"i-{number:017x}")


def resident_kib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


async def _settled(agent: Agent, edge: _Edge, instances: Sequence[DesiredInstance]) -> None:
    """Return once all of them run and have their sessions; nothing of an application is in it."""
    edge.instances, edge.version = tuple(instances), edge.version + 1
    await agent.poll(0)
    while any(instance.observed().report.run_state != "running" for instance in agent.instances.values()):
        await agent.renew()
        # uvloop counts whole milliseconds: less would spin, and starve the thread that unshares.
        await asyncio.sleep(0.002)


async def _measured(kind: str) -> Cost:
    networks = networks_of(kind)
    try:
        (await networks.open()).close()
    except NoNetwork as error:
        return Cost(kind=kind, reason=str(error))
    opened = []
    for _ in range(LAUNCHES):
        begun = time.perf_counter()
        network = await networks.open()
        opened.append(time.perf_counter() - begun)
        network.close()
    with tempfile.TemporaryDirectory(prefix="tabard-bench-") as folder:
        edge = _Edge()
        agent = Agent(
            "h-0123456789abcdef0",
            edge,
            {"process": ProcessDriver(networks, base_environment=os.environ)},
            AgentSettings(),
            clock=SystemClock(),
            runtime_directory=Path(folder),
            edge_endpoint=_EDGE,
            region="us-east-1",
        )
        agent.recover()
        launched = []
        for number in range(LAUNCHES):  # one after the other: each is a launch by itself
            begun = time.perf_counter()
            await _settled(agent, edge, [_instance(each) for each in range(number + 1)])
            launched.append(time.perf_counter() - begun)
        before = resident_kib()
        await _settled(agent, edge, [_instance(number) for number in range(LAUNCHES + INSTANCES)])
        each_kib = (resident_kib() - before) / INSTANCES
        await agent.close()
    return Cost(
        kind=kind,
        kib_each=each_kib,
        open_milliseconds=statistics.median(opened) * 1e3,
        launch_milliseconds=statistics.median(launched) * 1e3,
    )


def measure() -> list[Cost]:
    """Every kind, in a process of its own."""
    found = []
    for kind in ("namespaces, by root", "namespaces, without root", "loopback ports"):
        done = subprocess.run(
            [sys.executable, "-m", "bench.instances", kind], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            found.append(msgspec.json.decode(done.stdout, type=Cost))
        else:
            reason = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
            found.append(Cost(kind=kind, reason=reason))
    return found


if __name__ == "__main__":
    prepare_process(least_level=50)
    cost = asyncio.run(_measured(sys.argv[1]))
    sys.stdout.write(json.dumps(msgspec.to_builtins(cost)))
