"""Durations, as the commands take them: a number and s, m, h or d."""

import re
from datetime import timedelta

from tabard.cli.running import complain

_DURATION = re.compile(r"(\d{1,6})([smhd])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str, *, option: str) -> timedelta:
    """The duration that an option says; leaves with a sentence where it is none."""
    found = _DURATION.fullmatch(text)
    if found is None:
        complain(f"{option} {text}: say a number and s, m, h or d, such as 90s or 2m")
    return timedelta(seconds=int(found[1]) * _UNIT_SECONDS[found[2]])
