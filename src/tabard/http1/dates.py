"""The date of an answer, as HTTP writes it. RFC 9110, 5.6.7."""

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache


def http_date(moment: datetime) -> str:
    """Write a moment to the second, in GMT; what was written last is remembered."""
    return _http_date(int(moment.timestamp()))


@lru_cache(maxsize=8)
def _http_date(epoch_seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(epoch_seconds, UTC), usegmt=True)
