"""The driver of a machine that is itself the instance: only its service starts and stops."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tabard.agent.drivers.machine import MachineDriver
from tabard.agent.networks.machine import MachineNetwork
from tabard.agent.networks.network import InstanceNetwork, NoNetwork
from tests.support.described_instance import DESIRED

BASE = {"PATH": "/bin"}
GRACE = timedelta(seconds=5)


@pytest.fixture
async def driver() -> MachineDriver:
    network = MachineNetwork(metadata=("127.0.0.1", 0), edge=("127.0.0.1", 0))
    return MachineDriver(network, base_environment=BASE)


async def test_starting_runs_no_process_and_publishes_the_environment(
    driver: MachineDriver, tmp_path: Path
) -> None:
    assert not driver.started.done()
    running = await driver.start(DESIRED, InstanceNetwork(metadata=()), {"AWS_REGION": "eu-west-1"}, tmp_path)
    assert await driver.started == {"AWS_REGION": "eu-west-1"}
    assert (driver.reason, dict(driver.base_environment)) == ("", BASE)
    assert running.descriptors is None


async def test_it_runs_until_it_is_stopped_and_ends_well(driver: MachineDriver, tmp_path: Path) -> None:
    running = await driver.start(DESIRED, InstanceNetwork(metadata=()), {}, tmp_path)
    ending = asyncio.create_task(running.wait())
    await asyncio.sleep(0)
    assert not ending.done()
    await running.stop(GRACE)
    assert str(await ending) == "exit status 0"
    await running.stop(GRACE)  # once more does no harm


async def test_it_starts_again_after_a_stop_with_the_first_environment(
    driver: MachineDriver, tmp_path: Path
) -> None:
    first = await driver.start(DESIRED, InstanceNetwork(metadata=()), {"BOOT": "1"}, tmp_path)
    await first.stop(GRACE)
    second = await driver.start(DESIRED, InstanceNetwork(metadata=()), {"BOOT": "2"}, tmp_path)
    assert await driver.started == {"BOOT": "1"}
    ending = asyncio.create_task(second.wait())
    await asyncio.sleep(0)
    assert not ending.done()
    await second.stop(GRACE)
    assert str(await ending) == "exit status 0"


async def test_the_waiting_caller_gets_the_reason_of_a_failed_start(driver: MachineDriver) -> None:
    driver.not_started(DESIRED.instance_id, "no leave")
    assert await driver.started == {}
    assert driver.reason == "no leave"


async def test_after_a_stop_it_listens_again_where_it_was(driver: MachineDriver) -> None:
    """The first start takes any free port; later starts reuse it, because processes know it."""
    first = await driver.open_network()
    ports = [listener.getsockname()[1] for listener in (*first.metadata, *first.edge)]
    with pytest.raises(NoNetwork, match="choose another with --metadata-port"):
        await driver.open_network()
    first.close()
    second = await driver.open_network()
    assert [listener.getsockname()[1] for listener in (*second.metadata, *second.edge)] == ports
    assert second.edge_endpoint == first.edge_endpoint
    second.close()


async def test_a_port_that_is_taken_leaves_nothing_open(driver: MachineDriver) -> None:
    taken = await driver.open_network()
    port = taken.edge[0].getsockname()[1]
    with pytest.raises(NoNetwork, match="choose another with --port"):
        await MachineNetwork(metadata=("127.0.0.1", 0), edge=("127.0.0.1", port)).open()
    taken.close()
