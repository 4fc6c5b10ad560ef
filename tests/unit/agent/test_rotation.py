"""When sessions are replaced."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabard.agent import rotation
from tabard.agent.rotation import SAFE_SECONDS, MintRefusal, Rotation
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
        asked_at_seconds=now if asked is None else asked,
        lifetime_seconds=lifetime,
        now_seconds=now,
        rotate_every_seconds=rotate_every,
        jitter=jitter,
    )


def test_nothing_is_held_at_first_and_it_is_due_at_once() -> None:
    state = rotation.begin(now_seconds=5)
    assert rotation.is_due(state, now_seconds=5)
    assert rotation.servable(state, now_seconds=5) is None


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
def test_the_pace(lifetime: float, rotate_every: float | None, expected: float) -> None:
    pace = rotation.pace_seconds(lifetime_seconds=lifetime, rotate_every_seconds=rotate_every)
    assert pace == expected


@given(lifetime=st.floats(min_value=SAFE_SECONDS + 60, max_value=36 * HOUR), first=jitters, later=jitters)
def test_more_than_twenty_minutes_are_left_whenever_a_session_is_replaced(
    lifetime: float, first: float, later: float
) -> None:
    state = rotation.begin(now_seconds=0)
    now = 0.0
    for jitter in (first, later, later):
        state = mint(state, now=now, lifetime=lifetime, jitter=jitter)
        assert state.session is not None
        now = state.next_attempt_at_seconds
        assert state.session.ends_at_seconds - now > SAFE_SECONDS


@given(first=jitters)
def test_the_first_renewal_falls_anywhere_in_the_pace(first: float) -> None:
    share = 0.9 * first if first < 8 / 9 else 1 - 0.6 * (1 - first) ** 0.5
    state = mint(rotation.begin(now_seconds=0), now=0, jitter=first)
    assert state.next_attempt_at_seconds == pytest.approx(max(1, 3 * HOUR * share))
    assert state.next_attempt_at_seconds <= 3 * HOUR


@given(later=jitters)
def test_later_renewals_fall_in_the_last_fifth_of_the_pace(later: float) -> None:
    state = mint(mint(rotation.begin(now_seconds=0), now=0), now=100, jitter=later)
    assert 0.8 * 3 * HOUR - 1 <= state.next_attempt_at_seconds - 100 <= 3 * HOUR


def test_a_session_is_served_until_its_end_and_never_after() -> None:
    state = mint(rotation.begin(now_seconds=0), now=0)
    assert rotation.servable(state, now_seconds=6 * HOUR - 0.001) is state.session
    assert rotation.servable(state, now_seconds=6 * HOUR) is None


def test_the_lifetime_counts_from_the_question_not_from_the_answer() -> None:
    state = mint(rotation.begin(now_seconds=0), now=10, asked=7)
    assert state.session is not None
    assert state.session.ends_at_seconds == 7 + 6 * HOUR


@given(jitter=jitters, failures=st.integers(min_value=0, max_value=2000))
def test_after_failures_it_waits_longer_but_never_longer_than_a_minute(jitter: float, failures: int) -> None:
    state = replace(mint(rotation.begin(now_seconds=0), now=0), failures=failures)
    after = rotation.failed(state, now_seconds=0, jitter=jitter)
    assert 0.5 <= after.next_attempt_at_seconds <= 60
    assert after.next_attempt_at_seconds <= 2.0 ** min(failures, 10)
    assert after.session is state.session


def test_success_forgets_failures_and_refusals() -> None:
    refusal = MintRefusal(code="AssumeRoleUnauthorizedAccess", message="no", refused_at=NOW)
    state = rotation.refused(rotation.begin(now_seconds=0), refusal, now_seconds=0, jitter=0.9)
    assert state.refusal is refusal
    state = mint(rotation.failed(state, now_seconds=0, jitter=0), now=1)
    assert (state.failures, state.refusal) == (0, None)


@given(jitter=jitters, failures=st.integers(min_value=0, max_value=2000))
def test_a_refused_role_is_asked_for_again_within_fifteen_seconds(jitter: float, failures: int) -> None:
    refusal = MintRefusal(code="AssumeRoleUnauthorizedAccess", message="no", refused_at=NOW)
    state = replace(mint(rotation.begin(now_seconds=0), now=0), failures=failures)
    after = rotation.refused(state, refusal, now_seconds=0, jitter=jitter)
    assert after.next_attempt_at_seconds <= 15
    assert after.session is state.session


def test_no_secret_is_in_a_repr() -> None:
    text = repr(mint(rotation.begin(now_seconds=0), now=0))
    assert "wJalrXUtnFEMI" not in text
    assert "the-token" not in text
