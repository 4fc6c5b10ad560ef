"""The service of an enrolled machine, from its own key to the end of its host."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from tabard.agent.host_keys import Enrollment
from tabard.agent.retry_loop import HostRevoked
from tabard.wiring.enrolled import EnrolledMachine
from tests.support.edge_in_memory import EdgeInMemory
from tests.support.machine_door import Door, Machine, open_door

ANY_PORT = ("127.0.0.1", 0)


@pytest.fixture
async def door(edge: EdgeInMemory) -> AsyncIterator[Door]:
    async with open_door(edge, signs_documents=True) as opened:
        yield opened


@pytest.fixture
async def machine(door: Door, tmp_path: Path) -> AsyncIterator[Machine]:
    enrolled = await door.enrolled(tmp_path / "kept")
    yield enrolled
    await enrolled.exchange.close()


def served(machine: Machine, folder: Path, *command: str) -> EnrolledMachine:
    folder.mkdir()
    return EnrolledMachine(
        directory=machine.directory,
        runtime_directory=folder,
        metadata=ANY_PORT,
        edge=ANY_PORT,
        environment={},
        renew_key_every=timedelta(days=1),
        command=command,
    )


class Told:
    """What a machine says once it is served."""

    def __init__(self) -> None:
        self.once = asyncio.Event()

    def __call__(self, enrollment: Enrollment, environment: Mapping[str, str]) -> None:
        self.enrollment, self.environment = enrollment, environment
        self.once.set()

    def port(self, variable: str) -> int:
        return int(self.environment[variable].rpartition(":")[2])


async def is_listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def revoke(door: Door, machine: Machine) -> None:
    target = "TabardHosts_20261101.DeregisterHost"
    assert (await door.edge.target("hosts", target, {"HostId": machine.host_id})).status == 200


async def test_it_goes_on_from_its_kept_key_as_often_as_it_is_started(
    door: Door, machine: Machine, tmp_path: Path
) -> None:
    """No token is needed: the same host and the same instance each time, and nothing is left listening."""
    for number in range(3):
        stop, told = asyncio.Event(), Told()
        serving = asyncio.create_task(served(machine, tmp_path / str(number)).serve(stop, announce=told))
        await asyncio.wait_for(told.once.wait(), 20)
        assert (told.enrollment.host_id, told.enrollment.instance_id) == (
            machine.host_id,
            machine.instance_id,
        )
        stop.set()
        await asyncio.wait_for(serving, 20)
        assert not await is_listening(told.port("AWS_EC2_METADATA_SERVICE_ENDPOINT"))


async def test_with_its_host_metadata_relay_and_service_end(
    door: Door, machine: Machine, tmp_path: Path
) -> None:
    stop, told = asyncio.Event(), Told()
    serving = asyncio.create_task(served(machine, tmp_path / "run").serve(stop, announce=told))
    await asyncio.wait_for(told.once.wait(), 20)
    ports = [told.port(name) for name in ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_ENDPOINT_URL")]
    assert [await is_listening(port) for port in ports] == [True, True]
    await revoke(door, machine)
    with pytest.raises(HostRevoked, match=machine.host_id):
        await asyncio.wait_for(serving, 20)
    assert [await is_listening(port) for port in ports] == [False, False]


async def test_with_its_host_the_machines_command_ends(door: Door, machine: Machine, tmp_path: Path) -> None:
    stop, told = asyncio.Event(), Told()
    command = (sys.executable, "-c", "import time; time.sleep(300)")
    serving = asyncio.create_task(served(machine, tmp_path / "run", *command).serve(stop, announce=told))
    await asyncio.wait_for(told.once.wait(), 20)
    await revoke(door, machine)
    with pytest.raises(HostRevoked):
        await asyncio.wait_for(serving, 20)


async def test_a_machine_that_is_started_after_its_host_was_revoked_ends_as_well(
    door: Door, machine: Machine, tmp_path: Path
) -> None:
    await revoke(door, machine)
    told = Told()
    with pytest.raises(HostRevoked):
        await asyncio.wait_for(served(machine, tmp_path / "run").serve(asyncio.Event(), announce=told), 20)
    assert not told.once.is_set()
