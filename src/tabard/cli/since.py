"""The value of `--since`: a duration before now, or a time."""

import re
from datetime import UTC, datetime

from tabard.cli.running import complain
from tabard.cli.shown import printable
from tabard.durations import parse_duration

_DATE = re.compile("[0-9]{4}-")


def since_time(text: str, *, now: datetime) -> datetime:
    """Read `2h` as two hours before now, and `2026-01-31T08:00:00Z` as that time.

    A time without a zone is in UTC, like every time that Tabard prints. Exits with a sentence where the text
    is neither.
    """
    try:
        if not _DATE.match(text):
            return now - parse_duration(text)
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        complain(
            f"--since {printable(text)}: write a duration such as 2h, or a time such as 2026-01-31T08:00:00Z"
        )
