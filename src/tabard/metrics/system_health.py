"""The health of an installation: one answer from the states of all its processes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tabard.clock import ClockReading
from tabard.metrics.processes_seen import ProcessSeen
from tabard.metrics.report import SnapshotReport

AUDIT_LAG_SECONDS: Final = 30.0
CERTIFICATE_SECONDS: Final = 24 * 3600.0
"""A certificate that expires within this time, or has expired, degrades the health."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSeen:
    """All that the health and the metrics are made of. `certificates`: the parent's own, by name."""

    processes: Sequence[ProcessSeen]
    certificates: Mapping[str, float]
    upstream_isolation: str
    instance_isolation: str
    now: ClockReading
    now_monotonic_seconds: float

    def state_of(self, process: ProcessSeen) -> str:
        """Return the state of a process in words."""
        return process.state_in_words(now_monotonic_seconds=self.now_monotonic_seconds)

    def age_of(self, snapshot: SnapshotReport) -> float:
        """Seconds since the store confirmed the snapshot: it grows while its process hangs."""
        return max(0.0, self.now.boottime_seconds - snapshot.confirmed_boottime_seconds)

    def expiries(self) -> dict[str, float]:
        """UNIX time of the earliest expiry by name of certificate."""
        earliest = dict(self.certificates)
        for process in self.processes:
            if process.own_report is not None:
                for name, expiry in process.own_report.certificates.items():
                    earliest[name] = min(expiry, earliest.get(name, expiry))
        return earliest


def system_health(seen: SystemSeen) -> dict[str, object]:
    """Return the health as it is answered; `status` is `ok`, `degraded` or `refusing`.

    Refusing: no edge serves requests, or one refuses them. Degraded: anything else is amiss; `reasons` says
    what.
    """
    edges = [process for process in seen.processes if process.name.startswith("edge-")]
    serving = [edge for edge in edges if seen.state_of(edge) == "serving"]
    reports = [edge.own_report for edge in edges]
    snapshots = [report.snapshot for report in reports if report is not None and report.snapshot is not None]
    audits = [report.audit for report in reports if report is not None and report.audit is not None]
    refusing = [
        f"{edge.name}: refuses requests"
        for edge in serving
        if (report := edge.own_report) is not None
        and report.snapshot is not None
        and not report.snapshot.serving
    ]
    if not serving:
        refusing.append("no edge serves requests")
    degraded = [reason for process in seen.processes for reason in _reasons(seen, process)]
    degraded += [
        f"the certificate {name} expires within a day, or has expired"
        for name, expiry in seen.expiries().items()
        if expiry - seen.now.wall.timestamp() < CERTIFICATE_SECONDS
    ]
    store = [snapshot.store for snapshot in snapshots if snapshot.store]
    read_only = [audit.failing for audit in audits if audit.failing]
    return {
        "status": "refusing" if refusing else "degraded" if degraded else "ok",
        "reasons": refusing + degraded,
        "store": f"away: {store[0]}" if store else f"read-only: {read_only[0]}" if read_only else "available",
        "snapshot_version": min((snapshot.version for snapshot in snapshots), default=-1),
        "snapshot_confirmed_seconds_ago": round(max(map(seen.age_of, snapshots), default=1e9), 3),
        "audit_waiting": sum(audit.waiting for audit in audits),
        "audit_lag_seconds": round(max((audit.lag_seconds for audit in audits), default=0.0), 3),
        "audit_lost": sum(
            edge.report.audit.lost
            for edge in edges
            if edge.report is not None and edge.report.audit is not None
        ),
        "upstream_isolation": seen.upstream_isolation,
        "instance_isolation": seen.instance_isolation,
        "certificates": {name: int(expiry) for name, expiry in sorted(seen.expiries().items())},
        "processes": [_shown(seen, process) for process in seen.processes],
    }


def _reasons(seen: SystemSeen, process: ProcessSeen) -> list[str]:
    """Why one process degrades the health."""
    reasons = []
    state = seen.state_of(process)
    if state in ("not answering", "restarting", "stopped"):
        reasons.append(state)
    if process.usage.descriptors_are_scarce:
        usage = process.usage
        reasons.append(f"uses {usage.open_descriptors} of {usage.descriptor_limit} file descriptors")
    report = process.own_report
    if report is not None and report.snapshot is not None and report.snapshot.store:
        reasons.append(f"the store is away: {report.snapshot.store}")
    if report is not None and report.audit is not None:
        if report.audit.failing:
            reasons.append(f"the audit cannot be written: {report.audit.failing}")
        elif report.audit.lag_seconds > AUDIT_LAG_SECONDS:
            reasons.append(f"the audit is {report.audit.lag_seconds:.0f} seconds behind")
    return [f"{process.name}: {reason}" for reason in reasons]


def _shown(seen: SystemSeen, process: ProcessSeen) -> dict[str, object]:
    """Return one process in the answer."""
    shown: dict[str, object] = {
        "name": process.name,
        "state": seen.state_of(process),
        "pid": process.pid,
        "restarts": process.restarts,
    }
    if process.usage.descriptor_limit:
        shown["open_descriptors"] = process.usage.open_descriptors
        shown["descriptor_limit"] = process.usage.descriptor_limit
    report = process.own_report
    if report is not None and report.snapshot is not None:
        shown["snapshot_version"] = report.snapshot.version
        shown["snapshot_confirmed_seconds_ago"] = round(seen.age_of(report.snapshot), 3)
    if report is not None and report.audit is not None:
        shown["audit_waiting"] = report.audit.waiting
    return shown
