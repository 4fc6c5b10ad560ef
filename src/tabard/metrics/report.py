"""The report that a process writes about itself every second, besides its counts."""

import asyncio
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from tabard.clock import Clock
from tabard.metrics.page import MetricsPage

REPORT_EVERY_SECONDS: Final = 1.0
HUNG_AFTER_SECONDS: Final = 10.0
"""A process that has not reported for so long does not answer. The machine's sleep does not count."""

State = Literal["starting", "standing by", "serving", "stopping"]


class SnapshotReport(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshot of an edge. `store`: empty while it is available, else why it is not."""

    version: int
    confirmed_boottime_seconds: float
    bound_seconds: float
    serving: bool
    store: str = ""


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """The audit queue of an edge. `failing`: empty, or why the last batch could not be written.

    `lost`: events lost so far, by predecessors of this process as well.
    """

    waiting: int
    lag_seconds: float
    lost: int
    failing: str = ""


class ProcessReport(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one process. `certificates`: UNIX time of expiry by name."""

    pid: int
    state: State
    at_monotonic_seconds: float
    snapshot: SnapshotReport | None = None
    audit: AuditReport | None = None
    certificates: dict[str, float] = {}


_DECODER = msgspec.json.Decoder(ProcessReport)


def write_report(page: MetricsPage, report: ProcessReport) -> None:
    """Put this in place of the last report."""
    page.write_report(msgspec.json.encode(report))


def read_report(page: MetricsPage) -> ProcessReport | None:
    """Return the last report; None if there is none, or none that reads well just now."""
    written = page.read_report()
    try:
        return None if written is None else _DECODER.decode(written)
    except msgspec.DecodeError:
        return None


async def report_forever(page: MetricsPage, report: Callable[[], ProcessReport]) -> None:
    """Report now and every second until cancelled."""
    while True:
        write_report(page, report())
        await asyncio.sleep(REPORT_EVERY_SECONDS)


def bare_report(state: State, *, pid: int, clock: Clock) -> ProcessReport:
    """Return the report of a process that has no more to say than its state."""
    return ProcessReport(pid=pid, state=state, at_monotonic_seconds=clock.monotonic_seconds())
