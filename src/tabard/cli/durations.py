"""Durations, as the commands take them: a number and a unit."""

import re
from datetime import timedelta

from tabard.cli.running import complain

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_DURATION = re.compile(r"(\d{1,6})([smhd])")
_SPAN = re.compile(r"(-?\d{1,9})(ms|s|m|h)|(0)")


def duration(text: str, *, option: str) -> timedelta:
    """The duration that an option says; leaves with a sentence where it is none."""
    found = _DURATION.fullmatch(text)
    if found is None:
        complain(f"{option} {text}: say a number and s, m, h or d, such as 90s or 2m")
    return int(found[1]) * _UNITS[found[2]]


def span(text: str) -> timedelta:
    """A short span, which may go back in time, or 0; leaves with a sentence where it is none."""
    found = _SPAN.fullmatch(text)
    if found is None:
        complain(f"{text!r} is not a duration; write 500ms, 2s, 20m or 1h")
    return timedelta(0) if found[3] else int(found[1]) * _UNITS[found[2]]
