"""The date of an answer in HTTP's format. RFC 9110, 5.6.7."""

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache


def http_date(moment: datetime) -> str:
    """Format a time to the second, in GMT, and cache the last result."""
    return _http_date(int(moment.timestamp()))


@lru_cache(maxsize=8)
def _http_date(epoch_seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(epoch_seconds, UTC), usegmt=True)
