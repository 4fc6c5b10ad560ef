"""The value of an option that is a duration."""

from datetime import timedelta

from tabard.cli.running import complain
from tabard.cli.shown import printable
from tabard.durations import parse_duration


def duration(text: str, *, option: str, signed: bool = False) -> timedelta:
    """Read it; exits with a sentence if it is none. `signed`: whether it may be negative."""
    try:
        return parse_duration(text, signed=signed)
    except ValueError as error:
        complain(f"{option}: {printable(str(error))}")
