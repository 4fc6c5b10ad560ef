"""Metadata tokens, which IMDSv2 requires. They are stateless and bound to one instance's listener.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""

import base64
import hmac
import re
import secrets
from datetime import UTC, datetime, timedelta

from tabard.clock import ClockReading, Deadline

MAXIMUM_TTL_SECONDS = 21_600

_TTL = re.compile(r"[0-9]{1,5}")
_TIME_BYTES = 6
_NONCE_BYTES = 6
_MAC_BYTES = 24
_TEXT_LENGTH = 56
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_End = tuple[int, int]
"""The end of a token: milliseconds of the boot-time clock, and of the wall clock since 1970."""


def parse_ttl_seconds(text: str) -> int | None:
    """Return the lifetime a caller asks for, 0 to 21,600 seconds; None if the header says anything else.

    AWS: "a minimum of one second and a maximum of six hours". 0 gives a token that has ended already:
    observed on EC2.
    """
    if not _TTL.fullmatch(text):
        return None
    ttl_seconds = int(text)
    return ttl_seconds if ttl_seconds <= MAXIMUM_TTL_SECONDS else None


def new_key() -> bytes:
    """Make a random key for metadata tokens."""
    return secrets.token_bytes(32)


class MetadataTokens:
    """Issues and checks the metadata tokens of one instance, under a key of its own.

    AWS: "The token is an instance-specific key. The token is not valid on other EC2 instances and will be
    rejected if you attempt to use it outside of the instance on which it was generated."
    """

    def __init__(self, instance_id: str, key: bytes) -> None:
        """Args: key: from `new_key`. An agent that gets the key still accepts the tokens issued under it."""
        self._instance_id = instance_id.encode()
        self._key = key
        self._last_valid: tuple[str, _End] | None = None

    def issue(self, *, ttl_seconds: int, now: ClockReading) -> str:
        """Return a token valid for `ttl_seconds` from `now`, by the boot-time clock and by the wall clock."""
        end = _milliseconds(Deadline.after(now, ttl_seconds))
        return self._seal(_encoded(end) + secrets.token_bytes(_NONCE_BYTES))

    def remaining_seconds(self, token: str, *, now: ClockReading) -> int | None:
        """Return the whole seconds that the token is still valid, at least 1; None if it is invalid here."""
        if len(token) != _TEXT_LENGTH or not token.isascii():
            return None
        end = self._end_of(token)
        if end is None:
            return None
        boottime, wall = _milliseconds(now)
        remaining_milliseconds = min(end[0] - boottime, end[1] - wall)
        return max(1, remaining_milliseconds // 1000) if remaining_milliseconds > 0 else None

    def _end_of(self, token: str) -> _End | None:
        """Return the end of a token. SDKs send one token for hours, so the last one is cached."""
        last = self._last_valid
        if last is not None and hmac.compare_digest(token, last[0]):
            return last[1]
        try:
            content = base64.b64decode(token, altchars=b"-_")[:-_MAC_BYTES]
        except ValueError:
            return None
        expected = self._seal(content)
        # Compare the text, so that another spelling of the same bytes is not a valid token.
        if not hmac.compare_digest(token, expected):
            return None
        end = _decoded(content)
        self._last_valid = (token, end)
        return end

    def _seal(self, content: bytes) -> str:
        mac = hmac.digest(self._key, content + self._instance_id, "sha256")[:_MAC_BYTES]
        return base64.urlsafe_b64encode(content + mac).decode("ascii")


def _milliseconds(moment: ClockReading | Deadline) -> _End:
    return int(moment.boottime_seconds * 1000), (moment.wall - _EPOCH) // _MILLISECOND


def _encoded(end: _End) -> bytes:
    return b"".join(each.to_bytes(_TIME_BYTES, "big") for each in end)


def _decoded(content: bytes) -> _End:
    return (
        int.from_bytes(content[:_TIME_BYTES], "big"),
        int.from_bytes(content[_TIME_BYTES : 2 * _TIME_BYTES], "big"),
    )
