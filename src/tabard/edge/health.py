"""Health and metrics: a loopback listener of its own, which answers only to its own address."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tabard.audit.queue import AuditQueue
from tabard.store.snapshot_source import SnapshotHealth


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


def health_server(health: Health) -> web.Server:
    """`GET /health` (200, or 503 where requests are refused) and `GET /metrics`."""
    registry = CollectorRegistry()
    registry.register(_HealthCollector(health))

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        # DNS rebinding: a page that made its own name resolve to us still sends that name.
        local = request.transport.get_extra_info("sockname") if request.transport is not None else None
        if local is None or request.headers.get("Host") != f"{local[0]}:{local[1]}":
            return web.Response(status=421, text="the Host is not this listener's address\n")
        if request.method != "GET":
            return web.Response(status=405, headers={"Allow": "GET"})
        if request.path == "/health":
            report = health.report()
            return web.Response(
                status=503 if report["status"] == "refusing" else 200,
                body=msgspec.json.encode(report),
                content_type="application/json",
            )
        if request.path == "/metrics":
            return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
        return web.Response(status=404, text="/health and /metrics are here\n")

    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] = answer
    return web.Server(handler, access_log=None, max_headers=64, keepalive_timeout=15.0)
