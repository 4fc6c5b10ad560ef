"""The text of a join token, in one line: the endpoint, the trusted authority and the secret."""

import base64
import binascii
import re
from urllib.parse import urlsplit

import msgspec

_PREFIX = "tabard-join-"
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_TEXT_CHARACTERS = 2048


class JoinOffer(msgspec.Struct, frozen=True, kw_only=True):
    """`endpoint` is `https://HOST:PORT`; `ca_fingerprint` is the authority's SHA-256 in hex."""

    endpoint: str
    ca_fingerprint: str
    token_id: str
    secret: str

    def __repr__(self) -> str:
        return f"JoinOffer(endpoint={self.endpoint!r}, token_id={self.token_id!r})"

    def checked(self) -> "JoinOffer":
        """Return itself. Raises ValueError for an invalid endpoint or fingerprint."""
        parts = urlsplit(self.endpoint)
        if parts.scheme != "https" or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError("the endpoint is https://HOST:PORT")
        if not _FINGERPRINT.fullmatch(self.ca_fingerprint):
            raise ValueError("a fingerprint has 64 hex digits")
        return self

    @staticmethod
    def is_like(text: str) -> bool:
        """Return whether a word looks like a join token."""
        return text.startswith(_PREFIX)

    def to_text(self) -> str:
        """Encode it as one word of base64url."""
        return _PREFIX + base64.urlsafe_b64encode(msgspec.json.encode(self)).decode("ascii").rstrip("=")

    @classmethod
    def from_text(cls, text: str) -> "JoinOffer":
        """Decode it. Raises ValueError with a sentence that does not quote the text."""
        text = text.strip()
        encoded = text.removeprefix(_PREFIX)
        if encoded == text or len(text) > _TEXT_CHARACTERS:
            raise ValueError("this is not a join token; `tabard host token NAME` prints one")
        try:
            content = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
            offer = msgspec.json.decode(content, type=cls)
        except (binascii.Error, UnicodeError, msgspec.DecodeError):
            # Without its cause: a decoder's message may quote the secret.
            raise ValueError("this join token is not whole; copy all of it") from None
        return offer.checked()
