"""What an edge reports about itself: its snapshot, its audit queue, its certificates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tabard.audit.queue import AuditQueue
from tabard.clock import ManualClock
from tabard.edge.edge_report import EdgeReport
from tabard.metrics.exposition import summed
from tabard.metrics.families import AUDIT_LOST
from tabard.metrics.page import MetricsPage
from tabard.metrics.report import AuditReport, ProcessReport, read_report, write_report
from tabard.model.audit_event import AuditEvent
from tabard.store.ports import StoreUnavailable
from tabard.store.snapshot_source import SnapshotHealth
from tests.support.aggregates import audit_event

SECOND = timedelta(seconds=1)


@dataclass
class Snapshots:
    """A source that is as well as it is told."""

    said: SnapshotHealth

    def health(self) -> SnapshotHealth:
        return self.said


WELL = SnapshotHealth(version=7, confirmed_seconds_ago=2.0, bound_seconds=60, store_available=True, reason="")


class Sink:
    """Writes what it is given while it may."""

    def __init__(self) -> None:
        self.available = True

    def __call__(self, events: Sequence[AuditEvent]) -> None:
        if not self.available:
            raise StoreUnavailable("away")


def report_of(
    page: MetricsPage, audit: AuditQueue, clock: ManualClock, *, said: SnapshotHealth = WELL
) -> EdgeReport:
    return EdgeReport(
        page=page, snapshots=Snapshots(said), audit=audit, clock=clock, certificates={"edge": 5e9}
    )


def lost_in(page: MetricsPage) -> float:
    return summed([page])[AUDIT_LOST][()][0]


def manual_clock() -> ManualClock:
    return ManualClock(datetime(2026, 12, 1, tzinfo=UTC), elapsed_seconds=100.0, slept_seconds=1000.0)


def test_the_snapshot_is_reported_by_the_boot_time_of_its_confirmation() -> None:
    said = report_of(MetricsPage.private(), AuditQueue(Sink()), manual_clock())()
    assert said.snapshot is not None
    assert said.snapshot.confirmed_boottime_seconds == 1098.0
    assert (said.snapshot.version, said.snapshot.store, said.snapshot.serving) == (7, "", True)
    assert (said.state, said.certificates) == ("serving", {"edge": 5e9})


def test_a_store_that_is_away_is_named_even_without_a_reason() -> None:
    away = SnapshotHealth(
        version=-1, confirmed_seconds_ago=float("inf"), bound_seconds=60, store_available=False, reason=""
    )
    said = report_of(MetricsPage.private(), AuditQueue(Sink()), manual_clock(), said=away)()
    assert said.snapshot is not None
    assert (said.snapshot.store, said.snapshot.serving) == ("unknown", False)


async def test_the_lag_is_the_age_of_the_oldest_event_that_waits() -> None:
    sink, clock = Sink(), manual_clock()
    audit = AuditQueue(sink)
    report = report_of(MetricsPage.private(), audit, clock)

    def lag() -> float:
        clock.advance(SECOND)
        said = report().audit
        assert said is not None
        return said.lag_seconds

    sink.available = False
    assert lag() == 0.0
    audit.record(audit_event())
    assert [lag(), lag(), lag()] == [0.0, 1.0, 2.0]
    audit.record(audit_event())
    assert lag() == 3.0
    await audit.flush()
    assert lag() == 4.0  # nothing could be written
    sink.available = True
    await audit.flush()
    assert lag() == 0.0
    audit.record(audit_event())
    assert [lag(), lag()] == [0.0, 1.0]


def test_what_did_not_fit_is_counted_once_in_the_page() -> None:
    page, audit = MetricsPage.private(), AuditQueue(Sink(), capacity=1)
    report = report_of(page, audit, manual_clock())
    for _ in range(4):
        audit.record(audit_event())
    report()
    report()
    assert lost_in(page) == 3.0
    audit.record(audit_event())
    said = report().audit
    assert said is not None
    assert (lost_in(page), said.lost) == (4.0, 4)


def test_what_waited_in_a_killed_predecessor_counts_as_lost() -> None:
    page, clock = MetricsPage.private(), manual_clock()
    waiting = AuditReport(waiting=5, lag_seconds=0.0, lost=0)
    write_report(page, ProcessReport(pid=1, state="serving", at_monotonic_seconds=0.0, audit=waiting))
    report = report_of(page, AuditQueue(Sink()), clock)
    assert lost_in(page) == 5.0
    write_report(page, report())
    report_of(page, AuditQueue(Sink()), clock)
    assert lost_in(page) == 5.0
    assert read_report(page) is not None
