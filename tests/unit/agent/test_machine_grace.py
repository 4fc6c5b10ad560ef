"""The grace of a virtual machine: how long it may shut down, by the reason of its end."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tabard.agent.agent import Agent
from tabard.agent.agent_handover import RunningInstance
from tabard.agent.drivers.driver import ExitStatus, Running
from tabard.agent.networks.network import InstanceNetwork, LoopbackPorts
from tabard.agent.settings import AgentSettings
from tabard.clock import SystemClock
from tabard.model.messages import DesiredInstance
from tests.support.described_instance import DESIRED
from tests.support.fake_edge import FakeEdge

PATIENT, GENERAL = timedelta(seconds=90), timedelta(seconds=10)
MACHINE = msgspec.structs.replace(DESIRED, driver="vm")
STOPPED = msgspec.structs.replace(MACHINE, run_state="stopped")
TERMINATED = msgspec.structs.replace(MACHINE, run_state="terminated")


class SlowMachine:
    """Shuts down on the test's signal, and at once when its grace is less than 90 seconds."""

    descriptors: tuple[int, ...] | None = None

    def __init__(self) -> None:
        self.ended: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()
        self.graces: list[timedelta] = []

    async def wait(self) -> ExitStatus:
        return await asyncio.shield(self.ended)

    async def stop(self, grace: timedelta) -> None:
        self.graces.append(grace)
        if grace < PATIENT and not self.ended.done():
            self.ended.set_result(ExitStatus(signal_number=15))
        await asyncio.shield(self.ended)


class Machines:
    """The driver; its machines by the order of their boots."""

    base_environment: Mapping[str, str] = {}

    def __init__(self) -> None:
        self.booted: list[SlowMachine] = []

    async def open_network(self) -> InstanceNetwork:
        return await LoopbackPorts(uid=os.getuid()).open()

    async def start(
        self,
        desired: DesiredInstance,
        network: InstanceNetwork,
        environment: Mapping[str, str],
        directory: Path,
    ) -> Running:
        self.booted.append(SlowMachine())
        return self.booted[-1]

    def adopt(self, kept: RunningInstance, directory: Path) -> Running | None:
        return None

    def not_started(self, instance_id: str, reason: str) -> None: ...


class Host:
    """An agent that runs one machine."""

    def __init__(self, folder: Path) -> None:
        self.edge = FakeEdge(SystemClock())
        self.driver = Machines()
        self.stop = asyncio.Event()
        agent = Agent(
            DESIRED.host_id,
            self.edge,
            {"process": self.driver, "vm": self.driver},
            AgentSettings(wait_seconds=1, seed=1, stop_grace=GENERAL, machine_stop_grace=PATIENT),
            clock=SystemClock(),
            runtime_directory=folder,
            edge_endpoint="http://127.0.0.1:4700",
            region="us-east-1",
        )
        self.work = asyncio.create_task(agent.run(self.stop))

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - what is looked at tells nobody when it changes
                await asyncio.sleep(0.005)

    async def until_it_is(self, state: str) -> None:
        await self.until(lambda: [report.run_state for report in self.edge.reports][-1:] == [state])


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path)
    host.edge.put(MACHINE)
    await host.until_it_is("running")
    yield host
    host.stop.set()
    await asyncio.wait_for(host.work, 10)


async def test_a_stopped_machine_gets_its_grace(host: Host) -> None:
    host.edge.put(STOPPED)
    (machine,) = host.driver.booted
    await host.until(lambda: machine.graces)
    machine.ended.set_result(ExitStatus(code=0))
    await host.until_it_is("stopped")
    assert machine.graces == [PATIENT]


async def test_a_rebooted_machine_gets_its_grace(host: Host) -> None:
    host.edge.put(msgspec.structs.replace(MACHINE, boot_number=1))
    await host.until(lambda: host.driver.booted[0].graces)
    host.driver.booted[0].ended.set_result(ExitStatus(code=0))
    await host.until(lambda: len(host.driver.booted) == 2)
    assert host.driver.booted[0].graces == [PATIENT]


async def test_a_terminated_machine_gets_the_general_grace(host: Host) -> None:
    host.edge.put(TERMINATED)
    await host.until_it_is("terminated")
    assert host.driver.booted[0].graces[-1] == GENERAL


async def test_termination_shortens_the_grace_of_a_stopping_machine(host: Host) -> None:
    host.edge.put(STOPPED)
    await host.until(lambda: host.driver.booted[0].graces)
    host.edge.put(TERMINATED)
    await host.until_it_is("terminated")
    assert host.driver.booted[0].graces == [PATIENT, GENERAL]


async def test_the_agents_end_shortens_the_grace_of_a_stopping_machine(host: Host) -> None:
    """Its supervisor does not wait longer; no process may remain."""
    host.edge.put(STOPPED)
    await host.until(lambda: host.driver.booted[0].graces)
    host.stop.set()
    await asyncio.wait_for(host.work, 10)
    assert host.driver.booted[0].graces == [PATIENT, GENERAL]


async def test_the_agents_end_shortens_the_grace_of_a_rebooting_machine(host: Host) -> None:
    host.edge.put(msgspec.structs.replace(MACHINE, boot_number=1))
    await host.until(lambda: host.driver.booted[0].graces)
    host.stop.set()
    await asyncio.wait_for(host.work, 10)
    assert (len(host.driver.booted), host.driver.booted[0].graces) == (1, [PATIENT, GENERAL])


async def test_other_instances_have_the_general_grace(tmp_path: Path, host: Host) -> None:
    other = msgspec.structs.replace(DESIRED, instance_id="i-0123456789abcdef1")
    host.edge.put(other)
    await host.until(lambda: len(host.driver.booted) == 2)
    host.edge.put(msgspec.structs.replace(other, run_state="stopped"))
    await host.until(lambda: host.driver.booted[1].graces)
    assert host.driver.booted[1].graces == [GENERAL]
