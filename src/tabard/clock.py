"""Time. The one module that reads the machine's clocks; everything else is given `now`.

A machine has three clocks, and each is wrong for something:

- The *monotonic* clock never steps, but stands still while the machine sleeps. It is for waits and rates.
- The *boot-time* clock never steps and counts sleep, but stands still while a virtual machine is paused.
- The *wall* clock counts everything, but an administrator or NTP may set it forward or back.

Whatever expires therefore has a `Deadline` on the boot-time clock and on the wall clock, and ends by
whichever comes first. A clock set back prolongs nothing. A clock set forward ends things early.
"""

import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol, Self

# Linux, clock_getres(2): CLOCK_BOOTTIME is "identical to CLOCK_MONOTONIC, except that it also includes any
# time that the system is suspended". macOS, clock_gettime(3): CLOCK_MONOTONIC "will continue to increment
# while the system is asleep". Python's time.monotonic() stands still in sleep on both.
_BOOTTIME = time.CLOCK_BOOTTIME if sys.platform == "linux" else time.CLOCK_MONOTONIC


class Clock(Protocol):
    """The clocks that Tabard's processes need."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""

    def monotonic_seconds(self) -> float:
        """Seconds of a clock that never steps and stands still in sleep; only differences mean anything."""

    def boottime_seconds(self) -> float:
        """Seconds of a clock that never steps and counts sleep: the same in all processes until a reboot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """The boot-time clock and the wall clock at one moment."""

    boottime_seconds: float
    wall: datetime

    def seconds_since(self, earlier: "ClockReading") -> float:
        """Return the seconds since `earlier`, by the clock that shows more."""
        by_wall = (self.wall - earlier.wall).total_seconds()
        return max(self.boottime_seconds - earlier.boottime_seconds, by_wall)


def read_clocks(clock: Clock) -> ClockReading:
    """Read both clocks by which things expire."""
    return ClockReading(boottime_seconds=clock.boottime_seconds(), wall=clock.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A moment set on two clocks. It has come when either of them says so.

    Both values mean the same in every process of the machine, so one agent can hand a deadline to another.
    """

    boottime_seconds: float
    wall: datetime

    @classmethod
    def after(cls, start: ClockReading, seconds: float) -> Self:
        """Set a deadline `seconds` later than `start`."""
        return cls(
            boottime_seconds=start.boottime_seconds + seconds, wall=start.wall + timedelta(seconds=seconds)
        )

    @classmethod
    def earliest(cls, *deadlines: "Deadline") -> Self:
        """Return the deadline that has come as soon as any of these has: one at least."""
        return cls(
            boottime_seconds=min(each.boottime_seconds for each in deadlines),
            wall=min(each.wall for each in deadlines),
        )

    def has_come(self, now: ClockReading) -> bool:
        """Return whether either clock has reached it."""
        return now.boottime_seconds >= self.boottime_seconds or now.wall >= self.wall

    def boottime_at(self, now: ClockReading) -> float:
        """Return the deadline on the boot-time clock, if nobody sets the wall clock again."""
        return min(self.boottime_seconds, now.boottime_seconds + (self.wall - now.wall).total_seconds())

    def seconds_left(self, now: ClockReading) -> float:
        """Return the seconds until the deadline; 0 or less once it has passed."""
        return self.boottime_at(now) - now.boottime_seconds


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_seconds(self) -> float:
        return time.monotonic()

    def boottime_seconds(self) -> float:
        return time.clock_gettime(_BOOTTIME)


@dataclass(slots=True)
class ManualClock:
    """Three clocks that a test moves by hand, in the ways in which a machine's clocks move.

    current: the wall clock. elapsed_seconds: the monotonic clock. slept_seconds: by how much the boot-time
    clock is ahead of it.
    """

    current: datetime
    elapsed_seconds: float = field(default=0.0)
    slept_seconds: float = field(default=0.0)

    def now(self) -> datetime:
        return self.current

    def monotonic_seconds(self) -> float:
        return self.elapsed_seconds

    def boottime_seconds(self) -> float:
        return self.elapsed_seconds + self.slept_seconds

    def advance(self, step: timedelta) -> None:
        """Let `step` pass on all clocks."""
        self.current += step
        self.elapsed_seconds += step.total_seconds()

    def sleep(self, step: timedelta) -> None:
        """Suspend the machine for `step`: the monotonic clock stands still meanwhile."""
        self.current += step
        self.slept_seconds += step.total_seconds()

    def step_wall_clock(self, step: timedelta) -> None:
        """Set the wall clock alone, forward or back, as an administrator or NTP would."""
        self.current += step


def iso8601(moment: datetime) -> str:
    """`2026-01-31T12:00:00Z`: the form in which AWS writes times, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
