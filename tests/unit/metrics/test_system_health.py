"""The health of an installation: one status and its reasons, from the states of all processes."""

import json
from dataclasses import replace

import pytest
from msgspec.structs import replace as with_
from prometheus_client.parser import text_string_to_metric_families

from tabard.metrics.exposition import exposition
from tabard.metrics.page import MetricsPage
from tabard.metrics.processes_seen import ProcessSeen, ProcessUsage
from tabard.metrics.report import SnapshotReport
from tabard.metrics.system_health import system_health
from tests.support.system_seen import (
    AGENT,
    CAUGHT_UP,
    EDGE,
    MONOTONIC_SECONDS,
    NOW,
    REPORT,
    SNAPSHOT,
    UPSTREAM,
    system_seen,
)


def edge(**changes: object) -> ProcessSeen:
    """An edge whose report has these changes."""
    return replace(EDGE, report=with_(REPORT, **changes))


@pytest.mark.parametrize(
    ("snapshot", "failing", "status", "store"),
    [
        (SNAPSHOT, "", "ok", "available"),
        (with_(SNAPSHOT, store="gone"), "", "degraded", "away: gone"),
        (SNAPSHOT, "locked", "degraded", "read-only: locked"),
        (with_(SNAPSHOT, confirmed_boottime_seconds=939.0, serving=False), "", "refusing", "available"),
        (
            with_(SNAPSHOT, version=-1, confirmed_boottime_seconds=0.0, serving=False),
            "",
            "refusing",
            "available",
        ),
    ],
)
def test_health_says_how_it_is(snapshot: SnapshotReport, failing: str, status: str, store: str) -> None:
    said = system_health(system_seen(edge(snapshot=snapshot, audit=with_(CAUGHT_UP, failing=failing))))
    assert (said["status"], said["store"]) == (status, store)
    assert said["upstream_isolation"] == "none (tests)"
    assert said["snapshot_version"] == snapshot.version
    assert json.dumps(said)


def test_all_is_well_and_there_are_no_reasons() -> None:
    said = system_health(system_seen())
    assert (said["status"], said["reasons"]) == ("ok", [])


HUNG = edge(at_monotonic_seconds=MONOTONIC_SECONDS - 11)


@pytest.mark.parametrize(
    ("processes", "status", "reason"),
    [
        ((replace(HUNG, name="edge-1"), EDGE), "degraded", "edge-1: not answering"),
        ((HUNG,), "refusing", "no edge serves requests"),
        ((replace(EDGE, pid=99),), "refusing", "no edge serves requests"),  # a new one is still starting
        ((AGENT,), "refusing", "no edge serves requests"),
        ((EDGE, replace(AGENT, state="restarting")), "degraded", "agent: restarting"),
        ((EDGE, replace(AGENT, state="stopped", pid=None)), "degraded", "agent: stopped"),
        ((EDGE, replace(UPSTREAM, answered=False)), "degraded", "seaweedfs: not answering"),
        (
            (edge(snapshot=with_(SNAPSHOT, serving=False)), replace(EDGE, name="edge-1")),
            "refusing",
            "edge-0: refuses requests",
        ),
        (
            (edge(audit=with_(CAUGHT_UP, lag_seconds=31.0)),),
            "degraded",
            "edge-0: the audit is 31 seconds behind",
        ),
        (
            (replace(EDGE, usage=ProcessUsage(open_descriptors=950, descriptor_limit=1000)),),
            "degraded",
            "edge-0: uses 950 of 1000 file descriptors",
        ),
    ],
)
def test_each_reason_names_the_process(processes: tuple[ProcessSeen, ...], status: str, reason: str) -> None:
    said = system_health(system_seen(*processes))
    assert said["status"] == status
    assert reason in said["reasons"]


@pytest.mark.parametrize(
    "process",
    [
        replace(AGENT, name="agent-stand-by", state="starting", pid=None),
        replace(
            AGENT,
            name="agent-stand-by",
            report=with_(REPORT, pid=42, state="standing by", at_monotonic_seconds=0.0),
        ),
        replace(UPSTREAM, answered=None),
    ],
)
def test_a_stand_by_may_start_late_and_wait_for_ever(process: ProcessSeen) -> None:
    assert system_health(system_seen(EDGE, process))["status"] == "ok"


@pytest.mark.parametrize(
    ("days", "status"), [(30.0, "ok"), (1.01, "ok"), (0.99, "degraded"), (-1.0, "degraded")]
)
def test_a_certificate_degrades_the_health_a_day_before_it_expires(days: float, status: str) -> None:
    expiry = NOW.wall.timestamp() + days * 86400
    assert system_health(system_seen(EDGE, certificates={"metrics": expiry}))["status"] == status
    assert system_health(system_seen(edge(certificates={"edge": expiry})))["status"] == status


def test_the_earliest_of_several_certificates_counts() -> None:
    first, second = edge(certificates={"edge": 5e9}), replace(edge(certificates={"edge": 4e9}), name="edge-1")
    assert system_seen(first, second).expiries() == {"edge": 4e9}


def test_the_age_of_a_snapshot_grows_while_its_process_hangs() -> None:
    hung = edge(
        snapshot=with_(SNAPSHOT, confirmed_boottime_seconds=900.0),
        at_monotonic_seconds=MONOTONIC_SECONDS - 100,
    )
    assert system_health(system_seen(hung, EDGE))["snapshot_confirmed_seconds_ago"] == 100.0


def test_the_metrics_say_the_same_as_the_health() -> None:
    hung = replace(
        HUNG, name="edge-1", restarts=3, usage=ProcessUsage(open_descriptors=9, descriptor_limit=10)
    )
    written = exposition(
        [MetricsPage.private()], system_seen(EDGE, hung, certificates={"metrics": 5e9})
    ).decode()
    values = {
        (sample.name, sample.labels.get("process", "")): sample.value
        for family in text_string_to_metric_families(written)
        for sample in family.samples
    }
    assert values["tabard_process_up", "edge-0"] == 1.0
    assert values["tabard_process_up", "edge-1"] == 0.0
    assert values["tabard_process_restarts_total", "edge-1"] == 3.0
    assert values["tabard_process_open_descriptors", "edge-1"] == 9.0
    assert values["tabard_snapshot_version", "edge-0"] == 7.0
    assert values["tabard_snapshot_age_seconds", "edge-0"] == pytest.approx(0.01)
    assert values["tabard_store_available", "edge-0"] == 1.0
    assert values["tabard_certificate_expiry_timestamp_seconds", ""] == 5e9


def test_what_a_dead_edge_lost_stays_in_the_sum() -> None:
    dead = replace(edge(audit=with_(CAUGHT_UP, lost=3)), name="edge-1", state="restarting", pid=None)
    assert system_health(system_seen(edge(audit=with_(CAUGHT_UP, lost=2)), dead))["audit_lost"] == 5
