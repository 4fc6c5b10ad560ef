"""The times at which sessions are replaced."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabard.agent import rotation
from tabard.agent.rotation import SAFE_SECONDS, MintRefusal, Rotation
from tabard.clock import ClockReading
from tabard.model.messages import GetInstanceSessionResult

HOUR = 3600.0
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
RESULT = GetInstanceSessionResult(
    access_key_id="ASIAIOSFODNN7EXAMPLE",
    secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    session_token="the-token",
    expiration=NOW,
    last_updated=NOW,
    lifetime_seconds=21600,
    role_name="web-role",
    role_id="AROAIOSFODNN7EXAMPLE",
    association_id="iip-assoc-0123456789abcdef0",
)


def at(seconds: float, *, wall_clock_set_by: float = 0) -> ClockReading:
    """So many seconds after noon, with `wall_clock_set_by` seconds added to the wall clock."""
    return ClockReading(
        boottime_seconds=seconds, wall=NOW + timedelta(seconds=seconds) + timedelta(seconds=wall_clock_set_by)
    )


def next_attempt_seconds(state: Rotation) -> float:
    """When it asks next, on the boot-time clock while nobody sets the wall clock."""
    return state.next_attempt_at.boottime_at(at(0))


jitters = st.floats(min_value=0, max_value=1, exclude_max=True)


def mint(
    state: Rotation,
    *,
    now: float,
    lifetime: float = 6 * HOUR,
    jitter: float = 0.5,
    asked: float | None = None,
    rotate_every: float | None = None,
) -> Rotation:
    return rotation.minted(
        state,
        RESULT,
        requested_at=at(now if asked is None else asked),
        lifetime_seconds=lifetime,
        now=at(now),
        rotate_every_seconds=rotate_every,
        jitter=jitter,
    )


def test_a_new_rotation_has_no_session_and_is_due_at_once() -> None:
    state = rotation.begin(now=at(5))
    assert rotation.is_due(state, now=at(5))
    assert rotation.servable(state, now=at(5)) is None


@pytest.mark.parametrize(
    ("lifetime", "rotate_every", "expected"),
    [
        (6 * HOUR, None, 3 * HOUR),
        (12 * HOUR, None, 6 * HOUR),
        (HOUR, None, HOUR / 2),
        (30 * 60, None, 7.5 * 60),
        (SAFE_SECONDS, None, 15),
        (60, None, 15),
        (6 * HOUR, 10, 10),
        (6 * HOUR, 12 * HOUR, 3 * HOUR),
        (30 * 60, 1, 1),
    ],
)
def test_the_renewal_interval(lifetime: float, rotate_every: float | None, expected: float) -> None:
    pace = rotation.renewal_interval_seconds(lifetime_seconds=lifetime, rotate_every_seconds=rotate_every)
    assert pace == expected


@given(lifetime=st.floats(min_value=SAFE_SECONDS + 60, max_value=36 * HOUR), first=jitters, later=jitters)
def test_more_than_twenty_minutes_are_left_whenever_a_session_is_replaced(
    lifetime: float, first: float, later: float
) -> None:
    state = rotation.begin(now=at(0))
    now = 0.0
    for jitter in (first, later, later):
        state = mint(state, now=now, lifetime=lifetime, jitter=jitter)
        assert state.session is not None
        now = next_attempt_seconds(state)
        assert state.session.ends_at.boottime_seconds - now > SAFE_SECONDS


@given(first=jitters)
def test_the_first_renewal_falls_anywhere_in_the_interval(first: float) -> None:
    share = 0.9 * first if first < 8 / 9 else 1 - 0.6 * (1 - first) ** 0.5
    state = mint(rotation.begin(now=at(0)), now=0, jitter=first)
    assert next_attempt_seconds(state) == pytest.approx(max(1, 3 * HOUR * share))
    assert next_attempt_seconds(state) <= 3 * HOUR


@given(later=jitters)
def test_later_renewals_fall_in_the_last_fifth_of_the_interval(later: float) -> None:
    state = mint(mint(rotation.begin(now=at(0)), now=0), now=100, jitter=later)
    assert 0.8 * 3 * HOUR - 1 <= next_attempt_seconds(state) - 100 <= 3 * HOUR


def test_a_session_is_served_until_its_end_and_never_after() -> None:
    state = mint(rotation.begin(now=at(0)), now=0)
    assert rotation.servable(state, now=at(6 * HOUR - 0.001)) is state.session
    assert rotation.servable(state, now=at(6 * HOUR)) is None


@pytest.mark.parametrize(
    ("now", "is_served"),
    [
        (at(HOUR, wall_clock_set_by=5 * HOUR - 0.001), True),
        (at(HOUR, wall_clock_set_by=5 * HOUR), False),
        (at(6 * HOUR - 0.001, wall_clock_set_by=-72 * HOUR), True),
        (at(6 * HOUR, wall_clock_set_by=-72 * HOUR), False),
    ],
)
def test_a_session_ends_by_whichever_clock_comes_first(now: ClockReading, is_served: bool) -> None:
    state = mint(rotation.begin(now=at(0)), now=0)
    assert (rotation.servable(state, now=now) is not None) is is_served


def test_a_wall_clock_set_forward_brings_the_next_attempt_forward() -> None:
    state = mint(mint(rotation.begin(now=at(0)), now=0), now=0, jitter=0.5)
    assert next_attempt_seconds(state) == pytest.approx(0.9 * 3 * HOUR)
    assert not rotation.is_due(state, now=at(HOUR, wall_clock_set_by=1.7 * HOUR - 1))
    assert rotation.is_due(state, now=at(HOUR, wall_clock_set_by=1.7 * HOUR))
    assert not rotation.is_due(state, now=at(2.7 * HOUR - 1, wall_clock_set_by=-72 * HOUR))
    assert rotation.is_due(state, now=at(2.7 * HOUR, wall_clock_set_by=-72 * HOUR))


def test_a_host_whose_wall_clock_is_always_wrong_serves_as_long_as_any_other() -> None:
    """The edge's time of expiry, noon, is long past on this host when it asks."""
    wrong = at(0, wall_clock_set_by=72 * HOUR)
    state = rotation.minted(
        rotation.begin(now=wrong),
        RESULT,
        requested_at=wrong,
        lifetime_seconds=6 * HOUR,
        now=wrong,
        rotate_every_seconds=None,
        jitter=0.5,
    )
    assert rotation.servable(state, now=at(6 * HOUR - 1, wall_clock_set_by=72 * HOUR)) is state.session


def test_the_lifetime_counts_from_the_request_not_from_the_answer() -> None:
    state = mint(rotation.begin(now=at(0)), now=10, asked=7)
    assert state.session is not None
    assert state.session.ends_at.boottime_seconds == 7 + 6 * HOUR


@given(jitter=jitters, failures=st.integers(min_value=0, max_value=2000))
def test_after_failures_it_waits_longer_but_never_longer_than_a_minute(jitter: float, failures: int) -> None:
    state = replace(mint(rotation.begin(now=at(0)), now=0), failures=failures)
    after = rotation.failed(state, now=at(0), jitter=jitter)
    assert 0.5 <= next_attempt_seconds(after) <= 60
    assert next_attempt_seconds(after) <= 2.0 ** min(failures, 10)
    assert after.session is state.session


def test_success_forgets_failures_and_refusals() -> None:
    refusal = MintRefusal(code="AssumeRoleUnauthorizedAccess", message="no", refused_at=NOW)
    state = rotation.refused(rotation.begin(now=at(0)), refusal, now=at(0), jitter=0.9)
    assert state.refusal is refusal
    state = mint(rotation.failed(state, now=at(0), jitter=0), now=1)
    assert (state.failures, state.refusal) == (0, None)


@given(jitter=jitters, failures=st.integers(min_value=0, max_value=2000))
def test_a_refused_role_is_requested_again_within_fifteen_seconds(jitter: float, failures: int) -> None:
    refusal = MintRefusal(code="AssumeRoleUnauthorizedAccess", message="no", refused_at=NOW)
    state = replace(mint(rotation.begin(now=at(0)), now=0), failures=failures)
    after = rotation.refused(state, refusal, now=at(0), jitter=jitter)
    assert next_attempt_seconds(after) <= 15
    assert after.session is state.session


def test_no_secret_is_in_a_repr() -> None:
    text = repr(mint(rotation.begin(now=at(0)), now=0))
    assert "wJalrXUtnFEMI" not in text
    assert "the-token" not in text
