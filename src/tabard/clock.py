"""Time. The one module that reads the machine's clocks; everything else is given `now`."""

import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

# Linux's CLOCK_MONOTONIC stands still while the machine sleeps, and a session would outlive its expiry there.
# macOS's goes on.
_MONOTONIC = time.CLOCK_BOOTTIME if sys.platform == "linux" else time.CLOCK_MONOTONIC


class Clock(Protocol):
    """What the processes of Tabard need to know about time."""

    def now(self) -> datetime:
        """The wall-clock time, aware, in UTC."""

    def monotonic_seconds(self) -> float:
        """Seconds of a clock that never steps; only differences mean anything."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_seconds(self) -> float:
        return time.clock_gettime(_MONOTONIC)


@dataclass(slots=True)
class ManualClock:
    """A clock that a test moves by hand; both hands move together unless told otherwise."""

    current: datetime
    elapsed_seconds: float = field(default=0.0)

    def now(self) -> datetime:
        return self.current

    def monotonic_seconds(self) -> float:
        return self.elapsed_seconds

    def advance(self, step: timedelta) -> None:
        """Let `step` pass on both hands."""
        self.current += step
        self.elapsed_seconds += step.total_seconds()

    def step_wall_clock(self, step: timedelta) -> None:
        """Move the wall clock alone, as an administrator or NTP would."""
        self.current += step


def iso8601(moment: datetime) -> str:
    """`2026-01-31T12:00:00Z`: the form in which AWS writes times, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
