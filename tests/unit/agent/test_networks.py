"""Networks of instances: the contents of a namespace, its reachable addresses, and leaks."""

import asyncio
import gc
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from tabard.agent.drivers.container.adoption import AdoptingDriver
from tabard.agent.drivers.driver import CannotStart
from tabard.agent.drivers.process.driver import Owner, launch_command, owner_of_its_own
from tabard.agent.networks.namespaces import (
    InsideEdge,
    RootlessNamespaces,
    RootNamespaces,
    best_networks,
)
from tabard.agent.networks.network import InstanceNetwork, LoopbackPorts, Networks, NoNetwork
from tests.support.described_instance import DESIRED

EDGE = InsideEdge.of("http://127.0.0.1:4580")
# What a program inside can find out, as one line of JSON.
LOOK = """
import json, os, socket
def reached(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(5)
        try:
            client.connect((address, port))
        except OSError as error:
            return error.errno
    return 0
lines = open("/proc/self/status").read().splitlines()
status = dict(line.split(":\\t", 1) for line in lines if ":\\t" in line)
print(json.dumps({
    "interfaces": [name for _, name in socket.if_nameindex()],
    "metadata": reached("169.254.169.254", 80),
    "metadata6": reached("fd00:ec2::254", 80),
    "edge": reached("169.254.169.253", 80),
    "edge as outside": reached("127.0.0.1", 4580),
    "elsewhere": reached("192.0.2.1", 80),
    "loopback": reached("127.0.0.1", 80),
    "uid": os.getuid(),
    "groups": os.getgroups(),
    "capabilities": int(status["CapEff"], 16),
    "descriptors": sorted(int(n) for n in os.listdir("/proc/self/fd"))[:4],
    "network": os.readlink("/proc/self/ns/net"),
}))
"""
SYS_ADMIN, NET_ADMIN, SYS_PTRACE, NET_RAW = 1 << 21, 1 << 12, 1 << 19, 1 << 13


def link(path: str) -> str:
    return str(Path(path).readlink())


def network_of(pid: int | str) -> str:
    return link(f"/proc/{pid}/ns/net")


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def run_inside(
    network: InstanceNetwork, *command: str, owner: Owner | None = None, hidden: Sequence[Path] = ()
) -> str:
    """Run a command in a network; return its output."""
    process = await asyncio.create_subprocess_exec(
        *launch_command(command, network=network, owner=owner, hidden=hidden),
        stdout=asyncio.subprocess.PIPE,
        pass_fds=network.namespaces,
        cwd="/",
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    return output.decode()


async def accept_for_ever(network: InstanceNetwork) -> list[asyncio.Server]:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    return [await asyncio.start_server(hang_up, sock=one) for one in (*network.metadata, *network.edge)]


@pytest.fixture(
    params=[
        pytest.param("root", marks=pytest.mark.root("needs no user namespace")),
        "rootless",
    ]
)
async def networks(request: pytest.FixtureRequest) -> Networks:
    kind = RootNamespaces(EDGE) if request.param == "root" else RootlessNamespaces(EDGE)
    try:
        (await kind.open()).close()
    except NoNetwork as error:
        pytest.skip(f"no namespaces on this machine: {error}")
    return kind


@pytest.fixture
async def network(networks: Networks) -> AsyncIterator[InstanceNetwork]:
    opened = await networks.open()
    yield opened
    opened.close()


async def test_only_metadata_and_edge_are_reachable_inside(network: InstanceNetwork) -> None:
    servers = await accept_for_ever(network)
    said = json.loads(await run_inside(network, sys.executable, "-I", "-S", "-c", LOOK))
    for server in servers:
        server.close()
    assert said["interfaces"] == ["lo"]
    reached = {name: said[name] for name in ("metadata", "metadata6", "edge", "edge as outside")}
    assert set(reached.values()) == {0}, reached
    assert said["elsewhere"] != 0
    assert said["loopback"] != 0
    assert said["network"] != network_of("self")
    assert said["uid"] == os.getuid()
    # 0, 1, 2, and the folder that is being read: no way back to the namespaces.
    assert said["descriptors"] == [0, 1, 2, 3]


async def test_processes_inside_have_no_capability_to_escape(network: InstanceNetwork) -> None:
    said = json.loads(await run_inside(network, sys.executable, "-I", "-S", "-c", LOOK))
    assert said["capabilities"] & (SYS_ADMIN | NET_ADMIN | SYS_PTRACE | NET_RAW) == 0
    if network.user_namespace is not None:
        assert said["capabilities"] == 0


async def test_two_instances_share_nothing(networks: Networks) -> None:
    one, other = await networks.open(), await networks.open()
    seen = {await run_inside(network, "readlink", "/proc/self/ns/net") for network in (one, other)}
    assert len(seen) == 2
    one.close()
    other.close()


async def test_a_uid_of_its_own(networks: Networks) -> None:
    if not isinstance(networks, RootNamespaces):
        pytest.skip("a user namespace of one uid has no other")
    network = await networks.open()
    owner = owner_of_its_own("i-0123456789abcdef0")
    said = json.loads(await run_inside(network, "/usr/bin/python3", "-c", LOOK, owner=owner))
    network.close()
    assert (said["uid"], said["groups"], said["capabilities"]) == (owner.uid, [], 0)


def test_own_uids_differ_and_lie_in_an_unassigned_range() -> None:
    owners = {owner_of_its_own(f"i-{number:017x}") for number in range(1000)}
    assert len(owners) == 1000
    assert all(0x7000_0000 <= (owner.uid or 0) < 0x7FFF_FFFF and owner.uid == owner.gid for owner in owners)


async def test_hidden_folders_are_empty_but_for_what_is_shown(networks: Networks, tmp_path: Path) -> None:
    network = await networks.open()
    secret, home, config = tmp_path / "master.key", tmp_path / "instances" / "home", tmp_path / "config"
    home.mkdir(parents=True)
    secret.write_text("secret")
    config.write_text("shown")
    (home / "program").write_text("shown too")
    command = launch_command(
        [
            "sh",
            "-c",
            f"ls -A {tmp_path}; cat {config} {home}/program; cat {secret} 2>&1 || umount {tmp_path}",
        ],
        network=network,
        hidden=(tmp_path,),
        shown=(home, config),
    )
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        pass_fds=network.namespaces,
    )
    output = (await process.communicate())[0].decode()
    network.close()
    assert output.startswith("config\ninstances\nshownshown too")
    assert "secret" not in output.replace(str(secret), "")
    assert process.returncode != 0
    assert secret.read_text() == "secret"


async def test_a_running_process_is_adopted_by_its_pid(networks: Networks) -> None:
    assert isinstance(networks, RootNamespaces | RootlessNamespaces)
    made = await networks.open()
    process = await asyncio.create_subprocess_exec(
        *launch_command(["sleep", "60"], network=made), pass_fds=made.namespaces
    )
    inside = link(f"/proc/self/fd/{made.network_namespace}")
    async with asyncio.timeout(20):
        while network_of(process.pid) != inside:  # noqa: ASYNC110 - a process tells nobody where it is
            await asyncio.sleep(0.01)
    made.close()
    adopted = await networks.adopt(process.pid)
    assert link(f"/proc/self/fd/{adopted.network_namespace}") == inside
    servers = await accept_for_ever(adopted)
    said = json.loads(await run_inside(adopted, sys.executable, "-I", "-S", "-c", LOOK))
    assert (said["metadata"], said["edge"]) == (0, 0)
    for server in servers:
        server.close()
    process.kill()
    await process.wait()
    adopted.close()


@pytest.mark.parametrize("kind", [RootNamespaces, RootlessNamespaces])
async def test_an_ended_process_cannot_be_adopted(
    kind: type[RootNamespaces | RootlessNamespaces],
) -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    with pytest.raises(NoNetwork, match=f"process {process.pid}"):
        await kind(EDGE).adopt(process.pid)


async def test_opening_a_network_leaves_this_thread_where_it_was(networks: Networks) -> None:
    before = network_of("thread-self")
    network = await networks.open()
    assert network_of("thread-self") == before
    network.close()


async def test_nothing_stays_open(networks: Networks) -> None:
    (await networks.open()).close()
    gc.collect()  # what other tests have left would go meanwhile
    before = open_descriptors()
    for _ in range(3):
        (await networks.open()).close()
    assert open_descriptors() == before


@pytest.mark.parametrize(
    ("endpoint", "outside"),
    [
        ("http://127.0.0.1:4580", (IPv4Address("127.0.0.1"), 4580)),
        ("http://[::1]:4580", (IPv6Address("::1"), 4580)),
        ("http://10.0.0.7", (IPv4Address("10.0.0.7"), 80)),
        ("http://edge.example.com:4580", None),
    ],
)
def test_the_edges_address_inside(endpoint: str, outside: object) -> None:
    edge = InsideEdge.of(endpoint)
    assert (edge.outside, edge.endpoint) == (outside, "http://169.254.169.253")


@pytest.mark.parametrize("endpoint", ["http://[::1]:4580", "http://10.0.0.7:80", "http://edge.example.com"])
async def test_an_edge_on_another_host(networks: Networks, endpoint: str) -> None:
    edge = InsideEdge.of(endpoint)
    network = await type(networks)(edge).open()  # type: ignore[call-arg]
    names = [listener.getsockname()[:2] for listener in network.edge]
    network.close()
    expected = [] if edge.outside is None else [(str(edge.outside[0]), edge.outside[1])]
    assert names == [("169.254.169.253", 80), *expected]


async def test_loopback_ports_promise_no_isolation() -> None:
    ports = LoopbackPorts(uid=1234)
    network = await ports.open()
    host, port = network.metadata[0].getsockname()
    assert (host, network.metadata_endpoint, network.peer_uid) == (
        "127.0.0.1",
        f"http://127.0.0.1:{port}",
        1234,
    )
    assert (ports.isolation, network.launch_options(), network.namespaces) == ("none", [], ())
    network.close()


@pytest.mark.also_as_root
async def test_the_best_networks_are_roots_own_where_there_is_root(networks: Networks) -> None:
    best = await best_networks(EDGE)
    assert best.isolation == ("network namespace" if os.geteuid() == 0 else "network namespace (rootless)")


async def test_the_reason_for_missing_namespaces_is_reported() -> None:
    with pytest.raises(NoNetwork, match="only on Linux"):
        await best_networks(EDGE, platform="darwin")


@pytest.mark.parametrize("kind", [RootNamespaces, RootlessNamespaces])
async def test_the_machines_own_network_is_never_adopted(
    kind: type[RootNamespaces | RootlessNamespaces],
) -> None:
    """Its link-local addresses may be taken: on a cloud machine they are the machine's own metadata's."""
    process = await asyncio.create_subprocess_exec("sleep", "60")
    with pytest.raises(NoNetwork, match="this machine's own network"):
        await kind(EDGE).adopt(process.pid)
    process.kill()
    await process.wait()


async def test_a_container_is_watched_and_never_ended(networks: Networks) -> None:
    assert isinstance(networks, RootNamespaces | RootlessNamespaces)
    made = await networks.open()
    process = await asyncio.create_subprocess_exec(
        *launch_command(["sleep", "60"], network=made), pass_fds=made.namespaces
    )
    inside = link(f"/proc/self/fd/{made.network_namespace}")
    async with asyncio.timeout(20):
        while network_of(process.pid) != inside:  # noqa: ASYNC110 - a process tells nobody where it is
            await asyncio.sleep(0.01)
    made.close()
    driver = AdoptingDriver(process.pid, networks)
    network = await driver.open_network()
    assert len(network.metadata) >= 1
    running = await driver.start(DESIRED, network, {}, Path("/"))
    with pytest.raises(CannotStart, match="another instance"):
        await driver.start(DESIRED, network, {}, Path("/"))
    await running.stop(timedelta(seconds=1))
    assert (await running.wait()).is_known is False
    assert process.returncode is None
    process.kill()
    await process.wait()
    network.close()
    driver.close()


async def test_a_process_that_is_not_there_is_no_container() -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    with pytest.raises(NoNetwork, match="cannot be adopted"):
        AdoptingDriver(process.pid, RootlessNamespaces(EDGE))
