"""The process that makes networks without root: its privileges, and its restart after a crash."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tabard.agent.networks.maker import NetworkMaker
from tabard.agent.networks.network import NoNetwork
from tests.support.waiting import until

DESCRIPTORS = 9  # two namespaces, rtnetlink, four of IPv4, two of IPv6
MAKE_AND_WAIT = """
import asyncio
from tabard.agent.networks.maker import NetworkMaker

async def main():
    maker = NetworkMaker()
    await maker.make()
    print(maker.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
MAKE = """
import asyncio
from tabard.agent.networks.maker import NetworkMaker
from tabard.agent.networks.network import NoNetwork

try:
    asyncio.run(NetworkMaker().make())
except NoNetwork as error:
    print(error)
"""
NO_NAMESPACES = (
    *("unshare", "--user", "--map-root-user", "sh", "-c"),
    'cd /proc/sys/user; echo 0 >max_user_namespaces; echo 0 >max_net_namespaces; exec "$0" -c "$1"',
)


@pytest.fixture
async def maker() -> AsyncIterator[NetworkMaker]:
    maker = NetworkMaker()
    try:
        await made_by(maker)
    except NoNetwork as error:
        maker.close()
        pytest.skip(f"no namespaces on this machine: {error}")
    yield maker
    maker.close()


async def made_by(maker: NetworkMaker) -> str:
    """Make a network, close it, and return its identity."""
    descriptors = await maker.make()
    assert len(descriptors) == DESCRIPTORS
    assert not any(os.get_inheritable(descriptor) for descriptor in descriptors)
    name = name_of(descriptors[1])
    for descriptor in descriptors:
        os.close(descriptor)
    return name


def name_of(namespace: int) -> str:
    return str(Path(f"/proc/self/fd/{namespace}").readlink())


def pid_of(maker: NetworkMaker) -> int:
    assert maker.pid is not None
    return maker.pid


def has_ended(pid: int) -> bool:
    """Whether a process that is not our child ends within ten seconds."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ended, _, _ = select.select([pidfd], [], [], 10)
    os.close(pidfd)
    return bool(ended)


async def test_one_process_makes_all_of_them_many_at_once(maker: NetworkMaker) -> None:
    pid = pid_of(maker)
    made = [await maker.make() for _ in range(2)]
    made += await asyncio.gather(*(maker.make() for _ in range(40)))
    names = {name_of(network[1]) for network in made}
    for descriptor in (one for network in made for one in network):
        os.close(descriptor)
    assert len(names) == len(made)
    assert maker.pid == pid


async def test_it_has_no_environment_no_argument_of_ours_and_no_descriptor_but_its_socket(
    maker: NetworkMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    maker.close()
    await made_by(maker)
    process = Path(f"/proc/{pid_of(maker)}")
    assert (process / "environ").read_bytes() == b""
    held = ["/dev/null", "/dev/null", "/dev/null", "socket"]

    def targets() -> list[str]:
        with suppress(FileNotFoundError):  # one that was closed meanwhile
            open_now = [descriptor.readlink() for descriptor in (process / "fd").iterdir()]
            return sorted(str(target).partition(":")[0] for target in open_now)
        return []

    # Its child answers while CPython's fork still looks in /proc for other threads.
    await until(lambda: targets() == held)
    assert len(list((process / "task").iterdir())) == 1


async def test_a_dead_process_is_replaced(maker: NetworkMaker) -> None:
    former = pid_of(maker)
    os.kill(former, signal.SIGKILL)
    await made_by(maker)
    assert pid_of(maker) != former


async def test_a_process_that_dies_during_a_request_is_replaced(maker: NetworkMaker) -> None:
    former = pid_of(maker)
    os.kill(former, signal.SIGSTOP)
    asked = asyncio.create_task(made_by(maker))
    await asyncio.sleep(0)  # the question is sent
    os.kill(former, signal.SIGKILL)
    assert (await asked).startswith("net:")
    assert pid_of(maker) != former


async def test_the_process_ends_with_its_network_maker(maker: NetworkMaker) -> None:
    pid = pid_of(maker)
    maker.close()
    assert maker.pid is None
    assert has_ended(pid)
    await made_by(maker)
    another = pid_of(maker)
    del maker._process  # as if nobody held it any more
    assert has_ended(another)
    maker._process = None


@pytest.mark.usefixtures("maker")
def test_a_killed_agent_leaves_no_maker_behind() -> None:
    with subprocess.Popen([sys.executable, "-c", MAKE_AND_WAIT], stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout is not None
        pid = int(agent.stdout.readline())
        agent.kill()
    assert has_ended(pid)


@pytest.mark.usefixtures("maker")
def test_the_kernels_reason_for_a_refusal_is_reported() -> None:
    done = subprocess.run(
        [*NO_NAMESPACES, sys.executable, MAKE],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.stdout == "network namespaces are not available: No space left on device\n", done.stderr


async def test_the_reason_of_a_failed_start_is_reported() -> None:
    with pytest.raises(NoNetwork, match="cannot be started"):
        await NetworkMaker(python="/nowhere/python").make()


async def test_a_process_that_keeps_dying_is_not_restarted_without_end() -> None:
    with pytest.raises(NoNetwork, match="does not stay alive"):
        await NetworkMaker(python="/bin/false").make()
