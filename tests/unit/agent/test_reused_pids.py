"""Reused process ids: the agent never ends or adopts the new process in place of the old."""

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from tabard.agent.agent_handover import MetadataState, RunningInstance
from tabard.agent.drivers.container.adoption import AdoptingDriver
from tabard.agent.drivers.pidfd import hold, signal_group
from tabard.agent.drivers.process.driver import ProcessDriver
from tabard.agent.networks.namespaces import InsideEdge, RootNamespaces
from tabard.agent.networks.network import InstanceNetwork, LoopbackPorts, NoNetwork
from tests.support.described_instance import DESIRED

pytestmark = pytest.mark.root("chooses the numbers of processes")

LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
TRIES = 200

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes, also with a reused pid, and ends them."""
    try:
        LAST_PID.write_text(LAST_PID.read_text())  # everybody may open it, and only root may choose
    except OSError as error:
        pytest.skip(f"only root on Linux chooses the numbers of processes: {error.strerror}")
    started: list[subprocess.Popen[bytes]] = []

    def make(*command: str, pid: int | None = None) -> "subprocess.Popen[bytes]":
        for _ in range(TRIES):
            if pid is not None:
                LAST_PID.write_text(str(pid - 1))
            process = subprocess.Popen(command, start_new_session=True)
            if pid in (None, process.pid):
                started.append(process)
                return process
            process.kill()
            process.wait()
        pytest.skip("others are faster at starting processes here")

    yield make
    for process in started:
        process.kill()
        process.wait()


def end(process: "subprocess.Popen[bytes]") -> int:
    process.kill()
    process.wait()
    return process.pid


def in_a_network_of_its_own(start: Start, pid: int | None = None) -> "subprocess.Popen[bytes]":
    process = start("unshare", "--net", "sleep", "60", pid=pid)
    here = Path("/proc/self/ns/net").readlink()
    for _ in range(1000):
        if Path(f"/proc/{process.pid}/ns/net").readlink() != here:
            return process
        os.sched_yield()
        subprocess.run(["sleep", "0.01"], check=True)
    raise AssertionError("it has no network of its own")


def addresses_in(process: "subprocess.Popen[bytes]") -> str:
    return subprocess.run(
        ["nsenter", f"--net=/proc/{process.pid}/ns/net", "ip", "address"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


async def test_the_network_of_a_process_with_a_reused_pid_is_not_adopted(start: Start) -> None:
    """The agent adds no address to it either."""
    meant = in_a_network_of_its_own(start)
    driver = AdoptingDriver(meant.pid, RootNamespaces(InsideEdge()))
    another = in_a_network_of_its_own(start, pid=end(meant))
    with pytest.raises(NoNetwork, match="has ended"):
        await driver.open_network()
    assert "169.254.169.254" not in addresses_in(another)
    driver.close()


async def test_a_handed_over_process_with_a_reused_pid_is_not_adopted(start: Start, tmp_path: Path) -> None:
    meant = start("sleep", "60")
    held, output = os.pidfd_open(meant.pid), os.open(os.devnull, os.O_RDONLY)
    another = start("sleep", "60", pid=end(meant))
    kept = RunningInstance(
        boot_number=1,
        metadata=MetadataState(desired=DESIRED),
        network=InstanceNetwork(metadata=()),
        token_key=b"of nobody",
        process=(held, output),
    )
    driver = ProcessDriver(LoopbackPorts(uid=os.getuid()), base_environment={})
    assert driver.adopt(kept, tmp_path) is None
    assert another.poll() is None
    kept.close()


def test_a_group_is_ended_by_pidfd_not_by_pid(start: Start) -> None:
    """The leader was reaped, and its pid now leads another group."""
    meant = start("sleep", "60")
    held = hold(meant.pid)
    assert held is not None
    another = start("sleep", "60", pid=end(meant))
    assert os.getpgid(another.pid) == meant.pid
    signal_group(held, SIGKILL)
    assert another.poll() is None
    os.close(held)


async def test_leftover_processes_end_after_their_leader(start: Start) -> None:
    leader = start("sh", "-c", "sleep 60 & echo $!; exec sleep 60")
    held = hold(leader.pid)
    assert held is not None
    end(leader)
    group = leader.pid
    if not signal_group(held, SIGKILL):
        pytest.skip("this kernel signals no group by descriptor")
    async with asyncio.timeout(10):
        while is_a_group(group):  # noqa: ASYNC110 - a process group tells nobody when it ends
            await asyncio.sleep(0.01)
    os.close(held)


def is_a_group(number: int) -> bool:
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_missing_process_has_no_pidfd(start: Start) -> None:
    assert hold(end(start("true"))) is None
