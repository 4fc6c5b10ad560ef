"""Time, and the clock that a test moves by hand."""

import sys
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tabard.clock import Clock, ClockReading, Deadline, ManualClock, SystemClock, iso8601, read_clocks

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def test_the_machines_wall_clock_is_aware_and_in_utc() -> None:
    clock: Clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_machines_monotonic_clock_never_goes_back() -> None:
    clock = SystemClock()
    readings = [clock.monotonic_seconds() for _ in range(100)]
    assert readings == sorted(readings)
    assert readings[0] > 0


@pytest.mark.skipif(sys.platform != "linux", reason="the clock that counts sleep has this name on Linux")
def test_the_machines_boot_time_clock_is_the_one_that_counts_sleep() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= SystemClock().boottime_seconds() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_both_clocks_are_read_at_one_moment() -> None:
    reading = read_clocks(ManualClock(NOON, elapsed_seconds=7, slept_seconds=3))
    assert reading == ClockReading(boottime_seconds=10, wall=NOON)


def test_all_hands_of_a_manual_clock_move_together() -> None:
    clock: Clock
    clock = manual = ManualClock(NOON)
    manual.advance(timedelta(minutes=1, milliseconds=500))
    assert clock.now() == NOON + timedelta(seconds=60.5)
    assert clock.monotonic_seconds() == 60.5
    assert clock.boottime_seconds() == 60.5


def test_the_monotonic_clock_stands_still_in_sleep() -> None:
    clock = ManualClock(NOON, elapsed_seconds=7)
    clock.sleep(timedelta(hours=2))
    assert clock.now() == NOON + timedelta(hours=2)
    assert (clock.monotonic_seconds(), clock.boottime_seconds()) == (7, 7 + 7200)


def test_an_administrator_moves_the_wall_clock_alone() -> None:
    clock = ManualClock(NOON, elapsed_seconds=7)
    clock.step_wall_clock(timedelta(hours=-2))
    assert clock.now() == NOON - timedelta(hours=2)
    assert clock.monotonic_seconds() == 7
    assert clock.boottime_seconds() == 7


def at(boottime_seconds: float, wall_seconds: float) -> ClockReading:
    return ClockReading(boottime_seconds=boottime_seconds, wall=NOON + timedelta(seconds=wall_seconds))


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (at(100, 0), 60),
        (at(130, 30), 30),
        (at(130, 45), 15),
        (at(130, -3600), 30),
        (at(160, -3600), 0),
        (at(100, 60), 0),
        (at(161, 61), -1),
    ],
)
def test_a_deadline_comes_by_whichever_clock_says_so_first(now: ClockReading, left: float) -> None:
    deadline = Deadline.after(at(100, 0), 60)
    assert deadline.seconds_left(now) == left
    assert deadline.boottime_at(now) == now.boottime_seconds + left
    assert deadline.has_come(now) is (left <= 0)


def test_the_earliest_of_deadlines_comes_with_the_first_of_them() -> None:
    early_by_wall = Deadline(boottime_seconds=200, wall=NOON)
    early_by_boottime = Deadline(boottime_seconds=100, wall=NOON + timedelta(seconds=5))
    assert Deadline.earliest(early_by_wall, early_by_boottime) == Deadline(boottime_seconds=100, wall=NOON)


@pytest.mark.parametrize(
    ("now", "passed"), [(at(130, 30), 30), (at(130, 3600), 3600), (at(130, -3600), 30), (at(100, 0), 0)]
)
def test_what_passed_is_counted_by_the_clock_that_says_more(now: ClockReading, passed: float) -> None:
    assert now.seconds_since(at(100, 0)) == passed


def test_a_time_is_written_as_aws_writes_it() -> None:
    assert iso8601(NOON) == "2026-01-31T12:00:00Z"
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert iso8601(elsewhere.replace(microsecond=999_999)) == "2026-01-31T12:00:00Z"
