"""Time of signing that a request claims.

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
    """Read an `x-amz-date`, `YYYYMMDD'T'HHMMSS'Z'`, as an aware datetime in UTC.

    Raises:
        IncompleteSignature (400)
    """
    if _AMZ_DATE.fullmatch(text) is None:
        raise _not_a_date(text)
    return moment_of(text)


def moment_of(amz_date: str) -> datetime:
    """The moment of a text that has the form, as `signing_date` has made sure.

    Raises:
        IncompleteSignature (400): there is no such day or time.
    """
    try:
        return datetime.fromisoformat(amz_date)
    except ValueError:
        raise _not_a_date(amz_date) from None


def amz_date_text(moment: datetime) -> str:
    """The form that `x-amz-date` has, to the second."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def signing_date(values: Mapping[str, str]) -> str:
    """The time of signing, as the string to sign has it.

    AWS: "If you use x-amz-date, it overrides the Date header": which may hold the same form, or an HTTP date.

    Args:
        values: header values by name in lower case.
    Raises:
        IncompleteSignature (400): there is neither, or the one that counts is not a date.
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


def request_moment(headers: Sequence[tuple[str, str]]) -> datetime:
    """The time at which a request says it was signed, aware, in UTC.

    Args:
        headers: name in lower case and value, in the order of arrival.
    Raises:
        IncompleteSignature (400): there is neither `x-amz-date` nor `date`, or it is not a date.
    """
    return parse_amz_date(signing_date(values_by_name(headers)))


def _not_a_date(text: str) -> IncompleteSignature:
    return IncompleteSignature(
        reason=f"Date must be in ISO-8601 'basic format'. Got '{text[:40]}'. "
        "See http://en.wikipedia.org/wiki/ISO_8601"
    )


def _from_http_date(text: str) -> str:
    """`Fri, 24 May 2013 00:00:00 GMT` (or `-0000`) as an `x-amz-date`; anything else as it is."""
    try:
        moment = parsedate_to_datetime(text)
        # The reader is lenient: what it read must be what was written. botocore writes `-0000`: no zone.
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    written = format_datetime(moment, usegmt=moment.tzinfo is not None)
    return amz_date_text(moment.replace(tzinfo=UTC)) if written == text else text
