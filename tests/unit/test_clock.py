"""Time, and the clock that a test moves by hand."""

from datetime import UTC, datetime, timedelta, timezone

from tabard.clock import Clock, ManualClock, SystemClock, iso8601

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


def test_both_hands_of_a_manual_clock_move_together() -> None:
    clock: Clock
    clock = manual = ManualClock(NOON)
    manual.advance(timedelta(minutes=1, milliseconds=500))
    assert clock.now() == NOON + timedelta(seconds=60.5)
    assert clock.monotonic_seconds() == 60.5


def test_an_administrator_moves_the_wall_clock_alone() -> None:
    clock = ManualClock(NOON, elapsed_seconds=7)
    clock.step_wall_clock(timedelta(hours=-2))
    assert clock.now() == NOON - timedelta(hours=2)
    assert clock.monotonic_seconds() == 7


def test_a_time_is_written_as_aws_writes_it() -> None:
    assert iso8601(NOON) == "2026-01-31T12:00:00Z"
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert iso8601(elsewhere.replace(microsecond=999_999)) == "2026-01-31T12:00:00Z"
