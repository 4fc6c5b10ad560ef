"""Metadata tokens: what IMDSv2 asks for before it answers. Stateless, bound to one instance's listener.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""

import base64
import hmac
import re
import secrets
import struct

MINIMUM_TTL_SECONDS = 1
MAXIMUM_TTL_SECONDS = 21_600

_TTL = re.compile(r"[0-9]{1,5}")
_PREFIX = struct.Struct(">Q8s")
_MAC_BYTES = 24
_TEXT_LENGTH = 56


def parse_ttl_seconds(text: str) -> int | None:
    """The lifetime a caller asks for, 1 to 21,600 seconds; None where the header says anything else."""
    if not _TTL.fullmatch(text):
        return None
    ttl_seconds = int(text)
    return ttl_seconds if MINIMUM_TTL_SECONDS <= ttl_seconds <= MAXIMUM_TTL_SECONDS else None


def new_key() -> bytes:
    """A key that nobody guesses."""
    return secrets.token_bytes(32)


class MetadataTokens:
    """Issues and checks the metadata tokens of one instance, under a key of its own.

    AWS: "The token is an instance-specific key. The token is not valid on other EC2 instances and will be
    rejected if you attempt to use it outside of the instance on which it was generated."
    """

    def __init__(self, instance_id: str, key: bytes) -> None:
        """Args: key: from `new_key`. Whoever is given it goes on with what was issued under it."""
        self._instance_id = instance_id.encode()
        self._key = key
        self._last_valid: tuple[str, int] | None = None

    def issue(self, *, ttl_seconds: int, now_seconds: float) -> str:
        """A token valid for `ttl_seconds` from `now_seconds` on the monotonic clock."""
        ends_at_milliseconds = int((now_seconds + ttl_seconds) * 1000)
        return self._seal(ends_at_milliseconds, secrets.token_bytes(8))

    def remaining_seconds(self, token: str, *, now_seconds: float) -> int | None:
        """Whole seconds that the token is still good for, at least 1; None where it is not valid here."""
        if len(token) != _TEXT_LENGTH or not token.isascii():
            return None
        ends_at_milliseconds = self._end_of(token)
        if ends_at_milliseconds is None:
            return None
        remaining_milliseconds = ends_at_milliseconds - int(now_seconds * 1000)
        return max(1, remaining_milliseconds // 1000) if remaining_milliseconds > 0 else None

    def _end_of(self, token: str) -> int | None:
        """When a token of ours ends; SDKs show one for hours, so the last is remembered."""
        last = self._last_valid
        if last is not None and hmac.compare_digest(token, last[0]):
            return last[1]
        try:
            ends_at_milliseconds, nonce = _PREFIX.unpack_from(base64.b64decode(token, altchars=b"-_"))
        except (ValueError, struct.error):
            return None
        expected = self._seal(ends_at_milliseconds, nonce)
        # Compared as text, so that a second spelling of the same bytes is no second token.
        if not hmac.compare_digest(token, expected):
            return None
        self._last_valid = (token, ends_at_milliseconds)
        return int(ends_at_milliseconds)

    def _seal(self, ends_at_milliseconds: int, nonce: bytes) -> str:
        prefix = _PREFIX.pack(ends_at_milliseconds, nonce)
        mac = hmac.digest(self._key, prefix + self._instance_id, "sha256")[:_MAC_BYTES]
        return base64.urlsafe_b64encode(prefix + mac).decode("ascii")
