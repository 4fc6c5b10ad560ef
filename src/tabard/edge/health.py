"""Health and metrics: a loopback listener of its own, which answers only to its own address."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tabard.audit.queue import AuditQueue
from tabard.clock import Clock
from tabard.edge.body import Body
from tabard.edge.server import EdgeServer, edge_server
from tabard.http1.answer import Answer
from tabard.store.snapshot_source import SnapshotHealth
from tabard.wire.request import RawRequest


class HealthySource(Protocol):
    """A snapshot source that tells how it is."""

    def health(self) -> SnapshotHealth:
        """How new its snapshot is."""


@dataclass(frozen=True, slots=True)
class Health:
    """What one edge process says of itself."""

    snapshots: HealthySource = field(repr=False)
    audit: AuditQueue = field(repr=False)
    upstream_isolation: str
    instance_isolation: str

    def report(self) -> dict[str, object]:
        """The health as it is answered; `status` is `ok`, `degraded` or `refusing`.

        Degraded: the store is away, or cannot be written to. Refusing: it was not reached for too long.
        """
        snapshot = self.snapshots.health()
        store = "available"
        if not snapshot.store_available:
            store = f"away: {snapshot.reason}"
        elif self.audit.failing_because:
            store = f"not to be written to: {self.audit.failing_because}"
        status = "ok" if store == "available" else "degraded"
        return {
            "status": status if snapshot.serving else "refusing",
            "store": store,
            "snapshot_version": snapshot.version,
            "snapshot_confirmed_seconds_ago": round(min(snapshot.confirmed_seconds_ago, 1e9), 3),
            "audit_waiting": len(self.audit),
            "audit_overflow": self.audit.overflow_count,
            "upstream_isolation": self.upstream_isolation,
            "instance_isolation": self.instance_isolation,
        }


class _HealthCollector(Collector):
    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterable[Metric]:
        snapshot = self._health.snapshots.health()
        yield GaugeMetricFamily(
            "tabard_snapshot_version", "Version of the snapshot that decides", value=snapshot.version
        )
        yield GaugeMetricFamily(
            "tabard_snapshot_confirmed_seconds",
            "Seconds since the store last confirmed the snapshot",
            value=snapshot.confirmed_seconds_ago,
        )
        yield GaugeMetricFamily(
            "tabard_audit_waiting", "Audit events not yet written", value=len(self._health.audit)
        )
        yield CounterMetricFamily(
            "tabard_audit_overflow",
            "Audit events that did not fit the queue",
            value=self._health.audit.overflow_count,
        )


def health_server(health: Health, *, authority: str, clock: Clock) -> EdgeServer:
    """`GET /health` (200, or 503 where requests are refused) and `GET /metrics`.

    Args:
        authority: the listener's own `address:port`, the one Host that it answers to.
    """
    registry = CollectorRegistry()
    registry.register(_HealthCollector(health))

    async def answer(raw: RawRequest, _body: Body) -> Answer:
        # DNS rebinding: a page that made its own name resolve to us still sends that name.
        if raw.header("host") != authority:
            return _text(421, "the Host is not this listener's address\n")
        if raw.method != "GET":
            return Answer(status=405, headers=(("allow", "GET"),), body=b"")
        if raw.raw_path == "/health":
            report = health.report()
            return Answer(
                status=503 if report["status"] == "refusing" else 200,
                headers=(("content-type", "application/json"),),
                body=msgspec.json.encode(report),
            )
        if raw.raw_path == "/metrics":
            headers = (("content-type", CONTENT_TYPE_LATEST),)
            return Answer(status=200, headers=headers, body=generate_latest(registry))
        return _text(404, "/health and /metrics are here\n")

    return edge_server(answer, clock=clock)


def _text(status: int, sentence: str) -> Answer:
    return Answer(
        status=status, headers=(("content-type", "text/plain; charset=utf-8"),), body=sentence.encode()
    )
