"""The door where a network path is believed, and every other, where it is not."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tabard.clock import SystemClock
from tabard.edge.body import Body
from tabard.edge.network_path_listener import NetworkPathListener
from tabard.edge.server import edge_server
from tabard.http1.answer import Answer
from tabard.model.network_path import NetworkPath, from_preamble, to_preamble
from tabard.wire.request import RawRequest

PATH = NetworkPath(vpc_id="vpc-0123456789abcdef0", private_ip_address="172.31.1.2")
REQUEST = b"GET / HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n"


async def tell(raw: RawRequest, body: Body) -> Answer:
    path = raw.network_path
    said = {"vpc": path.vpc_id if path else None, "ip": raw.peer_ip}
    return Answer(status=200, headers=(), body=json.dumps(said).encode())


@asynccontextmanager
async def open_door(path: Path, **options: float) -> AsyncIterator[str]:
    edge = edge_server(tell, clock=SystemClock())
    server = await asyncio.get_running_loop().create_unix_server(
        NetworkPathListener(edge, **options), str(path)
    )
    yield str(path)
    server.close()
    await edge.shutdown(1)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[str]:
    async with open_door(tmp_path / "edge.sock") as path:
        yield path


async def sent(door: str, *pieces: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(door)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def said(answer: bytes) -> object:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_the_path_is_believed_however_it_comes(door: str, size: int) -> None:
    whole = to_preamble(PATH) + REQUEST
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert said(await sent(door, *pieces)) == {"vpc": PATH.vpc_id, "ip": PATH.private_ip_address}


@pytest.mark.parametrize(
    "preamble",
    [
        REQUEST,
        b"{}\n",
        b'{"VpcId":"vpc-1","PrivateIpAddress":"not one"}\n',
        b'{"VpcId":"","PrivateIpAddress":"10.0.0.1"}\n',
        b'{"VpcId":"vpc-1","PrivateIpAddress":"10.0.0.1","More":1}\n',
        b"x" * 300,
        b"\xff\n",
    ],
)
async def test_a_connection_that_says_no_path_is_refused(door: str, preamble: bytes) -> None:
    assert await sent(door, preamble + REQUEST) == b""


async def test_one_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    async with open_door(tmp_path / "edge.sock", preamble_seconds=0.01) as door:
        assert await sent(door) == b""


async def test_another_users_connection_is_refused(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    assert await sent(door, to_preamble(PATH) + REQUEST) == b""


async def test_a_header_or_a_preamble_on_the_public_door_is_no_path() -> None:
    edge = edge_server(tell, clock=SystemClock())
    async with await asyncio.get_running_loop().create_server(edge, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answers = []
        for request in (REQUEST.replace(b"\r\n\r\n", b"\r\naws:SourceVpc: vpc-1\r\n\r\n"), to_preamble(PATH)):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            answers.append(await asyncio.wait_for(reader.read(), 10))
            writer.close()
        await edge.shutdown(1)
    assert answers[0].startswith(b"HTTP/1.1 400") or said(answers[0]) == {"vpc": None, "ip": "127.0.0.1"}
    assert answers[1].startswith(b"HTTP/1.1 400")


def test_a_path_is_a_line_of_its_own() -> None:
    line = to_preamble(PATH)
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    assert from_preamble(line[:-1]) == PATH
