"""Durations, as people write them: a whole number and a unit."""

import re
from datetime import timedelta

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_DURATION = re.compile(r"(-?[0-9]{1,9})(ms|s|m|h|d)")


def parse_duration(text: str, *, signed: bool = False) -> timedelta:
    """Read `30s`, `5m`, `6h` or `1d`; only zero needs no unit.

    Args:
        signed: whether it may be negative.
    Raises:
        ValueError: with a sentence for the operator.
    """
    found = _DURATION.fullmatch("0s" if text == "0" else text)
    if found is None or (found[1].startswith("-") and not signed):
        raise ValueError(
            f"{text!r} is not a duration; write a whole number and ms, s, m, h or d, like 30s, 5m, 6h or 1d"
        )
    return int(found[1]) * _UNITS[found[2]]


def duration_text(span: timedelta) -> str:
    """Write a span in the largest unit that divides it: `6h`, and `0` for none."""
    unit = next((name for name, unit in _UNITS.items() if span % unit == timedelta(0)), "ms")
    return f"{span // _UNITS[unit]}{unit}" if span else "0"
