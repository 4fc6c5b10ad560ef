"""The relay from an instance's network to the edge."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest

from tabard.agent.edge_relay import EdgeDoor, EdgeRelay, NetworkPathDoor, PlainDoor
from tabard.agent.relay import DEFAULT_LIMITS, Outside, Relay, RelayLimits
from tabard.agent.relay_stages import Stage
from tabard.model.network_path import NetworkPath

PATH = NetworkPath(vpc_id="vpc-0123456789abcdef0", private_ip_address="172.31.1.2")
PREAMBLE = b'{"VpcId":"vpc-0123456789abcdef0","PrivateIpAddress":"172.31.1.2"}\n'
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Relayed(Protocol):
    def __call__(
        self, door: EdgeDoor, limits: RelayLimits = DEFAULT_LIMITS
    ) -> Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]: ...


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with the received bytes once the request is complete."""
    writer.write(b"got " + await reader.read())
    writer.close()


@pytest.fixture
async def relayed() -> AsyncIterator[Relayed]:
    """Makes a relay to a door, and a connection through it."""
    relays: list[EdgeRelay] = []
    writers: list[asyncio.StreamWriter] = []

    async def connect(
        door: EdgeDoor, limits: RelayLimits = DEFAULT_LIMITS
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        listener = socket.create_server(("127.0.0.1", 0))
        address = listener.getsockname()
        relays.append(EdgeRelay(door, PATH, limits=limits))
        await relays[-1].start(listener)
        reader, writer = await asyncio.open_connection(*address)
        writers.append(writer)
        return reader, writer

    yield connect
    for writer in writers:
        writer.close()
    for each in relays:
        await each.close()


async def ended(reader: asyncio.StreamReader) -> None:
    """The connection ends without data."""
    with suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 5) == b""


async def edge_at(path: Path, serve: Serve = answer_all) -> asyncio.Server:
    return await asyncio.start_unix_server(serve, str(path))


async def test_the_relay_first_names_the_instance_to_the_edge(relayed: Relayed, tmp_path: Path) -> None:
    async with await edge_at(tmp_path / "edge.sock"):
        reader, writer = await relayed(NetworkPathDoor(tmp_path / "edge.sock"))
        writer.write(b"GET / HTTP/1.1\r\n")
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b"got " + PREAMBLE + b"GET / HTTP/1.1\r\n"


async def test_an_edge_on_another_host_gets_no_header(relayed: Relayed) -> None:
    async with await asyncio.start_server(answer_all, "127.0.0.1", 0) as edge:
        host, port = edge.sockets[0].getsockname()
        reader, writer = await relayed(PlainDoor.of(f"http://{host}:{port}"))
        writer.write(b"hello")
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b"got hello"


async def test_early_data_reaches_the_edge_in_order(relayed: Relayed, tmp_path: Path) -> None:
    content = bytes(range(256)) * 40_000
    async with await edge_at(tmp_path / "edge.sock"):
        for _ in range(5):
            reader, writer = await relayed(NetworkPathDoor(tmp_path / "edge.sock"))
            writer.write(content)
            writer.write_eof()
            assert await asyncio.wait_for(reader.read(), 20) == b"got " + PREAMBLE + content


async def test_without_an_edge_the_connection_ends(relayed: Relayed, tmp_path: Path) -> None:
    reader, _ = await relayed(NetworkPathDoor(tmp_path / "none.sock"))
    await ended(reader)


async def test_the_end_of_either_side_is_the_end_of_both(relayed: Relayed, tmp_path: Path) -> None:
    seen: list[bytes] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"hello")
        seen.append(await reader.read())
        writer.close()
        ended.set()

    async with await edge_at(tmp_path / "edge.sock", serve):
        reader, writer = await relayed(NetworkPathDoor(tmp_path / "edge.sock"))
        assert await asyncio.wait_for(reader.readexactly(5), 5) == b"hello"
        writer.close()
        await asyncio.wait_for(ended.wait(), 5)
        assert seen == [b""]


async def test_connections_are_bounded(relayed: Relayed, tmp_path: Path) -> None:
    async with await edge_at(tmp_path / "edge.sock"):
        reader, _ = await relayed(NetworkPathDoor(tmp_path / "edge.sock"), RelayLimits(connections=0))
        await ended(reader)


async def asked_and_answered(address: tuple[str, int], said: bytes) -> asyncio.StreamWriter:
    """One more connection through a relay; it is asked for until it is let in, and left as it is then."""
    async with asyncio.timeout(10):
        while True:
            reader, writer = await asyncio.open_connection(*address)
            with suppress(ConnectionResetError):
                writer.write(b"?\n")
                if await reader.read(len(said)) == said:
                    return writer
            writer.close()
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("who_ends_first", ["the client", "the edge", "the edge alone"])
async def test_connections_that_have_ended_do_not_count(tmp_path: Path, who_ends_first: str) -> None:
    """As many as there may be at once, again and again; what a client keeps for later is ended as well."""
    limits = RelayLimits(connections=1, half_open_seconds=0.01 if who_ends_first == "the edge alone" else 60)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        await reader.readline()
        writer.write(b"hello")
        if who_ends_first == "the client":
            await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        served.release()

    served = asyncio.Semaphore(0)
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    leads = EdgeRelay(NetworkPathDoor(tmp_path / "edge.sock"), PATH, limits=limits)
    await leads.start(listener)
    writers = []
    async with await edge_at(tmp_path / "edge.sock", serve):
        for _ in range(4):
            writers.append(await asked_and_answered(address, b"hello"))
            if who_ends_first != "the edge alone":
                writers[-1].close()
        for writer in writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            await asyncio.wait_for(served.acquire(), 5)
    await leads.close()


async def test_one_instance_cannot_use_up_the_connections_of_others(relayed: Relayed, tmp_path: Path) -> None:
    """Each relay has its own limit: it refuses the noisy instance and serves its neighbor."""
    three = RelayLimits(connections=3)
    async with await edge_at(tmp_path / "edge.sock"):
        listener = socket.create_server(("127.0.0.1", 0))
        noisy = EdgeRelay(NetworkPathDoor(tmp_path / "edge.sock"), PATH, limits=three)
        await noisy.start(listener)
        held = [await asyncio.open_connection(*listener.getsockname()) for _ in range(20)]
        refused = 0
        for reader, _ in held[3:]:
            await ended(reader)
            refused += 1
        assert refused == 17
        for _ in range(3):
            reader, writer = await relayed(NetworkPathDoor(tmp_path / "edge.sock"), three)
            writer.write(b"hello")
            writer.write_eof()
            assert await asyncio.wait_for(reader.read(), 5) == b"got " + PREAMBLE + b"hello"
        for _, writer in held:
            writer.close()
        await noisy.close()


async def test_a_servers_greeting_arrives_even_if_the_server_has_ended() -> None:
    ours, of_server = socket.socketpair()
    of_server.sendall(b"a row")
    of_server.close()

    async def connect(outside: Outside) -> None:
        ours.setblocking(False)
        await asyncio.get_running_loop().create_connection(lambda: outside, sock=ours)
        assert outside.inside is not None
        while outside.inside.stage is not Stage.CONNECTING_OUTSIDE_ENDED:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)

    listener = socket.create_server(("127.0.0.1", 0))
    one = Relay(not_reached="not_reached")
    await one.serve(listener, connect)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    assert await asyncio.wait_for(reader.read(), 10) == b"a row"
    writer.close()
    await one.close()
