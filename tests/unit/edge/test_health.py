"""Health and metrics: what they say, and to whom."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from tabard.audit.queue import AuditQueue
from tabard.clock import SystemClock
from tabard.edge.health import Health, health_server
from tabard.model.audit_event import AuditEvent
from tabard.store.snapshot_source import SnapshotHealth

WELL = SnapshotHealth(
    version=7, confirmed_seconds_ago=0.01, bound_seconds=60, store_available=True, reason=""
)


@dataclass
class Snapshots:
    """A source that is as well as it is told."""

    said: SnapshotHealth = WELL

    def health(self) -> SnapshotHealth:
        return self.said


def no_sink(events: Sequence[AuditEvent]) -> None:
    """Nothing is ever written."""


@dataclass
class Listener:
    snapshots: Snapshots = field(default_factory=Snapshots)
    audit: AuditQueue = field(default_factory=lambda: AuditQueue(no_sink))
    port: int = 0

    async def ask(self, path: str, *, method: str = "GET", host: str = "") -> tuple[int, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        named = host or f"127.0.0.1:{self.port}"
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: {named}\r\nConnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        head, _, body = answer.partition("\r\n\r\n")
        return int(head.split(" ")[1]), body


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    here = Listener()
    health = Health(
        snapshots=here.snapshots,
        audit=here.audit,
        upstream_isolation="none (tests)",
        instance_isolation="none",
    )
    door = socket.create_server(("127.0.0.1", 0))
    here.port = door.getsockname()[1]
    server = health_server(health, authority=f"127.0.0.1:{here.port}", clock=SystemClock())
    listening = await asyncio.get_running_loop().create_server(server, sock=door)
    yield here
    listening.close()
    await server.shutdown(0)


@pytest.mark.parametrize(
    ("snapshot", "failing", "status", "http_status", "store"),
    [
        (WELL, "", "ok", 200, "available"),
        (replace(WELL, store_available=False, reason="gone"), "", "degraded", 200, "away: gone"),
        (WELL, "locked", "degraded", 200, "not to be written to: locked"),
        (replace(WELL, confirmed_seconds_ago=61), "", "refusing", 503, "available"),
        (replace(WELL, version=-1, confirmed_seconds_ago=float("inf")), "", "refusing", 503, "available"),
    ],
)
async def test_health_says_how_it_is(
    listener: Listener, snapshot: SnapshotHealth, failing: str, status: str, http_status: int, store: str
) -> None:
    listener.snapshots.said = snapshot
    listener.audit.failing_because = failing
    answered, body = await listener.ask("/health")
    said = json.loads(body)
    assert (answered, said["status"], said["store"]) == (http_status, status, store)
    assert said["upstream_isolation"] == "none (tests)"
    assert said["snapshot_version"] == snapshot.version


async def test_metrics_are_prometheus_own(listener: Listener) -> None:
    status, body = await listener.ask("/metrics")
    assert status == 200
    assert "tabard_snapshot_version 7.0" in body
    assert "tabard_audit_waiting 0.0" in body


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
