"""Metadata tokens: what they are bound to and when they end."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabard.clock import ClockReading
from tabard.imds.tokens import MetadataTokens, new_key, parse_ttl_seconds

INSTANCE = "i-0123456789abcdef0"
KEY = new_key()
NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def at(seconds: float, *, wall_clock_set_by: timedelta = timedelta(0)) -> ClockReading:
    """So many seconds after noon; `wall_clock_set_by`: what somebody added to the wall clock since."""
    return ClockReading(boottime_seconds=seconds, wall=NOON + timedelta(seconds=seconds) + wall_clock_set_by)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("21600", 21600),
        ("060", 60),
        ("0", 0),
        ("21601", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("", None),
        (" 60", None),
        ("60\n", None),
        ("٦٠", None),
        ("9" * 5000, None),
    ],
)
def test_a_lifetime_is_0_to_21600_seconds(text: str, expected: int | None) -> None:
    assert parse_ttl_seconds(text) == expected


def test_a_token_is_good_until_its_end_and_not_after() -> None:
    tokens = MetadataTokens(INSTANCE, KEY)
    token = tokens.issue(ttl_seconds=60, now=at(1000.0))
    assert tokens.remaining_seconds(token, now=at(1000.0)) == 60
    assert tokens.remaining_seconds(token, now=at(1059.5)) == 1
    assert tokens.remaining_seconds(token, now=at(1060.0)) is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (at(59, wall_clock_set_by=timedelta(0)), 1),
        (at(10, wall_clock_set_by=timedelta(seconds=40)), 10),
        (at(0, wall_clock_set_by=timedelta(seconds=60)), None),
        (at(0, wall_clock_set_by=timedelta(days=4000)), None),
        (at(59, wall_clock_set_by=timedelta(days=-4000)), 1),
        (at(60, wall_clock_set_by=timedelta(days=-4000)), None),
        (at(60, wall_clock_set_by=timedelta(seconds=-1)), None),
    ],
)
def test_a_token_ends_by_whichever_clock_comes_first(now: ClockReading, expected: int | None) -> None:
    tokens = MetadataTokens(INSTANCE, KEY)
    token = tokens.issue(ttl_seconds=60, now=at(0))
    assert tokens.remaining_seconds(token, now=now) == expected


def test_a_token_of_no_seconds_has_ended_already() -> None:
    tokens = MetadataTokens(INSTANCE, KEY)
    assert tokens.remaining_seconds(tokens.issue(ttl_seconds=0, now=at(0)), now=at(0)) is None


def test_a_token_of_another_instance_or_of_another_key_is_not_valid() -> None:
    token = MetadataTokens(INSTANCE, KEY).issue(ttl_seconds=60, now=at(0.0))
    assert MetadataTokens("i-0fedcba9876543210", KEY).remaining_seconds(token, now=at(0.0)) is None
    assert MetadataTokens(INSTANCE, new_key()).remaining_seconds(token, now=at(0.0)) is None


def test_whoever_is_given_the_key_goes_on_with_its_tokens() -> None:
    token = MetadataTokens(INSTANCE, KEY).issue(ttl_seconds=60, now=at(0.0))
    assert MetadataTokens(INSTANCE, bytes(KEY)).remaining_seconds(token, now=at(59.0)) == 1


def test_no_two_tokens_are_alike() -> None:
    tokens = MetadataTokens(INSTANCE, KEY)
    assert len({tokens.issue(ttl_seconds=60, now=at(0.0)) for _ in range(100)}) == 100


@pytest.mark.parametrize("position", range(56))
def test_a_token_changed_anywhere_is_not_valid(position: int) -> None:
    tokens = MetadataTokens(INSTANCE, KEY)
    token = tokens.issue(ttl_seconds=60, now=at(0.0))
    changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
    assert tokens.remaining_seconds(changed, now=at(0.0)) is None


@pytest.mark.parametrize("position", [0, 6])
def test_a_token_cannot_be_made_to_live_longer(position: int) -> None:
    tokens = MetadataTokens(INSTANCE, KEY)
    raw = bytearray(base64.urlsafe_b64decode(tokens.issue(ttl_seconds=1, now=at(0.0))))
    raw[position] = 0x7F
    assert tokens.remaining_seconds(base64.urlsafe_b64encode(raw).decode(), now=at(0.0)) is None


@given(st.text(max_size=80))
def test_anything_else_is_not_valid(text: str) -> None:
    assert MetadataTokens(INSTANCE, KEY).remaining_seconds(text, now=at(0.0)) is None


@given(st.text(alphabet="ABCxyz019-_=+/ ", min_size=56, max_size=56))
def test_anything_of_the_right_length_is_not_valid(text: str) -> None:
    assert MetadataTokens(INSTANCE, KEY).remaining_seconds(text, now=at(0.0)) is None
