"""Processes of an installation as their parent sees them: all well, for a test to change."""

from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec.structs import replace as with_

from tabard.clock import ClockReading
from tabard.metrics.processes_seen import ProcessSeen
from tabard.metrics.report import AuditReport, ProcessReport, SnapshotReport
from tabard.metrics.system_health import SystemSeen

NOW = ClockReading(boottime_seconds=1000.0, wall=datetime(2026, 12, 1, 12, 0, tzinfo=UTC))
MONOTONIC_SECONDS = 500.0
SNAPSHOT = SnapshotReport(version=7, confirmed_boottime_seconds=999.99, bound_seconds=60.0, serving=True)
CAUGHT_UP = AuditReport(waiting=0, lag_seconds=0.0, lost=0)
REPORT = ProcessReport(
    pid=41,
    state="serving",
    at_monotonic_seconds=MONOTONIC_SECONDS - 0.5,
    snapshot=SNAPSHOT,
    audit=CAUGHT_UP,
)
EDGE = ProcessSeen(name="edge-0", state="running", pid=41, report=REPORT)
AGENT = ProcessSeen(
    name="agent", state="running", pid=42, report=with_(REPORT, pid=42, snapshot=None, audit=None)
)
UPSTREAM = ProcessSeen(name="seaweedfs", state="running", pid=43, reports=False, answered=True)


def system_seen(*processes: ProcessSeen, certificates: Mapping[str, float] | None = None) -> SystemSeen:
    """An installation of these processes; of an edge, an agent and an upstream where none is given."""
    return SystemSeen(
        processes=processes or (EDGE, AGENT, UPSTREAM),
        upstream_isolation="none (tests)",
        instance_isolation="none",
        now=NOW,
        now_monotonic_seconds=MONOTONIC_SECONDS,
        certificates=certificates or {},
    )
