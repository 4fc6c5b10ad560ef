"""The parent's view of all processes of an installation, for `/health` and `/metrics`."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

import structlog

from tabard.clock import Clock, read_clocks
from tabard.metrics.exposition import exposition
from tabard.metrics.page import MetricsPage, new_page_descriptor
from tabard.metrics.process_usage import usage_of
from tabard.metrics.processes_seen import ProcessSeen
from tabard.metrics.report import ProcessReport, read_report
from tabard.metrics.system_health import SystemSeen, system_health
from tabard.processes.spec import CHILD_RESTARTED, ChildEvent, ChildStatus, ReadyProbe

LOOK_EVERY_SECONDS = 5.0
PROBE_SECONDS = 1.0
PARENT = "parent"
DESCRIPTORS_RUNNING_OUT = "descriptors_running_out"
DESCRIPTORS_SUFFICE_AGAIN = "descriptors_suffice_again"

_log = structlog.get_logger(__name__)


class Supervising(Protocol):
    """A supervisor with its children."""

    def statuses(self) -> tuple[ChildStatus, ...]:
        """Return the state of each child, in the order of their start."""


class Monitor:
    """Has a page for each child. It reads the pages for each request, and every five seconds."""

    def __init__(self, *, clock: Clock, upstream_isolation: str = "", instance_isolation: str = "") -> None:
        self._clock = clock
        self.upstream_isolation = upstream_isolation
        self.instance_isolation = instance_isolation
        self.certificates: dict[str, float] = {}
        """The UNIX time of expiry of the parent's own certificates, by name."""
        self._descriptors: dict[str, int] = {}
        self._pages: dict[str, MetricsPage] = {}
        self._last_reports: dict[str, ProcessReport] = {}
        self._restarts: dict[str, int] = {}
        self._scarce: set[str] = set()
        self._supervisor: Supervising | None = None
        self._probes: Mapping[str, ReadyProbe] = {}
        self._answered: dict[str, bool] = {}
        self._probed_at_seconds = float("-inf")
        self._probing = asyncio.Lock()

    def page_descriptor(self, name: str) -> int:
        """Return the descriptor of a child's page, which each incarnation of the child inherits."""
        if name not in self._descriptors:
            self._descriptors[name] = descriptor = new_page_descriptor()
            self._pages[name] = MetricsPage.of(descriptor)
        return self._descriptors[name]

    def watch(self, supervisor: Supervising, probes: Mapping[str, ReadyProbe]) -> None:
        """Monitor this supervisor's children from now on.

        Args: probes: readiness checks of children that are other programs and report nothing.
        """
        self._supervisor = supervisor
        self._probes = probes
        self._answered.clear()
        self._probed_at_seconds = float("-inf")

    def note(self, event: ChildEvent) -> None:
        """Count a restart. The counts outlive the supervisor, which a reset replaces."""
        if event.event == CHILD_RESTARTED:
            self._restarts[event.child] = self._restarts.get(event.child, 0) + 1

    async def is_serving(self, name: str) -> bool:
        """Return whether the current incarnation of a child has reported that it serves."""
        report = self._report_of(name)
        if report is None or report.state != "serving" or self._supervisor is None:
            return False
        return any(child.name == name and child.pid == report.pid for child in self._supervisor.statuses())

    async def run(self) -> None:
        """Check every five seconds, until cancelled, whether a process is running out of descriptors."""
        while True:
            self._note_scarcity(self._processes())
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def health(self) -> dict[str, object]:
        """Return the answer to `GET /health`."""
        return system_health(await self._seen())

    async def metrics(self) -> bytes:
        """Return the answer to `GET /metrics`."""
        return exposition(self._pages.values(), await self._seen())

    def close(self) -> None:
        """Close the descriptors. The memory is freed with this object."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    async def _seen(self) -> SystemSeen:
        await self._probe()
        processes = self._processes()
        self._note_scarcity(processes)
        return SystemSeen(
            processes=processes,
            certificates=self.certificates,
            upstream_isolation=self.upstream_isolation,
            instance_isolation=self.instance_isolation,
            now=read_clocks(self._clock),
            now_monotonic_seconds=self._clock.monotonic_seconds(),
        )

    def _processes(self) -> tuple[ProcessSeen, ...]:
        parent = ProcessSeen(
            name=PARENT, state="running", pid=os.getpid(), reports=False, usage=usage_of(os.getpid())
        )
        if self._supervisor is None:
            return (parent,)
        return (
            parent,
            *(
                ProcessSeen(
                    name=child.name,
                    state=child.state,
                    pid=child.pid,
                    restarts=self._restarts.get(child.name, 0),
                    reports=child.name in self._pages,
                    report=self._report_of(child.name),
                    answered=self._answered.get(child.name),
                    **({} if child.pid is None else {"usage": usage_of(child.pid)}),
                )
                for child in self._supervisor.statuses()
            ),
        )

    def _report_of(self, name: str) -> ProcessReport | None:
        """Return the newest readable report: in rare cases one is being written."""
        page = self._pages.get(name)
        report = None if page is None else read_report(page)
        if report is not None:
            self._last_reports[name] = report
        return self._last_reports.get(name)

    async def _probe(self) -> None:
        """Probe the upstreams, with a timeout of one second, at most every five seconds."""
        async with self._probing:
            now_seconds = self._clock.monotonic_seconds()
            if now_seconds - self._probed_at_seconds < LOOK_EVERY_SECONDS:
                return
            self._probed_at_seconds = now_seconds
            names = list(self._probes)
            answers = await asyncio.gather(*(_answers(self._probes[name]) for name in names))
            self._answered = dict(zip(names, answers, strict=True))

    def _note_scarcity(self, processes: tuple[ProcessSeen, ...]) -> None:
        """Log the beginning and the end of a shortage of descriptors."""
        for process in processes:
            usage = process.usage
            if usage.descriptors_are_scarce and process.name not in self._scarce:
                self._scarce.add(process.name)
                _log.warning(
                    DESCRIPTORS_RUNNING_OUT,
                    process=process.name,
                    open_descriptors=usage.open_descriptors,
                    descriptor_limit=usage.descriptor_limit,
                )
            elif process.name in self._scarce and not usage.descriptors_are_scarce:
                self._scarce.discard(process.name)
                _log.warning(DESCRIPTORS_SUFFICE_AGAIN, process=process.name)


async def _answers(probe: ReadyProbe) -> bool:
    with suppress(OSError, EOFError, TimeoutError):
        return await asyncio.wait_for(probe(), PROBE_SECONDS)
    return False
