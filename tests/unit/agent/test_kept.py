"""What outlives an agent of its instances, and how the next one takes it over."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from described_instance import FACTS

from tabard.agent.drivers.driver import Running
from tabard.agent.drivers.process import ProcessDriver
from tabard.agent.kept import KeptBySupervisor, KeptInstance, NothingKept
from tabard.agent.networks.network import InstanceNetwork, LoopbackPorts
from tabard.processes.descriptor_store import DescriptorStore, KeptDescriptors

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pidfds and SOCK_SEQPACKET are Linux's")


@pytest.fixture
async def store() -> AsyncIterator[DescriptorStore]:
    made = DescriptorStore()
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def descriptors(store: DescriptorStore) -> AsyncIterator[KeptDescriptors]:
    made = KeptDescriptors(os.dup(store.descriptor))
    yield made
    made.close()


async def all_of(kept: KeptBySupervisor) -> list[KeptInstance]:
    return await asyncio.to_thread(lambda: list(kept.all()))


async def test_an_instance_comes_back_as_it_was(descriptors: KeptDescriptors) -> None:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    addresses = [listener.getsockname() for listener in listeners]
    network = InstanceNetwork(
        metadata=tuple(listeners[:1]),
        edge=tuple(listeners[1:]),
        edge_endpoint="http://169.254.169.253",
        network_namespace=os.open("/proc/self/ns/net", os.O_RDONLY),
    )
    process = (os.pidfd_open(os.getpid()), os.open(os.devnull, os.O_RDONLY))
    one = KeptInstance(facts=FACTS, network=network, process=process)
    kept = KeptBySupervisor(descriptors)
    kept.keep(one)
    one.close()
    (again,) = await all_of(kept)
    assert again.facts == FACTS
    assert [each.getsockname() for each in (*again.network.metadata, *again.network.edge)] == addresses
    assert (again.network.edge_endpoint, again.network.user_namespace) == ("http://169.254.169.253", None)
    assert again.network.network_namespace is not None
    assert os.fstat(again.network.network_namespace).st_ino == Path("/proc/self/ns/net").stat().st_ino  # noqa: ASYNC240
    assert len(again.process) == 2
    again.close()
    kept.drop(FACTS.instance_id)
    assert await all_of(kept) == []


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"facts":1}'])
async def test_what_does_not_read_as_an_instance_is_dropped(
    descriptors: KeptDescriptors, content: bytes
) -> None:
    descriptors.keep("i-1", content, [0])
    kept = KeptBySupervisor(descriptors)
    assert await all_of(kept) == []
    assert await asyncio.to_thread(lambda: list(descriptors.all())) == []


async def test_what_has_too_few_descriptors_is_dropped(
    store: DescriptorStore, descriptors: KeptDescriptors
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    kept = KeptBySupervisor(descriptors)
    kept.keep(KeptInstance(facts=FACTS, network=InstanceNetwork(metadata=(listener,)), process=()))
    (record,) = await asyncio.to_thread(lambda: list(descriptors.all()))
    descriptors.keep(record.name, record.content, [])
    record.close()
    listener.close()
    assert await all_of(kept) == []


def test_nothing_is_kept_where_nobody_keeps() -> None:
    nothing = NothingKept()
    nothing.keep(KeptInstance(facts=FACTS, network=InstanceNetwork(metadata=()), process=()))
    nothing.drop(FACTS.instance_id)
    assert list(nothing.all()) == []


DRIVER = ProcessDriver(LoopbackPorts(uid=os.getuid()), base_environment=os.environ, outlives_agent=True)


async def started(script: str, folder: Path) -> tuple[Running, KeptInstance]:
    desired = msgspec.structs.replace(FACTS, user_data=script.encode())
    network = InstanceNetwork(metadata=())
    running = await DRIVER.start(desired, network, DRIVER.base_environment, folder)
    assert running.descriptors is not None
    copies = tuple(os.dup(one) for one in running.descriptors)
    return running, KeptInstance(facts=desired, network=network, process=copies)


async def test_an_adopted_process_is_waited_for_and_its_console_is_kept(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    os.mkfifo(tmp_path / "home" / "go")
    first, kept = await started("#!/bin/sh\nread line < $HOME/go\necho $line\n", tmp_path)
    adopted = DRIVER.adopt(kept, tmp_path)
    assert adopted is not None
    assert adopted.descriptors is not None
    (tmp_path / "home" / "go").write_text("went on\n")
    status = await asyncio.wait_for(adopted.wait(), 20)
    assert (str(status), status.shell_code) == ("exit status unknown", 0)
    await first.wait()
    assert (tmp_path / "console.log").read_text() == "went on\n"


async def test_an_adopted_process_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    first, kept = await started("#!/bin/sh\ntrap '' TERM\nsleep 60 & sleep 60\n", tmp_path)
    adopted = DRIVER.adopt(kept, tmp_path)
    assert adopted is not None
    await adopted.stop(timedelta(seconds=0.2))
    assert str(await adopted.wait()) == "exit status unknown"
    await asyncio.wait_for(first.wait(), 20)


async def test_what_has_ended_is_not_adopted(tmp_path: Path) -> None:
    first, kept = await started("#!/bin/sh\nexit 0\n", tmp_path)
    await first.wait()
    assert DRIVER.adopt(kept, tmp_path) is None
    kept.close()


async def test_an_instance_without_a_process_is_adopted_by_its_network(tmp_path: Path) -> None:
    _, kept = await started("#cloud-config\n", tmp_path)
    adopted = DRIVER.adopt(kept, tmp_path)
    assert adopted is not None
    assert adopted.descriptors == ()
