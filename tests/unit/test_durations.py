"""A duration is a whole number and a unit, wherever a person writes one."""

from datetime import timedelta

import pytest

from tabard.durations import duration_text, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("6h", timedelta(hours=6)),
        ("1d", timedelta(days=1)),
        ("0", timedelta(0)),
    ],
)
def test_a_duration_is_read_and_written_alike(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected
    assert duration_text(expected) == text


@pytest.mark.parametrize(
    "text", ["", "5", "00", "m", "1.5h", "1h30m", " 5m", "5m\n", "5M", "1w", "-5m", "٥m", "9999999999s"]
)
def test_what_is_no_duration_is_refused_with_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write a whole number and ms, s, m, h or d"):
        parse_duration(text)


def test_only_a_signed_duration_may_be_negative() -> None:
    assert parse_duration("-1h", signed=True) == -timedelta(hours=1)


@pytest.mark.parametrize(("seconds", "text"), [(90, "90s"), (5400, "90m"), (172800, "2d")])
def test_a_span_is_written_in_the_largest_unit_that_divides_it(seconds: int, text: str) -> None:
    assert duration_text(timedelta(seconds=seconds)) == text
