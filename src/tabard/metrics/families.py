"""The table of all metrics: name, kind, labels and meaning. docs/health.md documents each row.

Prometheus: https://prometheus.io/docs/practices/naming/ (base units, `_total` for counters).
INVARIANT: every label has few values. An operation's name comes from the table of operations, or is `other`.
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram"]

OTHER: Final = "other"
"""The value of a label whose real value is not in a table of ours."""

LATENCY_SECONDS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric. `buckets`: the upper bounds of a histogram, ascending, without infinity."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def cells(self) -> int:
        """Return the number of cells of one series: of a histogram, its buckets, infinity, and the sum."""
        return len(self.buckets) + 2 if self.kind == "histogram" else 1


REQUESTS: Final = Family(
    name="tabard_requests_total",
    kind="counter",
    labels=("service", "operation", "status"),
    meaning="answered AWS requests by HTTP status",
)
REQUEST_SECONDS: Final = Family(
    name="tabard_request_duration_seconds",
    kind="histogram",
    labels=("service",),
    buckets=LATENCY_SECONDS,
    meaning="time from the head of a request to the head of its answer, without agents' long polls",
)
OUTCOMES: Final = Family(
    name="tabard_request_outcomes_total",
    kind="counter",
    labels=("service", "outcome"),
    meaning="requests by their outcome in the audit: `allowed`, `denied`, `refused` (no valid signature or "
    "input), `not_offered`, `failed`",
)
DECISIONS: Final = Family(
    name="tabard_decisions_total",
    kind="counter",
    labels=("effect", "layer"),
    meaning="decisions by effect and by the kind of policy that decided; one request may need several",
)
UPSTREAM_SECONDS: Final = Family(
    name="tabard_upstream_request_duration_seconds",
    kind="histogram",
    labels=("service",),
    buckets=LATENCY_SECONDS,
    meaning="time that a forwarded request took in the store behind `service`, failures included",
)
UPSTREAM_FAILURES: Final = Family(
    name="tabard_upstream_failures_total",
    kind="counter",
    labels=("service",),
    meaning="forwarded requests that the store behind `service` did not answer, or failed at",
)
SESSIONS_MINTED: Final = Family(
    name="tabard_sessions_minted_total",
    kind="counter",
    labels=("operation",),
    meaning="sessions that edges minted, by operation",
)
INSTANCE_SESSIONS: Final = Family(
    name="tabard_instance_sessions_total",
    kind="counter",
    labels=("outcome",),
    meaning="sessions that agents asked for: `minted` (the first of a role), `renewed`, `refused` by policy, "
    "`failed` (the edge did not answer)",
)
METADATA_REQUESTS: Final = Family(
    name="tabard_metadata_requests_total",
    kind="counter",
    labels=("kind", "status"),
    meaning="requests to instances' metadata services: `token`, `credentials`, `identity` or `other`",
)
AUDIT_LOST: Final = Family(
    name="tabard_audit_events_lost_total",
    kind="counter",
    meaning="audit events that did not fit into the queue, could not be written, or waited in memory when "
    "their process was killed",
)
SNAPSHOT_VERSION: Final = Family(
    name="tabard_snapshot_version",
    kind="gauge",
    labels=("process",),
    meaning="version of the snapshot that decides",
)
SNAPSHOT_AGE: Final = Family(
    name="tabard_snapshot_age_seconds",
    kind="gauge",
    labels=("process",),
    meaning="seconds since the store confirmed that the snapshot is the newest",
)
STORE_AVAILABLE: Final = Family(
    name="tabard_store_available",
    kind="gauge",
    labels=("process",),
    meaning="1 while the edge reaches the store and can write to it, else 0",
)
AUDIT_WAITING: Final = Family(
    name="tabard_audit_events_waiting",
    kind="gauge",
    labels=("process",),
    meaning="audit events that are not yet written",
)
AUDIT_LAG: Final = Family(
    name="tabard_audit_lag_seconds",
    kind="gauge",
    labels=("process",),
    meaning="how long the audit has not caught up with its queue; 0 where nothing waits",
)
PROCESS_UP: Final = Family(
    name="tabard_process_up",
    kind="gauge",
    labels=("process",),
    meaning="1 while the process runs and answers, else 0",
)
PROCESS_RESTARTS: Final = Family(
    name="tabard_process_restarts_total",
    kind="counter",
    labels=("process",),
    meaning="restarts of a process that ended by itself or was killed",
)
OPEN_DESCRIPTORS: Final = Family(
    name="tabard_process_open_descriptors",
    kind="gauge",
    labels=("process",),
    meaning="open file descriptors (Linux)",
)
DESCRIPTOR_LIMIT: Final = Family(
    name="tabard_process_descriptor_limit",
    kind="gauge",
    labels=("process",),
    meaning="the most file descriptors that the process may have open (Linux)",
)
RESIDENT_BYTES: Final = Family(
    name="tabard_process_resident_memory_bytes",
    kind="gauge",
    labels=("process",),
    meaning="memory of the process that is in RAM (Linux)",
)
CERTIFICATE_EXPIRY: Final = Family(
    name="tabard_certificate_expiry_timestamp_seconds",
    kind="gauge",
    labels=("certificate",),
    meaning="UNIX time at which the certificate expires: `authority`, `edge` or `metrics`; "
    "the earliest where several processes have one",
)
SERIES_DROPPED: Final = Family(
    name="tabard_metrics_series_dropped_total",
    kind="counter",
    meaning="counts that had no room in the memory for metrics; other than 0 is a fault of Tabard",
)
BUILD_INFO: Final = Family(
    name="tabard_build_info",
    kind="gauge",
    labels=("version",),
    meaning="1; the label is Tabard's version",
)

FAMILIES: Final = (
    REQUESTS, REQUEST_SECONDS, OUTCOMES, DECISIONS, UPSTREAM_SECONDS, UPSTREAM_FAILURES, SESSIONS_MINTED,
    INSTANCE_SESSIONS, METADATA_REQUESTS, AUDIT_LOST, SNAPSHOT_VERSION, SNAPSHOT_AGE, STORE_AVAILABLE,
    AUDIT_WAITING, AUDIT_LAG, PROCESS_UP, PROCESS_RESTARTS, OPEN_DESCRIPTORS, DESCRIPTOR_LIMIT,
    RESIDENT_BYTES, CERTIFICATE_EXPIRY, SERIES_DROPPED, BUILD_INFO,
)  # fmt: skip
