"""When a request says it was signed."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tabard.sigv4.dates import amz_date_text, parse_amz_date, signing_date, signing_time
from tabard.sigv4.errors import IncompleteSignature

MOMENT = datetime(2013, 5, 24, 1, 2, 3, tzinfo=UTC)


def test_an_amz_date_is_an_aware_time() -> None:
    assert parse_amz_date("20130524T010203Z") == MOMENT
    assert parse_amz_date("20130524T010203Z").tzinfo is UTC
    assert amz_date_text(MOMENT.astimezone(timezone(timedelta(hours=2)))) == "20130524T010203Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20130524T010203",
        "2013-05-24T01:02:03Z",
        "20130524T010203Z ",
        "20130524T010203Z\n",
        "2013-W21T010203Z",
        "٢٠١٣٠٥٢٤T010203Z",
        "20130532T010203Z",
        "20130524T250203Z",
        "20130524T010260Z",
        "20130524T010203Z,20130524T010203Z",
    ],
)
def test_a_date_that_is_not_iso_8601_basic_is_refused(text: str) -> None:
    with pytest.raises(IncompleteSignature, match="Date must be in ISO-8601 'basic format'"):
        parse_amz_date(text)
    with pytest.raises(IncompleteSignature):
        signing_time([("x-amz-date", text)])


@pytest.mark.parametrize(
    "headers",
    [
        [("x-amz-date", "20130524T010203Z")],
        [("date", "Tue, 01 Jan 2030 00:00:00 GMT"), ("x-amz-date", "20130524T010203Z")],
        [("date", "20130524T010203Z")],
        [("date", "Fri, 24 May 2013 01:02:03 GMT")],
        [("date", "Fri, 24 May 2013 01:02:03 -0000")],
    ],
)
def test_the_signing_time_comes_from_x_amz_date_or_else_from_date(headers: list[tuple[str, str]]) -> None:
    assert signing_time(headers) == MOMENT
    assert signing_date(dict(headers)) == "20130524T010203Z"


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "Fri, 24 May 2013 01:02:03 +0000",
        "Fri, 24 May 2013 01:02:03 +0200",
        "Mon, 24 May 2013 01:02:03 -0000",
        "Mon, 24 May 2013 01:02:03 GMT",
        "24 May 2013 01:02:03 GMT",
    ],
)
def test_a_date_that_is_not_an_http_date_is_refused(text: str) -> None:
    with pytest.raises(IncompleteSignature):
        signing_date({"date": text})


def test_neither_date_is_refused_with_aws_s_sentence() -> None:
    with pytest.raises(IncompleteSignature, match="either a 'X-Amz-Date' or a 'Date' header"):
        signing_time([("host", "h")])


def test_two_dates_are_refused() -> None:
    twice = [("x-amz-date", "20130524T010203Z"), ("x-amz-date", "20130524T010203Z")]
    with pytest.raises(IncompleteSignature):
        signing_time(twice)
