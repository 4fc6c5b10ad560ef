"""The listener of health and metrics: the status it answers, and the Hosts it answers to."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from tabard.clock import SystemClock
from tabard.wiring.health_listener import health_server


@dataclass
class Told:
    """A health that is as the test says."""

    status: str = "ok"

    async def health(self) -> dict[str, object]:
        return {"status": self.status, "upstream_isolation": "none (tests)"}

    async def metrics(self) -> bytes:
        return b"tabard_snapshot_version 7.0\n"


@dataclass
class Listener:
    told: Told = field(default_factory=Told)
    port: int = 0

    async def ask(self, path: str, *, method: str = "GET", host: str = "") -> tuple[int, str, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        named = host or f"127.0.0.1:{self.port}"
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: {named}\r\nConnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        head, _, body = answer.partition("\r\n\r\n")
        return int(head.split(" ")[1]), head.lower(), body


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    here = Listener()
    door = socket.create_server(("127.0.0.1", 0))
    here.port = door.getsockname()[1]
    server = health_server(
        here.told, authorities={f"127.0.0.1:{here.port}", f"tabard.example:{here.port}"}, clock=SystemClock()
    )
    listening = await asyncio.get_running_loop().create_server(server, sock=door)
    yield here
    listening.close()
    await server.shutdown(0)


@pytest.mark.parametrize(("status", "http_status"), [("ok", 200), ("degraded", 200), ("refusing", 503)])
async def test_health_answers_503_while_requests_are_refused(
    listener: Listener, status: str, http_status: int
) -> None:
    listener.told.status = status
    answered, head, body = await listener.ask("/health")
    assert (answered, json.loads(body)["status"]) == (http_status, status)
    assert "content-type: application/json" in head


async def test_metrics_are_in_prometheus_text_format(listener: Listener) -> None:
    status, head, body = await listener.ask("/metrics")
    assert status == 200
    assert "content-type: text/plain; version=0.0.4; charset=utf-8" in head
    assert body == "tabard_snapshot_version 7.0\n"


async def test_a_name_of_its_own_is_answered_in_any_case(listener: Listener) -> None:
    assert (await listener.ask("/metrics", host=f"Tabard.Example:{listener.port}"))[0] == 200


@pytest.mark.parametrize(
    ("path", "method", "host", "status"),
    [
        ("/", "GET", "", 404),
        ("/health/", "GET", "", 404),
        ("/health", "POST", "", 405),
        # DNS rebinding: a page's own name leads here, and is still its own name.
        ("/health", "GET", "evil.example", 421),
        ("/health", "GET", "localhost", 421),
        ("/metrics", "GET", "127.0.0.1", 421),
    ],
)
async def test_nothing_else_is_answered_and_nobody_else_is(
    listener: Listener, path: str, method: str, host: str, status: int
) -> None:
    assert (await listener.ask(path, method=method, host=host))[0] == status
