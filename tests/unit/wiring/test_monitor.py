"""The parent's watch over its children: hung, killed, restarted, out of descriptors."""

import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from tabard.clock import ManualClock
from tabard.metrics.counters import Counter
from tabard.metrics.families import REQUESTS
from tabard.metrics.page import MetricsPage
from tabard.metrics.report import ProcessReport, SnapshotReport, write_report
from tabard.processes.spec import CHILD_EXITED, CHILD_RESTARTED, ChildEvent, ChildState, ChildStatus
from tabard.wiring.monitor import DESCRIPTORS_RUNNING_OUT, DESCRIPTORS_SUFFICE_AGAIN, Monitor

SERIES = 'tabard_requests_total{operation="GetObject",service="s3",status="200"}'


@dataclass
class Children:
    """A supervisor of one edge and one upstream; the pids are this process's, so that they exist."""

    edge_pid: int | None = field(default_factory=os.getpid)
    edge_state: ChildState = "running"

    def statuses(self) -> tuple[ChildStatus, ...]:
        return (
            ChildStatus(name="seaweedfs", state="running", pid=os.getppid(), restarts=0),
            ChildStatus(name="edge-0", state=self.edge_state, pid=self.edge_pid, restarts=0),
        )


@dataclass
class Watched:
    """A monitor, and an edge's page as the edge has it."""

    clock: ManualClock
    monitor: Monitor
    children: Children
    page: MetricsPage
    upstream_answers: bool = True
    probes: int = 0

    async def probe(self) -> bool:
        self.probes += 1
        return self.upstream_answers

    def report(self, *, pid: int | None = None) -> None:
        """The edge reports that it serves."""
        snapshot = SnapshotReport(
            version=7,
            confirmed_boottime_seconds=self.clock.boottime_seconds(),
            bound_seconds=60.0,
            serving=True,
        )
        write_report(
            self.page,
            ProcessReport(
                pid=pid or os.getpid(),
                state="serving",
                at_monotonic_seconds=self.clock.monotonic_seconds(),
                snapshot=snapshot,
            ),
        )

    async def status(self) -> tuple[object, object]:
        health = await self.monitor.health()
        return health["status"], health["reasons"]

    async def metric(self, series: str) -> str:
        lines = (await self.monitor.metrics()).decode().splitlines()
        (value,) = (line.rpartition(" ")[2] for line in lines if line.rpartition(" ")[0] == series)
        return value


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    clock = ManualClock(datetime(2026, 12, 1, tzinfo=UTC), elapsed_seconds=100.0)
    monitor, children = Monitor(clock=clock), Children()
    page = MetricsPage.of(monitor.page_descriptor("edge-0"))
    here = Watched(clock=clock, monitor=monitor, children=children, page=page)
    monitor.watch(children, {"seaweedfs": here.probe})
    yield here
    monitor.close()


async def test_all_is_well(watched: Watched) -> None:
    watched.report()
    assert await watched.status() == ("ok", [])
    assert await watched.metric('tabard_process_up{process="edge-0"}') == "1.0"


async def test_a_hung_child_delays_nobody_and_shows(watched: Watched) -> None:
    """Nothing is asked of the child: its last report grows old."""
    watched.report()
    watched.clock.advance(timedelta(seconds=9.9))
    assert (await watched.status())[0] == "ok"
    watched.clock.advance(timedelta(seconds=0.2))
    assert await watched.status() == ("refusing", ["no edge serves requests", "edge-0: not answering"])
    assert await watched.metric('tabard_process_up{process="edge-0"}') == "0.0"


async def test_sleep_of_the_machine_is_no_silence_of_its_processes(watched: Watched) -> None:
    watched.report()
    watched.clock.sleep(timedelta(hours=8))
    assert (await watched.status())[0] == "ok"


async def test_counts_stay_when_the_child_is_killed_and_go_on_in_its_successor(watched: Watched) -> None:
    watched.report()
    Counter(watched.page, REQUESTS).add(("s3", "GetObject", "200"), amount=5)
    watched.children.edge_pid, watched.children.edge_state = None, "restarting"
    watched.monitor.note(ChildEvent(event=CHILD_EXITED, child="edge-0", pid=1, expected=False))
    assert await watched.metric(SERIES) == "5.0"
    watched.children.edge_pid, watched.children.edge_state = os.getpid(), "running"
    watched.monitor.note(ChildEvent(event=CHILD_RESTARTED, child="edge-0", pid=2))
    successor = MetricsPage.of(watched.monitor.page_descriptor("edge-0"))
    Counter(successor, REQUESTS).add(("s3", "GetObject", "200"))
    assert await watched.metric(SERIES) == "6.0"
    assert await watched.metric('tabard_process_restarts_total{process="edge-0"}') == "1.0"


async def test_restarts_outlive_a_reset(watched: Watched) -> None:
    watched.monitor.note(ChildEvent(event=CHILD_RESTARTED, child="edge-0", pid=2))
    watched.monitor.watch(Children(), {})
    assert await watched.metric('tabard_process_restarts_total{process="edge-0"}') == "1.0"


async def test_a_predecessors_report_does_not_make_a_child_ready(watched: Watched) -> None:
    watched.report(pid=1)
    assert not await watched.monitor.is_serving("edge-0")
    assert (await watched.status())[0] == "refusing"
    watched.report()
    assert await watched.monitor.is_serving("edge-0")


async def test_a_report_that_is_half_written_leaves_the_last_one(watched: Watched) -> None:
    watched.report()
    assert (await watched.status())[0] == "ok"
    watched.page.write_report(b'{"pid": ')
    assert (await watched.status())[0] == "ok"


async def test_an_upstream_is_asked_once_in_five_seconds(watched: Watched) -> None:
    watched.report()
    watched.upstream_answers = False
    for _ in range(3):
        assert await watched.status() == ("degraded", ["seaweedfs: not answering"])
    assert watched.probes == 1
    watched.clock.advance(timedelta(seconds=5))
    watched.report()
    watched.upstream_answers = True
    assert await watched.status() == ("ok", [])


HOLDING = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
held = []
try:
    while True:
        held.append(os.dup(0))
except OSError:
    print("full", flush=True)
sys.stdin.readline()
for descriptor in held:
    os.close(descriptor)
print("empty", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def holder() -> Iterator["subprocess.Popen[str]"]:
    """A process that has no descriptor left, until it reads a line."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "full\n"
        yield process
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
async def test_running_out_of_descriptors_shows_in_log_and_health(
    watched: Watched, holder: "subprocess.Popen[str]"
) -> None:
    assert holder.stdin is not None
    assert holder.stdout is not None
    watched.children.edge_pid = holder.pid
    watched.report(pid=holder.pid)
    with capture_logs() as logs:
        assert await watched.status() == ("degraded", ["edge-0: uses 20 of 20 file descriptors"])
        await watched.status()
    assert [(entry["event"], entry["process"], entry["log_level"]) for entry in logs] == [
        (DESCRIPTORS_RUNNING_OUT, "edge-0", "warning")
    ]
    holder.stdin.write("\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "empty\n"
    with capture_logs() as logs:
        assert await watched.status() == ("ok", [])
    assert [entry["event"] for entry in logs] == [DESCRIPTORS_SUFFICE_AGAIN]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
async def test_the_parents_own_descriptors_are_counted(watched: Watched) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert await watched.metric('tabard_process_descriptor_limit{process="parent"}') == str(float(soft))
