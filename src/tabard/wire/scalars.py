"""Scalars on the wire: text of query strings, XML and headers ⇄ typed values, and AWS's time formats."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from botocore.model import Shape

TimestampFormat: TypeAlias = Literal["iso8601", "unixTimestamp", "rfc822"]
Scalar: TypeAlias = str | int | float | bool | bytes | datetime

INTEGER_RANGES: Final = MappingProxyType({"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)})
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_ISO8601: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp_format(shape: Shape, default: TimestampFormat) -> TimestampFormat:
    """Return the wire format of a timestamp shape."""
    stated = shape.serialization.get("timestampFormat")
    return stated if stated in ("iso8601", "unixTimestamp", "rfc822") else default


def text_reader(shape: Shape, default_format: TimestampFormat) -> Callable[[str], Scalar]:
    """Return a function that converts wire text to a scalar shape's value; it raises ValueError."""
    kind = shape.type_name
    if kind == "timestamp":
        return _TIMESTAMP_READERS[timestamp_format(shape, default_format)]
    return _READERS[kind]


def text_writer(shape: Shape, default_format: TimestampFormat) -> Callable[[object], str]:
    """Return a function that converts a scalar shape's value to wire text."""
    kind = shape.type_name
    if kind == "timestamp":
        return _TIMESTAMP_WRITERS[timestamp_format(shape, default_format)]
    return _WRITERS[kind]


def epoch_seconds(moment: object) -> float | int:
    """Return seconds since 1970 for JSON: an integer if they are whole."""
    if not isinstance(moment, datetime):
        raise TypeError(f"not a datetime: {type(moment).__name__}")
    seconds = moment.timestamp()
    return int(seconds) if seconds == int(seconds) else seconds


def from_epoch_seconds(seconds: float) -> datetime:
    """Return an aware UTC datetime. Raises ValueError beyond the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError as error:
        raise ValueError("time out of range") from error


def read_iso8601(text: str) -> datetime:
    """Parse `2026-01-31T12:00:00Z`; seconds, fraction and offset are optional; the default is UTC."""
    if not _ISO8601.fullmatch(text):
        raise ValueError("not an ISO 8601 time")
    return _in_utc(datetime.fromisoformat(text))


def write_iso8601_millis(moment: object) -> str:
    """Format as `2026-01-31T12:00:00.000Z`, like EC2 and S3."""
    if not isinstance(moment, datetime):
        raise TypeError(f"not a datetime: {type(moment).__name__}")
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def write_iso8601(moment: object) -> str:
    """Format as `2026-01-31T12:00:00Z`, like IAM and STS."""
    if not isinstance(moment, datetime):
        raise TypeError(f"not a datetime: {type(moment).__name__}")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_rfc822(text: str) -> datetime:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return read_iso8601(text)
    return _in_utc(moment)


def _in_utc(moment: datetime) -> datetime:
    """Convert a time to UTC. Raises ValueError beyond the years 1 to 9999."""
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("time out of range") from error


def _write_rfc822(moment: object) -> str:
    if not isinstance(moment, datetime):
        raise TypeError(f"not a datetime: {type(moment).__name__}")
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _read_unix(text: str) -> datetime:
    return from_epoch_seconds(_read_float(text))


def _write_unix(moment: object) -> str:
    return str(epoch_seconds(moment))


def _integer_reader(kind: str) -> Callable[[str], int]:
    low, high = INTEGER_RANGES[kind]

    def read(text: str) -> int:
        if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
            raise ValueError("not an integer in range")
        return int(text)

    return read


def _read_boolean(text: str) -> bool:
    lower = text.lower()
    if lower not in ("true", "false"):
        raise ValueError("not a boolean")
    return lower == "true"


def _read_float(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError("not a number")
    return float(text)


def read_blob(text: str) -> bytes:
    """Decode strict base64. Raises ValueError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error


def _write_blob(value: object) -> str:
    content = value.encode() if isinstance(value, str) else value
    if not isinstance(content, bytes):
        raise TypeError(f"not bytes: {type(value).__name__}")
    return base64.b64encode(content).decode("ascii")


def _write_boolean(value: object) -> str:
    return "true" if value else "false"


_READERS: Final[Mapping[str, Callable[[str], Scalar]]] = MappingProxyType(
    {
        "string": str,
        "character": str,
        "integer": _integer_reader("integer"),
        "long": _integer_reader("long"),
        "float": _read_float,
        "double": _read_float,
        "boolean": _read_boolean,
        "blob": read_blob,
    }
)
_TIMESTAMP_READERS: Final[Mapping[str, Callable[[str], datetime]]] = MappingProxyType(
    {"iso8601": read_iso8601, "rfc822": _read_rfc822, "unixTimestamp": _read_unix}
)
_WRITERS: Final[Mapping[str, Callable[[object], str]]] = MappingProxyType(
    {
        "string": str,
        "character": str,
        "integer": str,
        "long": str,
        "float": str,
        "double": str,
        "boolean": _write_boolean,
        "blob": _write_blob,
    }
)
_TIMESTAMP_WRITERS: Final[Mapping[str, Callable[[object], str]]] = MappingProxyType(
    {"iso8601": write_iso8601, "rfc822": _write_rfc822, "unixTimestamp": _write_unix}
)
