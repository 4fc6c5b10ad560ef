"""The metadata service over HTTP: every status as EC2's."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tabard.clock import ManualClock
from tabard.imds.gate import ConnectionLimits
from tabard.imds.server import MetadataServer
from tabard.model.messages import DesiredFaults
from tests.support.described_instance import DESIRED
from tests.support.metadata_requests import TOKEN, TTL, Arrivals, Source, ask, half_asked, parse, send, token

ROLE_PATH = "/latest/meta-data/iam/security-credentials/web-role"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 31, 12, 0, tzinfo=UTC))


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
async def server(source: Source, clock: ManualClock) -> AsyncIterator[MetadataServer]:
    server = MetadataServer(source, clock=clock, uid=os.getuid(), peer_check=lambda **_: os.getuid())
    await server.start()
    yield server
    await server.close()


async def test_a_token_opens_the_metadata(server: MetadataServer) -> None:
    put = await ask(server, "PUT", "/latest/api/token", (TTL, "60"))
    assert (put.status, put.headers[TTL], put.headers["server"]) == (200, "60", "EC2ws")
    got = await ask(server, "GET", "/latest/meta-data/instance-id", (TOKEN, put.body.decode()))
    assert (got.status, got.body, got.headers["content-type"]) == (200, b"i-0123456789abcdef0", "text/plain")
    assert (got.headers[TTL], got.headers["connection"]) == ("60", "close")


async def test_head_is_answered_without_a_body(server: MetadataServer) -> None:
    answer = await ask(server, "HEAD", "/latest/meta-data/instance-id", (TOKEN, await token(server)))
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "19")


async def test_a_query_is_ignored(server: MetadataServer) -> None:
    answer = await ask(server, "GET", "/latest/meta-data/ami-id?a=b", (TOKEN, await token(server)))
    assert answer.body == b"ami-0123456789abcdef0"


@pytest.mark.parametrize(
    "headers", [(), ((TTL, "-1"),), ((TTL, "21601"),), ((TTL, "x"),), ((TTL, "60"), (TTL, "60"))]
)
async def test_a_put_without_a_proper_lifetime_is_400(
    server: MetadataServer, headers: tuple[tuple[str, str], ...]
) -> None:
    assert (await ask(server, "PUT", "/latest/api/token", *headers)).status == 400


async def test_a_token_of_no_seconds_is_given_and_refused_at_once(
    server: MetadataServer, source: Source
) -> None:
    source.set_options(http_tokens="optional")
    put = await ask(server, "PUT", "/latest/api/token", (TTL, "0"))
    assert (put.status, put.headers[TTL]) == (200, "0")
    assert (await ask(server, "GET", "/latest/meta-data/", (TOKEN, put.body.decode()))).status == 401


async def test_a_put_that_was_forwarded_is_403(server: MetadataServer) -> None:
    answer = await ask(server, "PUT", "/latest/api/token", (TTL, "60"), ("X-Forwarded-For", "10.0.0.1"))
    assert answer.status == 403


@pytest.mark.parametrize("path", ["/2021-03-23/api/token", "/latest/meta-data/", "/latest/api/token/"])
async def test_a_put_elsewhere_is_403(server: MetadataServer, path: str) -> None:
    assert (await ask(server, "PUT", path, (TTL, "60"))).status == 403


@pytest.mark.parametrize("method", ["PATCH", "TRACE"])
async def test_other_methods_are_405(server: MetadataServer, method: str) -> None:
    answer = await ask(server, method, "/latest/meta-data/", (TOKEN, await token(server)))
    assert (answer.status, answer.body) == (405, b"")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert (await ask(server, "GET", "/latest/api/token")).headers["allow"] == "OPTIONS, PUT"


@pytest.mark.parametrize("path", ["/latest/meta-data/", "/latest/meta-data/nonsense", "/nonsense"])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_metadata_is_not_to_be_written(server: MetadataServer, method: str, path: str) -> None:
    answer = await ask(server, method, path, (TOKEN, await token(server)))
    assert (answer.status, answer.headers["content-type"]) == (403, "text/html")


@pytest.mark.parametrize("headers", [(), ((TOKEN, "A" * 56),)])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/latest/meta-data/"),
        ("DELETE", "/latest/meta-data/"),
        ("PATCH", "/latest/meta-data/"),
        ("GET", "/1999-01-01/meta-data/"),
        ("GET", "/latest/meta-data/nonsense"),
        ("HEAD", "/"),
    ],
)
async def test_the_token_is_judged_before_method_version_and_path(
    server: MetadataServer, method: str, path: str, headers: tuple[tuple[str, str], ...]
) -> None:
    assert (await ask(server, method, path, *headers)).status == 401


@pytest.mark.parametrize(
    "path",
    [
        "//latest/meta-data/ami-id",
        "/latest//meta-data/ami-id",
        "/latest/meta-data//ami-id//",
        "///latest///meta-data///ami-id?a=//",
    ],
)
async def test_a_doubled_slash_reads_as_one(server: MetadataServer, path: str) -> None:
    put = await ask(server, "PUT", "//latest/api//token", (TTL, "60"))
    answer = await ask(server, "GET", path, (TOKEN, put.body.decode()))
    assert (answer.status, answer.body) == (200, b"ami-0123456789abcdef0")


async def test_an_encoded_slash_is_a_character_of_a_name(server: MetadataServer) -> None:
    presented = (TOKEN, await token(server))
    for path in ("/latest/%2Fmeta-data/ami-id", "/latest/meta-data%2Fami-id"):
        assert (await ask(server, "GET", path, presented)).status == 404


@pytest.mark.parametrize(
    "name", ["instance-data", "instance-data.ec2.internal", "Instance-Data.EC2.internal"]
)
async def test_a_vpcs_names_of_the_service_are_answered(server: MetadataServer, name: str) -> None:
    port = server.endpoint.rpartition(":")[2]
    answer = await ask(server, "PUT", "/latest/api/token", (TTL, "60"), host=f"{name}:{port}")
    assert answer.status == 200
    assert server.endpoint.startswith("http://127.0.0.1:")


async def test_without_a_token_it_is_401_where_tokens_are_required(server: MetadataServer) -> None:
    answer = await ask(server, "GET", "/latest/meta-data/")
    assert answer.status == 401
    assert b"<h1>401 - Unauthorized</h1>" in answer.body


async def test_a_wrong_token_is_401_even_where_none_is_needed(server: MetadataServer, source: Source) -> None:
    source.set_options(http_tokens="optional")
    good = await token(server)
    assert (await ask(server, "GET", "/latest/meta-data/")).status == 200
    for headers in ([(TOKEN, "A" * 56)], [(TOKEN, "")], [(TOKEN, good), (TOKEN, good)]):
        assert (await ask(server, "GET", "/latest/meta-data/", *headers)).status == 401


async def test_an_expired_token_is_401(server: MetadataServer, clock: ManualClock) -> None:
    presented = (TOKEN, await token(server, 60))
    clock.advance(timedelta(seconds=59))
    assert (await ask(server, "GET", "/latest/meta-data/", presented)).status == 200
    clock.advance(timedelta(seconds=1))
    assert (await ask(server, "GET", "/latest/meta-data/", presented)).status == 401


async def test_another_instances_token_is_401(server: MetadataServer, clock: ManualClock) -> None:
    other = MetadataServer(
        Source(msgspec.structs.replace(DESIRED, instance_id="i-0fedcba9876543210")), clock=clock, uid=None
    )
    await other.start()
    try:
        presented = (TOKEN, await token(other))
        assert (await ask(other, "GET", "/latest/meta-data/", presented)).status == 200
        assert (await ask(server, "GET", "/latest/meta-data/", presented)).status == 401
    finally:
        await other.close()


async def test_reads_with_and_without_a_token_get_sessions_of_their_own(
    server: MetadataServer, source: Source
) -> None:
    source.set_options(http_tokens="optional")
    assert b'"ASIA-1.0"' in (await ask(server, "GET", ROLE_PATH)).body
    assert b'"ASIA-2.0"' in (await ask(server, "GET", ROLE_PATH, (TOKEN, await token(server)))).body


async def test_a_disabled_endpoint_is_403_for_everything(server: MetadataServer, source: Source) -> None:
    presented = (TOKEN, await token(server))
    source.set_options(http_endpoint="disabled")
    assert (await ask(server, "GET", "/latest/meta-data/", presented)).status == 403
    assert (await ask(server, "PUT", "/latest/api/token", (TTL, "60"))).status == 403


async def test_options_take_effect_at_once(server: MetadataServer, source: Source) -> None:
    source.set_options(http_tokens="optional")
    assert (await ask(server, "GET", "/latest/meta-data/")).status == 200
    source.set_options(http_tokens="required")
    assert (await ask(server, "GET", "/latest/meta-data/")).status == 401


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "evil.example",
        "169.254.169.254",
        "127.0.0.1",
        "127.0.0.1:1",
        "",
        "instance-data",
        "instance-data:1",
        "instance-data.evil.example",
        "instance-data.ec2.internal.evil.example",
    ],
)
async def test_another_host_name_is_400(server: MetadataServer, host: str) -> None:
    answer = await ask(server, "PUT", "/latest/api/token", (TTL, "60"), host=host)
    assert answer.status == 400


async def test_no_host_or_two_are_400(server: MetadataServer) -> None:
    assert parse(await send(server, b"GET /latest/ HTTP/1.0\r\n\r\n")).status == 400
    own = ("Host", server.endpoint.removeprefix("http://"))
    assert (await ask(server, "PUT", "/latest/api/token", own, (TTL, "60"))).status == 400


async def test_what_is_not_there_is_ec2s_404(server: MetadataServer) -> None:
    answer = await ask(server, "GET", "/latest/meta-data/nonsense", (TOKEN, await token(server)))
    assert (answer.status, answer.headers["content-type"]) == (404, "text/html")
    assert answer.body.startswith(b'<?xml version="1.0" encoding="iso-8859-1"?>\n<!DOCTYPE html')


async def test_nothing_valid_to_serve_is_503(server: MetadataServer, source: Source) -> None:
    source.held = False
    assert (await ask(server, "GET", ROLE_PATH, (TOKEN, await token(server)))).status == 503


async def test_a_connection_carries_one_request(server: MetadataServer) -> None:
    request = (
        "PUT /latest/api/token HTTP/1.1\r\n"
        f"Host: {server.endpoint.removeprefix('http://')}\r\n{TTL}: 60\r\n\r\n"
    ).encode()
    assert (await send(server, request * 2)).count(b"HTTP/1.1 200") == 1


async def test_long_lines_and_headers_are_refused(server: MetadataServer) -> None:
    assert (await ask(server, "GET", "/latest/" + "a" * 9000)).status == 400
    assert (await ask(server, "GET", "/latest/", ("x-long", "a" * 9000))).status == 400
    assert (await ask(server, "GET", "/latest/", *((f"x-{n}", "a") for n in range(200)))).status == 400


async def test_the_hop_limit_is_set_on_the_connection_of_the_put(
    server: MetadataServer, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[tuple[int, int, int]] = []
    set_option = socket.socket.setsockopt

    def note(connection: socket.socket, level: int, option: int, value: int) -> None:
        limits.append((level, option, value))
        set_option(connection, level, option, value)

    monkeypatch.setattr(socket.socket, "setsockopt", note)
    source.set_options(http_put_response_hop_limit=3)
    await token(server)
    assert (socket.IPPROTO_IP, socket.IP_TTL, 3) in limits


@pytest.mark.parametrize("peer_uid", [0, 12345, None])
async def test_a_peer_of_another_uid_is_403_whatever_it_asks(
    source: Source, clock: ManualClock, peer_uid: int | None
) -> None:
    server = MetadataServer(source, clock=clock, uid=4711, peer_check=lambda **_: peer_uid)
    await server.start()
    try:
        assert (await ask(server, "PUT", "/latest/api/token", (TTL, "60"))).status == 403
        assert parse(await send(server, b"nonsense")).status == 403
    finally:
        await server.close()


async def test_connections_are_bounded_and_others_cannot_take_the_instances_places(
    source: Source, clock: ManualClock
) -> None:
    arrivals = Arrivals()
    server = MetadataServer(
        source, clock=clock, uid=arrivals.uid, peer_check=arrivals, limits=ConnectionLimits(connections=2)
    )
    await server.start()
    port = int(server.endpoint.rpartition(":")[2])
    held = []
    try:
        arrivals.are_strangers = True
        held += [await half_asked(port) for _ in range(5)]
        await arrivals.reach(5)
        arrivals.are_strangers = False
        await token(server)
        held += [await half_asked(port) for _ in range(2)]
        await arrivals.reach(8)
        with contextlib.suppress(ConnectionResetError):
            assert await send(server, b"GET /latest/ HTTP/1.1\r\n\r\n") == b""
    finally:
        await server.close()
        for _, writer in held:
            writer.close()


async def test_a_connection_that_says_nothing_ends(source: Source, clock: ManualClock) -> None:
    server = MetadataServer(source, clock=clock, uid=None, limits=ConnectionLimits(seconds=0.05))
    await server.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.endpoint.rpartition(":")[2]))
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
    finally:
        await server.close()


async def test_closing_ends_listener_and_connections(source: Source, clock: ManualClock) -> None:
    arrivals = Arrivals()
    server = MetadataServer(source, clock=clock, uid=arrivals.uid, peer_check=arrivals)
    await server.start()
    port = int(server.endpoint.rpartition(":")[2])
    reader, writer = await half_asked(port)
    await arrivals.reach(1)
    await server.close()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    await server.close()


@pytest.mark.parametrize(("status", "phrase"), [(500, "Internal Server Error"), (503, "x"), (599, "Fault")])
async def test_a_faulty_service_answers_everything_with_its_status(
    server: MetadataServer, source: Source, status: int, phrase: str
) -> None:
    source.described = msgspec.structs.replace(DESIRED, faults=DesiredFaults(metadata_status=status))
    for method, path in (("PUT", "/latest/api/token"), ("GET", ROLE_PATH)):
        answer = await ask(server, method, path, (TTL, "60"))
        assert (answer.status, phrase == "x" or phrase.encode() in answer.body) == (status, True)


async def test_a_late_service_answers_others_meanwhile(server: MetadataServer, source: Source) -> None:
    source.described = msgspec.structs.replace(
        DESIRED, faults=DesiredFaults(metadata_delay_milliseconds=60_000)
    )
    source.read.clear()
    late = asyncio.create_task(ask(server, "GET", ROLE_PATH))
    await source.read.wait()
    source.described = DESIRED
    await token(server)
    assert not late.done()
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)


async def test_a_wrong_clock_shows_in_the_date(server: MetadataServer, source: Source) -> None:
    source.described = msgspec.structs.replace(DESIRED, faults=DesiredFaults(clock_skew_seconds=-3600))
    answer = await ask(server, "PUT", "/latest/api/token", (TTL, "60"))
    assert answer.headers["date"] == "Sat, 31 Jan 2026 11:00:00 GMT"
