"""Requests forged through an application or a proxy of the instance: they read nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from tabard.clock import ManualClock
from tabard.imds.server import MetadataServer
from tests.support.described_instance import DESIRED
from tests.support.metadata_requests import Source

CREDENTIALS = "/latest/meta-data/iam/security-credentials/"
TOKEN = "/latest/api/token"
TTL = "X-aws-ec2-metadata-token-ttl-seconds: 21600"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Where an instance's metadata is, with version 1 turned off: tokens are required."""
    options = msgspec.structs.replace(DESIRED.metadata_options, http_tokens="required")
    server = MetadataServer(
        Source(msgspec.structs.replace(DESIRED, metadata_options=options)),
        clock=ManualClock(datetime(2026, 1, 31, tzinfo=UTC)),
        uid=None,
    )
    await server.start()
    yield int(server.endpoint.rpartition(":")[2])
    await server.close()


async def sent(port: int, method: str, path: str, *headers: str, host: str = "") -> str:
    """Whatever is answered, in one piece."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = (f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{port}'}", *headers, "", "")
    writer.write("\r\n".join(lines).encode())
    answer = (await asyncio.wait_for(reader.read(), 10)).decode()
    writer.close()
    return answer


class Proxy:
    """A reverse proxy before the metadata, as an open one on the instance would be."""

    def __init__(self, upstream: int, added: Sequence[str]) -> None:
        self._upstream, self._added = upstream, added

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        headers = [line for line in rest if not line.lower().startswith("host:")]
        method, path, _ = first.split(" ")
        writer.write((await sent(self._upstream, method, path, *headers, *self._added)).encode())
        writer.close()


@pytest.mark.parametrize("path", ["/", CREDENTIALS, CREDENTIALS + "web", "/latest/user-data", TOKEN])
async def test_an_application_that_fetches_any_url_reads_nothing(port: int, path: str) -> None:
    """It sends GETs, with headers of its own: no token, so no answer. A POST brings none either."""
    refused = 405 if path == TOKEN else 401
    assert (await sent(port, "GET", path)).startswith(f"HTTP/1.1 {refused} ")
    assert (await sent(port, "POST", path, "Content-Length: 0")).startswith(f"HTTP/1.1 {refused} ")
    assert (await sent(port, "GET", path, TTL)).startswith(f"HTTP/1.1 {refused} ")


@pytest.mark.parametrize(
    "added",
    [
        ["X-Forwarded-For: 203.0.113.7"],
        ["x-forwarded-for: 203.0.113.7"],
        ["X-FORWARDED-FOR:"],
        ["X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 198.51.100.1"],
    ],
)
async def test_a_proxy_gets_no_token_for_those_behind_it(port: int, added: list[str]) -> None:
    """AWS: a PUT with X-Forwarded-For is refused. Without that header the same proxy would get one."""
    async with Proxy(port, added) as at:
        answer = await sent(at, "PUT", TOKEN, TTL)
    assert answer.startswith("HTTP/1.1 403 ")
    async with Proxy(port, []) as at:
        assert (await sent(at, "PUT", TOKEN, TTL)).startswith("HTTP/1.1 200 ")


@pytest.mark.parametrize("host", ["rebound.example.com", "localhost", "169.254.169.254", "127.0.0.1"])
async def test_a_name_that_leads_here_is_not_the_address(port: int, host: str) -> None:
    """A web page's own name can be made to lead here; even with a PUT of its own it gets no token."""
    for named in (host, f"{host}:{port}"):
        if named != f"127.0.0.1:{port}":
            assert (await sent(port, "PUT", TOKEN, TTL, host=named)).startswith("HTTP/1.1 400 ")
