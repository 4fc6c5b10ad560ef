"""Instances that were launched together do not renew together."""

import heapq
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tabard.agent import rotation
from tabard.clock import ClockReading
from tabard.model.messages import GetInstanceSessionResult

INSTANCES = 10_000
WINDOW_SECONDS = 60
SESSION = GetInstanceSessionResult(
    access_key_id="ASIAIOSFODNN7EXAMPLE",
    secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    session_token="token",
    expiration=datetime(2026, 1, 31, tzinfo=UTC),
    last_updated=datetime(2026, 1, 31, tzinfo=UTC),
    lifetime_seconds=6 * 3600,
    role_name="web",
    role_id="AROAIOSFODNN7EXAMPLE",
    association_id="iip-assoc-0123456789abcdef0",
)


def at(seconds: float) -> ClockReading:
    return ClockReading(boottime_seconds=seconds, wall=SESSION.last_updated + timedelta(seconds=seconds))


def renewals(lifetime: timedelta, *, until: timedelta, seed: int) -> list[float]:
    """When each renewal of each instance is, in order; all had their first session at 0."""
    choose = random.Random(seed)
    lifetime_seconds = lifetime.total_seconds()

    def renewed(before: rotation.Rotation, at_seconds: float) -> rotation.Rotation:
        return rotation.minted(
            before,
            SESSION,
            requested_at=at(at_seconds),
            lifetime_seconds=lifetime_seconds,
            now=at(at_seconds),
            rotate_every_seconds=None,
            jitter=choose.random(),
        )

    first = [renewed(rotation.begin(now=at(0)), 0) for _ in range(INSTANCES)]
    due = [(each.next_attempt_at.boottime_seconds, number, each) for number, each in enumerate(first)]
    heapq.heapify(due)
    found: list[float] = []
    while due[0][0] < until.total_seconds():
        at_seconds, number, before = due[0]
        found.append(at_seconds)
        after = renewed(before, at_seconds)
        heapq.heapreplace(due, (after.next_attempt_at.boottime_seconds, number, after))
    return found


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("lifetime", [timedelta(hours=1), timedelta(hours=6)])
def test_no_minute_sees_twice_the_renewals_of_the_mean(lifetime: timedelta, seed: int) -> None:
    """From the launch on: the first renewals are spread as those that follow are."""
    whole_windows = 3 * lifetime // timedelta(seconds=WINDOW_SECONDS)
    until = whole_windows * timedelta(seconds=WINDOW_SECONDS)
    found = renewals(lifetime, until=until, seed=seed)
    by_window = Counter(int(at_seconds // WINDOW_SECONDS) for at_seconds in found)
    assert max(by_window.values()) <= 2 * len(found) / whole_windows
    assert len(by_window) == whole_windows, "no minute is idle"
