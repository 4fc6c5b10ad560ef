"""The handover of running instances from one agent to the next."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tabard.agent.agent_handover import MetadataState, NoHandover, RunningInstance, SupervisorHandover
from tabard.agent.drivers.driver import Running
from tabard.agent.drivers.process.driver import ProcessDriver
from tabard.agent.networks.network import InstanceNetwork, LoopbackPorts
from tabard.agent.reconcile import RoleOf
from tabard.agent.rotation import CurrentSession, MintRefusal, Rotation
from tabard.clock import Deadline
from tabard.model.messages import DesiredInstance, GetInstanceIdentityResult, GetInstanceSessionResult
from tabard.processes.descriptor_store import DescriptorStore, DescriptorStoreClient
from tests.support.described_instance import DESIRED

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pidfds and SOCK_SEQPACKET are Linux's")


@pytest.fixture
async def store() -> AsyncIterator[DescriptorStore]:
    made = DescriptorStore()
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def descriptors(store: DescriptorStore) -> AsyncIterator[DescriptorStoreClient]:
    made = DescriptorStoreClient(os.dup(store.descriptor))
    yield made
    made.close()


KEY = b"k" * 32
MOMENT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def kept_instance(
    network: InstanceNetwork, process: tuple[int, ...] = (), desired: DesiredInstance = DESIRED
) -> RunningInstance:
    return RunningInstance(
        boot_number=desired.boot_number,
        metadata=MetadataState(desired=desired),
        network=network,
        token_key=KEY,
        process=process,
    )


def everything(number: int) -> MetadataState:
    """A valid session, a refused one, and the identity document."""
    credentials = GetInstanceSessionResult(
        access_key_id=f"ASIA{number}",
        secret_access_key="secret",
        session_token="token",
        expiration=MOMENT + timedelta(hours=1),
        last_updated=MOMENT,
        lifetime_seconds=3600,
        role_name="web-role",
        role_id="AROA1",
        association_id="iip-assoc-1",
    )
    held = Rotation(
        next_attempt_at=Deadline(boottime_seconds=1800.5, wall=MOMENT),
        session=CurrentSession(
            credentials=credentials,
            ends_at=Deadline(boottime_seconds=3600.25, wall=MOMENT + timedelta(microseconds=7)),
        ),
        failures=2,
    )
    refused = Rotation(
        next_attempt_at=Deadline(boottime_seconds=1.0, wall=MOMENT),
        refusal=MintRefusal(code="AssumeRoleUnauthorizedAccess", message="no", refused_at=MOMENT),
    )
    return MetadataState(
        desired=msgspec.structs.replace(DESIRED, boot_number=number, user_data=b"\0\xff"),
        identity=GetInstanceIdentityResult(document="{}", signature="s", pkcs7="p", rsa2048="r"),
        sessions={
            "2.0": (RoleOf("iip-assoc-1", "AROA1"), held),
            "1.0": (RoleOf("iip-assoc-1", "AROA1"), refused),
        },
    )


async def all_of(handover: SupervisorHandover) -> list[RunningInstance]:
    return await asyncio.to_thread(lambda: list(handover.all()))


async def test_an_instance_comes_back_as_it_was(descriptors: DescriptorStoreClient) -> None:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
    addresses = [listener.getsockname() for listener in listeners]
    network = InstanceNetwork(
        metadata=tuple(listeners[:1]),
        edge=tuple(listeners[1:3]),
        allowed=tuple(listeners[3:]),
        edge_endpoint="http://169.254.169.253",
        network_namespace=os.open("/proc/self/ns/net", os.O_RDONLY),
    )
    process = (os.pidfd_open(os.getpid()), os.open(os.devnull, os.O_RDONLY))
    one = RunningInstance(
        boot_number=7,
        metadata=everything(8),
        network=network,
        token_key=KEY,
        container_token="opens",
        process=process,
    )
    handover = SupervisorHandover(descriptors)
    handover.keep(one)
    one.close()
    (again,) = await all_of(handover)
    assert (again.boot_number, again.token_key, again.container_token) == (7, KEY, "opens")
    assert (again.metadata, again.desired) == (everything(8), everything(8).desired)
    assert [each.getsockname() for each in (*again.network.metadata, *again.network.edge)] == addresses[:3]
    assert [each.getsockname() for each in again.network.allowed] == addresses[3:]
    assert (again.network.edge_endpoint, again.network.user_namespace) == ("http://169.254.169.253", None)
    assert again.network.network_namespace is not None
    assert os.fstat(again.network.network_namespace).st_ino == Path("/proc/self/ns/net").stat().st_ino  # noqa: ASYNC240
    assert len(again.process) == 2
    again.close()
    handover.drop(DESIRED.instance_id)
    assert await all_of(handover) == []


async def test_the_next_agent_finds_the_state_that_is_served_now(descriptors: DescriptorStoreClient) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    handover = SupervisorHandover(descriptors)
    handover.update(DESIRED.instance_id, everything(1))  # it is not kept yet
    assert await all_of(handover) == []
    handover.keep(kept_instance(InstanceNetwork(metadata=(listener,))))
    handover.update(DESIRED.instance_id, everything(2))
    heir = SupervisorHandover(descriptors)
    (first,) = await all_of(heir)
    assert (first.boot_number, first.metadata) == (DESIRED.boot_number, everything(2))
    heir.update(DESIRED.instance_id, everything(3))  # the next agent's own changes are kept as well
    (second,) = await all_of(SupervisorHandover(descriptors))
    assert (second.token_key, second.metadata) == (KEY, everything(3))
    assert second.network.metadata[0].getsockname() == listener.getsockname()
    for each in (first, second):
        each.close()
    heir.drop(DESIRED.instance_id)
    heir.update(DESIRED.instance_id, everything(4))
    assert await all_of(heir) == []
    listener.close()


def test_a_record_shows_no_secret_in_its_repr() -> None:
    shown = repr(
        RunningInstance(
            boot_number=1,
            metadata=everything(1),
            network=InstanceNetwork(metadata=()),
            token_key=b"secret",
            container_token="secret",
        )
    )
    assert "secret" not in shown


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"desired":1}'])
async def test_an_unreadable_record_is_dropped(descriptors: DescriptorStoreClient, content: bytes) -> None:
    descriptors.keep("i-1", content, [0])
    handover = SupervisorHandover(descriptors)
    assert await all_of(handover) == []
    assert await asyncio.to_thread(lambda: list(descriptors.all())) == []


async def test_a_record_with_missing_descriptors_is_dropped(
    store: DescriptorStore, descriptors: DescriptorStoreClient
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    handover = SupervisorHandover(descriptors)
    handover.keep(kept_instance(InstanceNetwork(metadata=(listener,))))
    (record,) = await asyncio.to_thread(lambda: list(descriptors.all()))
    descriptors.keep(record.name, record.content, [])
    record.close()
    listener.close()
    assert await all_of(handover) == []


def test_without_a_supervisor_nothing_is_handed_over() -> None:
    nothing = NoHandover()
    nothing.keep(kept_instance(InstanceNetwork(metadata=())))
    nothing.update(DESIRED.instance_id, everything(1))
    nothing.drop(DESIRED.instance_id)
    assert list(nothing.all()) == []


DRIVER = ProcessDriver(LoopbackPorts(uid=os.getuid()), base_environment=os.environ, outlives_agent=True)


async def started(script: str, folder: Path) -> tuple[Running, RunningInstance]:
    desired = msgspec.structs.replace(DESIRED, user_data=script.encode())
    network = InstanceNetwork(metadata=())
    running = await DRIVER.start(desired, network, DRIVER.base_environment, folder)
    assert running.descriptors is not None
    copies = tuple(os.dup(one) for one in running.descriptors)
    return running, kept_instance(network, copies, desired)


async def test_an_adopted_process_is_waited_for_and_its_console_is_kept(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    os.mkfifo(tmp_path / "home" / "go")
    first, handover = await started("#!/bin/sh\nread line < $HOME/go\necho $line\n", tmp_path)
    adopted = DRIVER.adopt(handover, tmp_path)
    assert adopted is not None
    assert adopted.descriptors is not None
    (tmp_path / "home" / "go").write_text("went on\n")
    status = await asyncio.wait_for(adopted.wait(), 20)
    assert (str(status), status.shell_code) == ("exit status unknown", 0)
    await first.wait()
    assert (tmp_path / "console.log").read_text() == "went on\n"


async def test_an_adopted_process_is_stopped_with_its_children(tmp_path: Path) -> None:
    first, handover = await started("#!/bin/sh\ntrap '' TERM\nsleep 60 & sleep 60\n", tmp_path)
    adopted = DRIVER.adopt(handover, tmp_path)
    assert adopted is not None
    await adopted.stop(timedelta(seconds=0.2))
    assert str(await adopted.wait()) == "exit status unknown"
    await asyncio.wait_for(first.wait(), 20)


async def test_an_ended_process_is_not_adopted(tmp_path: Path) -> None:
    first, handover = await started("#!/bin/sh\nexit 0\n", tmp_path)
    await first.wait()
    assert DRIVER.adopt(handover, tmp_path) is None
    handover.close()


async def test_an_instance_without_a_process_is_adopted_by_its_network(tmp_path: Path) -> None:
    _, handover = await started("#cloud-config\n", tmp_path)
    adopted = DRIVER.adopt(handover, tmp_path)
    assert adopted is not None
    assert adopted.descriptors == ()
