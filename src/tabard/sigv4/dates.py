"""The time of signing that a request claims.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html#date
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from tabard.sigv4.canonical import values_by_name
from tabard.sigv4.errors import IncompleteSignature

_AMZ_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")


def parse_amz_date(text: str) -> datetime:
    """Parse an `x-amz-date`, `YYYYMMDD'T'HHMMSS'Z'`, as an aware datetime in UTC.

    Raises:
        IncompleteSignature (400)
    """
    if _AMZ_DATE.fullmatch(text) is None:
        raise _not_a_date(text)
    return time_of_amz_date(text)


def time_of_amz_date(amz_date: str) -> datetime:
    """Convert a text of this form, which `signing_date` has checked, to an aware time.

    Raises:
        IncompleteSignature (400): there is no such day or time.
    """
    try:
        return datetime.fromisoformat(amz_date)
    except ValueError:
        raise _not_a_date(amz_date) from None


def amz_date_text(signed_time: datetime) -> str:
    """Format a time as `x-amz-date`, to the second."""
    return signed_time.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def signing_date(values: Mapping[str, str]) -> str:
    """Return the time of signing in the form of the string to sign.

    AWS: "If you use x-amz-date, it overrides the Date header". `Date` may contain the same form, or an HTTP
    date.

    Args:
        values: header values by name in lower case.
    Raises:
        IncompleteSignature (400): both are missing, or the one that counts is not a date.
    """
    text = values.get("x-amz-date")
    if text is None:
        text = values.get("date")
        if text is None:
            raise IncompleteSignature(
                reason="Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
            )
        text = _from_http_date(text)
    if _AMZ_DATE.fullmatch(text) is None:
        raise _not_a_date(text)
    return text


def signing_time(headers: Sequence[tuple[str, str]]) -> datetime:
    """Return the time at which a request claims to be signed, aware, in UTC.

    Args:
        headers: lower-case name and value, in the order of arrival.
    Raises:
        IncompleteSignature (400): `x-amz-date` and `date` are missing, or the value is not a date.
    """
    return parse_amz_date(signing_date(values_by_name(headers)))


def _not_a_date(text: str) -> IncompleteSignature:
    return IncompleteSignature(
        reason=f"Date must be in ISO-8601 'basic format'. Got '{text[:40]}'. "
        "See http://en.wikipedia.org/wiki/ISO_8601"
    )


def _from_http_date(text: str) -> str:
    """Convert `Fri, 24 May 2013 00:00:00 GMT` (or `-0000`) to an `x-amz-date`; keep any other text."""
    try:
        signed_time = parsedate_to_datetime(text)
        # The parser is lenient, so its result must format to the same text. botocore writes `-0000`: no zone.
        if signed_time.tzinfo is not None:
            signed_time = signed_time.astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    written = format_datetime(signed_time, usegmt=signed_time.tzinfo is not None)
    return amz_date_text(signed_time.replace(tzinfo=UTC)) if written == text else text
