"""Metadata tokens: what they are bound to and when they end."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabard.imds.tokens import MetadataTokens, new_key, parse_ttl_seconds

INSTANCE = "i-0123456789abcdef0"
KEY = new_key()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("21600", 21600),
        ("060", 60),
        ("0", None),
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
def test_a_lifetime_is_1_to_21600_seconds(text: str, expected: int | None) -> None:
    assert parse_ttl_seconds(text) == expected


def test_a_token_is_good_until_its_end_and_not_after() -> None:
    tokens = MetadataTokens(INSTANCE, KEY)
    token = tokens.issue(ttl_seconds=60, now_seconds=1000.0)
    assert tokens.remaining_seconds(token, now_seconds=1000.0) == 60
    assert tokens.remaining_seconds(token, now_seconds=1059.5) == 1
    assert tokens.remaining_seconds(token, now_seconds=1060.0) is None


def test_a_token_of_another_instance_or_of_another_key_is_not_valid() -> None:
    token = MetadataTokens(INSTANCE, KEY).issue(ttl_seconds=60, now_seconds=0.0)
    assert MetadataTokens("i-0fedcba9876543210", KEY).remaining_seconds(token, now_seconds=0.0) is None
    assert MetadataTokens(INSTANCE, new_key()).remaining_seconds(token, now_seconds=0.0) is None


def test_whoever_is_given_the_key_goes_on_with_its_tokens() -> None:
    token = MetadataTokens(INSTANCE, KEY).issue(ttl_seconds=60, now_seconds=0.0)
    assert MetadataTokens(INSTANCE, bytes(KEY)).remaining_seconds(token, now_seconds=59.0) == 1


def test_no_two_tokens_are_alike() -> None:
    tokens = MetadataTokens(INSTANCE, KEY)
    assert len({tokens.issue(ttl_seconds=60, now_seconds=0.0) for _ in range(100)}) == 100


@pytest.mark.parametrize("position", range(56))
def test_a_token_changed_anywhere_is_not_valid(position: int) -> None:
    tokens = MetadataTokens(INSTANCE, KEY)
    token = tokens.issue(ttl_seconds=60, now_seconds=0.0)
    changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
    assert tokens.remaining_seconds(changed, now_seconds=0.0) is None


def test_a_token_cannot_be_made_to_live_longer() -> None:
    tokens = MetadataTokens(INSTANCE, KEY)
    raw = bytearray(base64.urlsafe_b64decode(tokens.issue(ttl_seconds=1, now_seconds=0.0)))
    raw[0] = 0x7F
    assert tokens.remaining_seconds(base64.urlsafe_b64encode(raw).decode(), now_seconds=0.0) is None


@given(st.text(max_size=80))
def test_anything_else_is_not_valid(text: str) -> None:
    assert MetadataTokens(INSTANCE, KEY).remaining_seconds(text, now_seconds=0.0) is None


@given(st.text(alphabet="ABCxyz019-_=+/ ", min_size=56, max_size=56))
def test_anything_of_the_right_length_is_not_valid(text: str) -> None:
    assert MetadataTokens(INSTANCE, KEY).remaining_seconds(text, now_seconds=0.0) is None
