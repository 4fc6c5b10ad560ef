"""Allowed addresses: which can be allowed, and that instances reach no others."""

import asyncio
import json
import socket
import sys

import pytest

from tabard.agent.allowed_relay import AllowedRelay
from tabard.agent.drivers.process.driver import launch_command
from tabard.agent.networks.allowed import MOST_ALLOWED, AllowedAddress, parse_allowed
from tabard.agent.networks.namespaces import InsideEdge, RootlessNamespaces, RootNamespaces, best_networks
from tabard.agent.networks.network import InstanceNetwork, NoNetwork
from tabard.agent.relay import RelayLimits

EDGE = InsideEdge.of("http://127.0.0.1:4580")
ASK = """
import json, socket, sys
said = {}
for address, port in json.loads(sys.argv[1]):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as client:
        client.settimeout(10)
        where = f"{address} {port}"
        try:
            client.connect((address, port))
        except OSError as error:
            said[where] = type(error).__name__
            continue
        try:
            client.sendall(b"hello")
            client.shutdown(socket.SHUT_WR)
            said[where] = client.makefile("rb").read().decode()
        except OSError:
            said[where] = ""
print(json.dumps(said))
"""


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("10.0.0.7:5432", "10.0.0.7", 5432),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("[2001:db8::7]:65535", "2001:db8::7", 65535),
        ("[2001:DB8:0::7]:443", "2001:db8::7", 443),
    ],
)
def test_an_address_and_a_port_can_be_allowed(text: str, address: str, port: int) -> None:
    allowed = AllowedAddress.parse(text)
    assert (str(allowed.address), allowed.port) == (address, port)
    assert AllowedAddress.parse(str(allowed)) == allowed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "ADDRESS:PORT"),
        ("10.0.0.7", "ADDRESS:PORT"),
        ("10.0.0.7:", "ADDRESS:PORT"),
        ("10.0.0.7:0", "ADDRESS:PORT"),
        ("10.0.0.7:65536", "ADDRESS:PORT"),
        ("10.0.0.7:x", "ADDRESS:PORT"),
        (":5432", "ADDRESS:PORT"),
        ("2001:db8::7:5432", "ADDRESS:PORT"),
        ("[2001:db8::7:5432", "ADDRESS:PORT"),
        ("user@10.0.0.7:5432", "ADDRESS:PORT"),
        ("10.0.0.7:5432/x", "ADDRESS:PORT"),
        ("http://10.0.0.7:5432", "ADDRESS:PORT"),
        ("10.0.0.7:5432?", "ADDRESS:PORT"),
        ("db.example.com:5432", "not an IP address"),
        ("10.0.0.0/8:5432", "ADDRESS:PORT"),
        ("010.0.0.7:5432", "not an IP address"),
        ("169.254.169.254:80", "link-local"),
        ("169.254.0.1:22", "link-local"),
        ("[fe80::1]:22", "link-local"),
        ("[fd00:ec2::254]:80", "link-local"),
        ("[::ffff:169.254.169.254]:80", "another form of an address"),
        ("[::ffff:10.0.0.7]:80", "another form of an address"),
        ("[2001:db8::7%251]:80", "another form of an address"),
        ("0.0.0.0:80", "one machine"),
        ("[::]:80", "one machine"),
        ("224.0.0.1:80", "one machine"),
        ("[ff02::1]:80", "one machine"),
        ("255.255.255.255:80", "one machine"),
    ],
)
def test_an_address_that_cannot_be_allowed_is_refused_with_a_sentence(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        AllowedAddress.parse(text)


def test_duplicate_addresses_count_once_and_their_number_is_bounded() -> None:
    assert len(parse_allowed(["10.0.0.7:1", "10.0.0.7:2", "10.0.0.7:1"])) == 2
    with pytest.raises(ValueError, match=str(MOST_ALLOWED)):
        parse_allowed(f"10.0.0.7:{port}" for port in range(1, MOST_ALLOWED + 2))


async def answering(address: str) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"you said " + await reader.read())
        writer.close()

    return await asyncio.start_server(answer, address, 0)


def address_of(server: asyncio.Server) -> AllowedAddress:
    address, port = server.sockets[0].getsockname()[:2]
    return parse_allowed([f"[{address}]:{port}" if ":" in address else f"{address}:{port}"])[0]


async def ask_inside(network: InstanceNetwork, *asked: AllowedAddress | tuple[str, int]) -> list[str]:
    """What each says to who connects from inside."""
    pairs = [(str(one.address), one.port) if isinstance(one, AllowedAddress) else one for one in asked]
    process = await asyncio.create_subprocess_exec(
        *launch_command([sys.executable, "-I", "-S", "-c", ASK, json.dumps(pairs)], network=network),
        stdout=asyncio.subprocess.PIPE,
        pass_fds=network.namespaces,
        cwd="/",
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return list(json.loads(output).values())


Kind = type[RootNamespaces] | type[RootlessNamespaces]


@pytest.fixture(
    params=[
        pytest.param(RootNamespaces, marks=pytest.mark.root("needs no user namespace")),
        RootlessNamespaces,
    ]
)
async def kind(request: pytest.FixtureRequest) -> Kind:
    try:
        (await request.param(EDGE).open()).close()
    except NoNetwork as error:
        pytest.skip(f"no namespaces on this machine: {error}")
    return request.param


async def test_only_the_allowed_address_and_port_are_reachable(kind: Kind) -> None:
    """The loopback inside is not the host's. Only its allowed port leads out."""
    one, other, not_allowed = [await answering("127.0.0.1") for _ in range(3)]
    allowed = (address_of(one), address_of(other))
    network = await kind(EDGE, allowed).open()
    ways = AllowedRelay()
    await ways.start(*network.allowed)
    said = await ask_inside(network, *allowed, address_of(not_allowed), ("192.0.2.1", 80))
    await ways.close()
    for server in (one, other, not_allowed):
        server.close()
    network.close()
    assert said[:2] == ["you said hello"] * 2
    assert said[2] == "ConnectionRefusedError"
    assert said[3] == "OSError"


async def test_an_allowed_address_beyond_loopback_belongs_to_the_instance_inside(kind: Kind) -> None:
    """Its other ports belong to the instance and are closed."""
    allowed = parse_allowed(["192.0.2.7:5432", "192.0.2.7:5433", "[2001:db8::7]:5432"])
    network = await kind(EDGE, allowed).open()
    names = [listener.getsockname()[:2] for listener in network.allowed]
    assert names == [(str(one.address), one.port) for one in allowed]
    assert await ask_inside(network, ("192.0.2.7", 22), ("192.0.2.8", 5432)) == [
        "ConnectionRefusedError", "OSError",
    ]  # fmt: skip
    network.close()


async def test_the_largest_permitted_number_of_addresses_works(kind: Kind) -> None:
    allowed = parse_allowed(f"10.0.0.{number}:5432" for number in range(1, MOST_ALLOWED + 1))
    network = await kind(EDGE, allowed).open()
    assert len(network.allowed) == MOST_ALLOWED
    network.close()


async def test_the_edges_own_address_cannot_be_allowed_again(kind: Kind) -> None:
    with pytest.raises(NoNetwork, match=r"127\.0\.0\.1:4580 cannot be allowed"):
        await kind(EDGE, parse_allowed(["127.0.0.1:4580"])).open()


async def test_the_best_networks_reach_the_allowed_addresses(kind: Kind) -> None:
    network = await (await best_networks(EDGE, parse_allowed(["192.0.2.7:5432"]))).open()
    assert [listener.getsockname() for listener in network.allowed] == [("192.0.2.7", 5432)]
    network.close()
    del kind


async def test_connections_to_all_allowed_addresses_share_one_bound(kind: Kind) -> None:
    server = await answering("127.0.0.1")
    network = await kind(EDGE, (address_of(server),)).open()
    ways = AllowedRelay(limits=RelayLimits(connections=0))
    await ways.start(*network.allowed)
    assert await ask_inside(network, address_of(server)) == [""]
    await ways.close()
    server.close()
    network.close()


async def test_a_lasting_failure_is_logged_once(kind: Kind, capsys: pytest.CaptureFixture[str]) -> None:
    """An instance that retries without end does not fill the log."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address, port = free.getsockname()
    nobody = parse_allowed([f"{address}:{port}"])
    network = await kind(EDGE, nobody).open()
    ways = AllowedRelay()
    await ways.start(*network.allowed)
    for _ in range(3):
        assert await ask_inside(network, *nobody) == [""]
    await ways.close()
    network.close()
    assert "".join(capsys.readouterr()).count("allowed_address_not_reached") == 1
