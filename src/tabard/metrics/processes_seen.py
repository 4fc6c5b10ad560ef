"""The processes of an installation as their parent sees them."""

from dataclasses import dataclass
from typing import Final

from tabard.metrics.report import HUNG_AFTER_SECONDS, ProcessReport
from tabard.processes.spec import ChildState

DESCRIPTORS_SCARCE_AT: Final = 0.9
"""The part of its limit above which a process is about to run out of descriptors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessUsage:
    """The kernel's report about a process; 0 if a value is unknown."""

    open_descriptors: int = 0
    descriptor_limit: int = 0
    resident_bytes: int = 0

    @property
    def descriptors_are_scarce(self) -> bool:
        """Report whether the process is about to run out of descriptors, or has."""
        return 0 < self.descriptor_limit * DESCRIPTORS_SCARCE_AT <= self.open_descriptors


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSeen:
    """One process, alive or not.

    `reports`: whether it is a process of ours, which reports every second. `answered`: whether another
    program's process answered when it was asked; None if it was not asked.
    """

    name: str
    state: ChildState
    pid: int | None
    restarts: int = 0
    reports: bool = True
    report: ProcessReport | None = None
    answered: bool | None = None
    usage: ProcessUsage = ProcessUsage()

    @property
    def own_report(self) -> ProcessReport | None:
        """Its report; None if the last one is a predecessor's."""
        return self.report if self.report is not None and self.report.pid == self.pid else None

    def state_in_words(self, *, now_monotonic_seconds: float) -> str:
        """Its state: `starting`, `restarting`, `stopped`, `standing by`, `serving`, `not answering`, …"""
        if self.pid is None or self.state in ("restarting", "stopped"):
            return self.state
        if not self.reports:
            return "not answering" if self.answered is False else self.state
        report = self.own_report
        if report is None:
            return "starting"
        # A stand-by waits in the kernel for its turn, and says nothing meanwhile.
        silent_seconds = now_monotonic_seconds - report.at_monotonic_seconds
        if report.state != "standing by" and silent_seconds > HUNG_AFTER_SECONDS:
            return "not answering"
        return report.state

    def is_up(self, *, now_monotonic_seconds: float) -> bool:
        """Report whether it runs and answers."""
        state = self.state_in_words(now_monotonic_seconds=now_monotonic_seconds)
        return state in ("serving", "standing by", "running")
