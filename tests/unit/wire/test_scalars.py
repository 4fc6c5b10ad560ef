"""Times that no calendar of ours has are refused as what they are: bad text."""

import pytest

from tabard.wire.scalars import _read_rfc822, from_epoch_seconds, read_iso8601

BEYOND = ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"]


@pytest.mark.parametrize("text", BEYOND)
def test_a_moment_beyond_the_years_1_to_9999_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        read_iso8601(text)
    with pytest.raises(ValueError, match="out of range"):
        _read_rfc822(text)


@pytest.mark.parametrize("text", ["Fri, 31 Dec 9999 23:59:59 -0100", "1 Jan 99999999999 0:0:0"])
def test_an_http_date_beyond_them_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"out of range|not an ISO 8601 time"):
        _read_rfc822(text)


@pytest.mark.parametrize("seconds", [1e300, -1e300, float("inf"), float("nan")])
def test_seconds_beyond_them_are_none(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_epoch_seconds(seconds)
