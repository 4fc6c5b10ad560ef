"""The hop limit on real networks: an instance's namespace, a nested container's, and one behind a router.

AWS: "the PUT response hop limit ... prevents the response from traveling outside the instance":
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-IMDS-new-instances.html
"""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from tabard.agent.networks.namespaces import InsideEdge, RootNamespaces
from tabard.agent.networks.network import InstanceNetwork, NoNetwork
from tabard.clock import SystemClock
from tabard.imds.server import MetadataServer
from tabard.imds.source import CredentialsView
from tabard.model.messages import DesiredInstance
from tabard.model.session import RoleDelivery
from tests.support.described_instance import DESIRED, OPTIONS

PUT = """
import http.client
connection = http.client.HTTPConnection("169.254.169.254", 80, timeout=2)
try:
    connection.request("PUT", "/latest/api/token", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    print(connection.getresponse().status)
except TimeoutError:
    print("no answer")
"""

pytestmark = [
    pytest.mark.root("joins namespaces by veth pairs"),
    pytest.mark.skipif(
        not all(map(shutil.which, ("ip", "nsenter", "unshare"))), reason="iproute2 or util-linux is missing"
    ),
]


class Source:
    """An instance whose hop limit the test sets."""

    def __init__(self) -> None:
        self.hop_limit = 1

    def desired(self) -> DesiredInstance:
        options = msgspec.structs.replace(OPTIONS, http_put_response_hop_limit=self.hop_limit)
        return msgspec.structs.replace(DESIRED, metadata_options=options)

    def credentials(self, role_delivery: RoleDelivery) -> CredentialsView:
        return None


def in_network(network: str, *command: str, descriptor: int | None = None) -> str:
    """Run a command in the network namespace at a path."""
    done = subprocess.run(
        ["nsenter", f"--net={network}", *command],
        pass_fds=() if descriptor is None else (descriptor,),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
async def network() -> AsyncIterator[InstanceNetwork]:
    try:
        opened = await RootNamespaces(InsideEdge()).open()
    except NoNetwork as error:
        pytest.skip(f"no network namespaces on this machine: {error}")
    yield opened
    opened.close()


@pytest.fixture
async def source(network: InstanceNetwork) -> AsyncIterator[Source]:
    """The metadata service of the instance that lives in the network."""
    made = Source()
    server = MetadataServer(made, clock=SystemClock(), uid=None)
    await server.start(*network.metadata)
    yield made
    await server.close()


@pytest.fixture
def networks() -> Iterator[list[str]]:
    """Two more networks, empty: those of a nested container and of one behind it."""
    holders = [subprocess.Popen(["unshare", "--net", "sleep", "60"]) for _ in range(2)]
    here = Path("/proc/self/ns/net").readlink()
    paths = [f"/proc/{holder.pid}/ns/net" for holder in holders]
    while any(Path(path).readlink() == here for path in paths):
        assert all(holder.poll() is None for holder in holders)
    yield paths
    for holder in holders:
        holder.kill()
        holder.wait()


def join(instance: int, nested: str, behind: str) -> None:
    """instance 10.99.0.1 - 10.99.0.2 nested 10.99.1.1 - 10.99.1.2 behind"""
    own = f"/proc/self/fd/{instance}"

    def ip(network: str, *words: str) -> None:
        in_network(network, "ip", *words, descriptor=instance)

    pid = nested.split("/")[2]
    ip(own, "link", "add", "inner", "type", "veth", "peer", "name", "outer", "netns", pid)
    ip(own, "addr", "add", "10.99.0.1/24", "dev", "inner")
    ip(own, "link", "set", "inner", "up")
    ip(own, "route", "add", "10.99.1.0/24", "via", "10.99.0.2")
    ip(nested, "addr", "add", "10.99.0.2/24", "dev", "outer")
    ip(nested, "link", "set", "outer", "up")
    ip(nested, "route", "add", "default", "via", "10.99.0.1")
    pid = behind.split("/")[2]
    ip(nested, "link", "add", "inner", "type", "veth", "peer", "name", "outer", "netns", pid)
    ip(nested, "addr", "add", "10.99.1.1/24", "dev", "inner")
    ip(nested, "link", "set", "inner", "up")
    in_network(nested, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    ip(behind, "addr", "add", "10.99.1.2/24", "dev", "outer")
    ip(behind, "link", "set", "outer", "up")
    ip(behind, "route", "add", "default", "via", "10.99.1.1")


async def test_a_token_travels_as_far_as_on_ec2(
    network: InstanceNetwork, source: Source, networks: list[str]
) -> None:
    instance = network.network_namespace
    assert instance is not None
    nested, behind = networks
    try:
        await asyncio.to_thread(join, instance, nested, behind)
    except AssertionError as error:
        pytest.skip(f"this machine has no veth pairs: {error}")
    seen = {}
    for hop_limit in (1, 2, 3):
        source.hop_limit = hop_limit
        for name, path in (("own", f"/proc/self/fd/{instance}"), ("nested", nested), ("behind", behind)):
            seen[name, hop_limit] = await asyncio.to_thread(
                in_network, path, sys.executable, "-I", "-S", "-c", PUT, descriptor=instance
            )
    assert seen == {
        ("own", 1): "200",
        ("own", 2): "200",
        ("own", 3): "200",
        ("nested", 1): "403",
        ("nested", 2): "200",
        ("nested", 3): "200",
        # Two hops away: refused at once, or on its way and gone at the router.
        ("behind", 1): "403",
        ("behind", 2): "no answer",
        ("behind", 3): "200",
    }
