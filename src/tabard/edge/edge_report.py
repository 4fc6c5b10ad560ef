"""The report that each edge process writes every second."""

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tabard.audit.queue import AuditQueue
from tabard.clock import Clock
from tabard.metrics.counters import Counter
from tabard.metrics.families import AUDIT_LOST
from tabard.metrics.page import MetricsPage
from tabard.metrics.report import AuditReport, ProcessReport, SnapshotReport, State, read_report
from tabard.store.snapshot_source import SnapshotHealth

_MOST_SAMPLES = 1000


class HealthySource(Protocol):
    """A snapshot source that reports its health."""

    def health(self) -> SnapshotHealth:
        """Return the age of its snapshot."""


@dataclass(slots=True)
class EdgeReport:
    """Makes the report. `certificates` has the UNIX time of expiry by name; its owner updates it."""

    page: MetricsPage = field(repr=False)
    snapshots: HealthySource = field(repr=False)
    audit: AuditQueue = field(repr=False)
    clock: Clock
    certificates: Mapping[str, float]
    state: State = "serving"
    _lost: Counter = field(init=False, repr=False)
    _lost_before: int = 0
    _recorded: deque[tuple[float, int]] = field(default_factory=deque, repr=False)

    def __post_init__(self) -> None:
        """Count as lost the events that a killed predecessor had not written when it last reported."""
        self._lost = Counter(self.page, AUDIT_LOST)
        former = read_report(self.page)
        if former is not None and former.audit is not None:
            self._lost.add(amount=former.audit.waiting)

    def __call__(self) -> ProcessReport:
        """Return the current report."""
        snapshot = self.snapshots.health()
        now_seconds = self.clock.monotonic_seconds()
        self._lost.add(amount=self.audit.overflow_count - self._lost_before)
        self._lost_before = self.audit.overflow_count
        return ProcessReport(
            pid=os.getpid(),
            state=self.state,
            at_monotonic_seconds=now_seconds,
            snapshot=SnapshotReport(
                version=snapshot.version,
                confirmed_boottime_seconds=self.clock.boottime_seconds()
                - min(snapshot.confirmed_seconds_ago, 1e9),
                bound_seconds=snapshot.bound_seconds,
                serving=snapshot.serving,
                store="" if snapshot.store_available else snapshot.reason[:1000] or "unknown",
            ),
            audit=AuditReport(
                waiting=len(self.audit),
                lag_seconds=self._audit_lag_seconds(now_seconds),
                lost=int(self._lost.value()),
                failing=self.audit.failing_because[:1000],
            ),
            certificates=dict(self.certificates),
        )

    def _audit_lag_seconds(self, now_seconds: float) -> float:
        """Return for how long the oldest waiting event has waited, as far as the reports so far show.

        The n-th event ever recorded is written once n events are: so the lag is the age of the oldest report
        at which more events had been recorded than are written now.
        """
        written = self.audit.written_count
        while self._recorded and self._recorded[0][1] <= written:
            self._recorded.popleft()
        lag_seconds = now_seconds - self._recorded[0][0] if self._recorded else 0.0
        recorded = written + len(self.audit)
        if recorded > written and (not self._recorded or self._recorded[-1][1] < recorded):
            self._recorded.append((now_seconds, recorded))
            if len(self._recorded) > _MOST_SAMPLES:
                del self._recorded[1]  # INVARIANT: the oldest stays: it is the lag
        return lag_seconds
