"""Every member of the health and every metric is documented."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, generate_latest

from tabard.audit.queue import AuditQueue
from tabard.edge import health
from tabard.edge.health import Health
from tabard.model.audit_event import AuditEvent
from tabard.store.snapshot_source import SnapshotHealth
from tests.support.repository_texts import read


class _Source:
    def health(self) -> SnapshotHealth:
        return SnapshotHealth(
            version=1, confirmed_seconds_ago=0.0, bound_seconds=3600.0, store_available=True, reason=""
        )


def _sink(_: Sequence[AuditEvent]) -> None:
    return None


async def test_the_page_has_every_member_and_every_metric() -> None:
    told = Health(
        snapshots=_Source(), audit=AuditQueue(_sink), upstream_isolation="none", instance_isolation="none"
    )
    page = read("docs/health.md")
    for member in told.report():
        assert f"| `{member}` |" in page
    registry = CollectorRegistry()
    registry.register(health._HealthCollector(told))
    names = {
        line.split()[0]
        for line in generate_latest(registry).decode().splitlines()
        if line and not line.startswith("#")
    }
    assert names
    for name in names:
        assert f"| `{name}` |" in page
