"""How the metadata service reads and answers: in pieces, late, to who reads slowly, and to no request."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tabard.clock import ManualClock
from tabard.imds.answer import error, ok
from tabard.imds.connection import Connection, Reply
from tabard.imds.gate import ConnectionLimits
from tabard.imds.request import MetadataRequest, RequestReader
from tabard.imds.server import MetadataServer
from tabard.model.messages import DesiredFaults
from tests.support.described_instance import DESIRED
from tests.support.metadata_requests import TOKEN, TTL, Arrivals, Source, ask, parse, send, token
from tests.support.waiting import turns, until

SECRET = "AQAAANjUxiFIXyyOO6dmvqS6xkFAwTVA"
HEAD = f"GET /latest/meta-data/?a=b HTTP/1.1\r\nHost: own\r\n{TOKEN}:  {SECRET} \r\n\r\n".encode()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 31, 12, tzinfo=UTC))


@pytest.fixture
async def server(source: Source, clock: ManualClock) -> AsyncIterator[MetadataServer]:
    server = MetadataServer(source, clock=clock, uid=None)
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def pair() -> AsyncIterator[tuple[socket.socket, socket.socket]]:
    """The service's end of a connection, and its client's."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(10)
    yield ours, theirs
    ours.close()
    theirs.close()


def read(*pieces: bytes) -> MetadataRequest | None:
    reader = RequestReader()
    for piece in pieces:
        assert not reader.is_whole
        reader.feed(piece)
    assert reader.is_whole or reader.is_broken
    with socket.socket() as connection:
        return reader.request(connection, "127.0.0.1")


def test_a_request_is_read_whole_and_in_any_pieces() -> None:
    for pieces in ([HEAD], [HEAD[:5], HEAD[5:40], HEAD[40:]], [HEAD[n : n + 1] for n in range(len(HEAD))]):
        request = read(*pieces)
        assert request is not None
        assert (request.method, request.path, request.has_body) == ("GET", "/latest/meta-data/", False)
        assert request.values(b"x-aws-ec2-metadata-token") == [SECRET]
        assert request.values(b"authorization") == []


@pytest.mark.parametrize(
    ("framing", "has_body"),
    [
        ("X-Other: 1", False),
        ("Content-Length: 0", False),
        ("Content-Length: 5", True),
        ("Transfer-Encoding: chunked", True),
    ],
)
def test_whether_a_body_follows_is_known(framing: str, has_body: bool) -> None:
    request = read(f"PUT /latest/api/token HTTP/1.1\r\nHost: own\r\n{framing}\r\n\r\n".encode())
    assert request is not None
    assert request.has_body is has_body


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense",
        b"GET /latest/ HTTP/2.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"DESCRIBE /latest/ RTSP/1.0\r\n\r\n",
        b"SOURCE /latest/ ICE/1.0\r\n\r\n",
        b"GET /latest/ HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"GET /" + b"a" * 4096 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"a" * 4096 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: a\r\n" * 65 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + 6 * (b"x: " + b"a" * 4000 + b"\r\n"),
    ],
)
def test_what_is_no_request_or_too_large_is_none(head: bytes) -> None:
    assert read(head) is None


async def test_a_request_in_pieces_is_answered(server: MetadataServer) -> None:
    presented = await token(server)
    host = server.endpoint.removeprefix("http://")
    head = f"GET /latest/meta-data/ami-id HTTP/1.1\r\nHost: {host}\r\n{TOKEN}: {presented}\r\n\r\n".encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(host.rpartition(":")[2]))
    for begin in range(0, len(head), 20):
        writer.write(head[begin : begin + 20])
        await turns()
    assert parse(await reader.read()).body == b"ami-0123456789abcdef0"
    writer.close()


async def test_who_sends_a_body_reads_the_answer_all_the_same(server: MetadataServer) -> None:
    body = b"x" * 50_000
    host = server.endpoint.removeprefix("http://")
    asked = f"PUT /latest/api/token HTTP/1.1\r\nHost: {host}\r\n{TTL}: 60\r\n"
    head = f"{asked}Content-Length: {len(body)}\r\n\r\n".encode()
    assert parse(await send(server, head + body)).status == 200


async def test_a_client_that_leaves_in_the_middle_of_its_request_is_forgotten(
    source: Source, clock: ManualClock
) -> None:
    arrivals = Arrivals()
    server = MetadataServer(
        source, clock=clock, uid=arrivals.uid, peer_check=arrivals, limits=ConnectionLimits(connections=1)
    )
    await server.start()
    _, writer = await asyncio.open_connection("127.0.0.1", int(server.endpoint.rpartition(":")[2]))
    writer.write(HEAD[:20])
    await arrivals.reach(1)
    writer.close()
    await writer.wait_closed()
    await turns()
    assert (await ask(server, "GET", "/latest/")).status == 401
    await server.close()


async def test_an_answer_that_does_not_fit_at_once_is_sent_as_it_is_read(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    content = b"x" * 4_000_000
    ended: list[Connection] = []
    theirs.sendall(HEAD)
    begun = Connection(ours, peer="", answer=lambda _: Reply(content), on_end=ended.append)
    assert begun.begin(most_seconds=10)
    received = 0
    loop = asyncio.get_running_loop()
    theirs.setblocking(False)
    while piece := await loop.sock_recv(theirs, 65536):
        received += len(piece)
    assert (received, ended) == (len(content), [begun])


@pytest.mark.parametrize("delay_seconds", [0.0, 0.01])
async def test_a_client_that_does_not_wait_for_its_answer_does_no_harm(
    pair: tuple[socket.socket, socket.socket], delay_seconds: float
) -> None:
    ours, theirs = pair
    ended: list[Connection] = []
    theirs.sendall(HEAD)
    theirs.close()
    begun = Connection(ours, peer="", answer=lambda _: Reply(b"x", delay_seconds), on_end=ended.append)
    if begun.begin(most_seconds=0.05):
        await until(lambda: ended)
    assert ours.fileno() == -1


async def test_who_lingers_is_not_waited_for_beyond_a_second(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    ended: list[Connection] = []
    theirs.sendall(b"nonsense\r\n\r\n")
    begun = Connection(
        ours, peer="", answer=lambda _: Reply(b"answer"), on_end=ended.append, linger_seconds=0.01
    )
    assert begun.begin(most_seconds=60)
    await until(lambda: ended)
    assert theirs.recv(100) == b"answer"
    begun.abort()
    assert ended == [begun]


async def test_the_last_document_is_told_anew_once_something_of_it_has_changed(
    server: MetadataServer, source: Source
) -> None:
    presented = (TOKEN, await token(server))
    path = "/latest/meta-data/instance-type"
    first = [(await ask(server, "GET", path, presented)).body for _ in range(2)]
    source.described = msgspec.structs.replace(DESIRED, instance_type="t3.large")
    changed = (await ask(server, "GET", path, presented)).body
    assert (*first, changed) == (b"t3.micro", b"t3.micro", b"t3.large")
    assert (await ask(server, "GET", "/latest/meta-data/ami-id", presented)).body == b"ami-0123456789abcdef0"


async def test_a_remembered_token_still_ends(server: MetadataServer, clock: ManualClock) -> None:
    presented = (TOKEN, await token(server, 60))
    other = (TOKEN, await token(server, 120))
    for each in (presented, other, presented, presented):
        assert (await ask(server, "GET", "/latest/meta-data/", each)).status == 200
    clock.advance(timedelta(seconds=60))
    assert (await ask(server, "GET", "/latest/meta-data/", presented)).status == 401
    assert (await ask(server, "GET", "/latest/meta-data/", other)).status == 200


async def test_faults_are_put_into_answers_to_what_is_no_request(
    server: MetadataServer, source: Source
) -> None:
    source.described = msgspec.structs.replace(DESIRED, faults=DesiredFaults(clock_skew_seconds=3600))
    answer = parse(await send(server, b"nonsense\r\n\r\n"))
    assert (answer.status, answer.headers["date"]) == (400, "Sat, 31 Jan 2026 13:00:00 GMT")


def test_neither_requests_nor_answers_show_what_they_hold() -> None:
    request = read(HEAD)
    answer = ok(SECRET.encode(), "text/plain", (("X", SECRET),))
    reply = Reply(answer.to_bytes(now=datetime(2026, 1, 31, tzinfo=UTC)))
    assert SECRET.encode() in reply.content
    assert not any(SECRET in repr(each) for each in (request, answer, reply, [reply]))
    assert repr(error(404)) == "Answer(404)"
