"""The chunked payloads of S3, and the chain of their signatures.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
"""

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from tabard.sigv4.authorization import Scope
from tabard.sigv4.errors import PayloadNotImplemented
from tabard.sigv4.verify import SigningKey

_EMPTY_HASH = sha256(b"").hexdigest()


class PayloadKind(StrEnum):
    """The chunked payloads that Tabard decodes, by their `x-amz-content-sha256`."""

    SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    @property
    def signed(self) -> bool:
        return self is not PayloadKind.UNSIGNED_TRAILER

    @property
    def trailing(self) -> bool:
        return self is not PayloadKind.SIGNED


def payload_kind(content_sha256: str) -> PayloadKind | None:
    """Return the chunked payload that an `x-amz-content-sha256` announces, or None.

    Raises:
        PayloadNotImplemented (501): any other `STREAMING-…`.
    Differs: payloads signed with ECDSA (Signature Version 4A) are answered with NotImplemented.
    """
    if not content_sha256.upper().startswith("STREAMING-"):
        return None
    for kind in PayloadKind:
        if kind.value == content_sha256:
            return kind
    raise PayloadNotImplemented(kind=content_sha256[:64])


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureChain:
    """The start of the chunks' signatures: the verified signature of the request, and its key."""

    key: SigningKey
    scope: Scope
    amz_date: str
    seed_signature: str = field(repr=False)

    def chunk_signature(self, previous: str, content_hash: str) -> str:
        """Sign a chunk, from the previous signature and the SHA-256 of its content in hex."""
        return self._signature("PAYLOAD", previous, f"{_EMPTY_HASH}\n{content_hash}")

    def trailer_signature(self, previous: str, trailers: dict[str, str]) -> str:
        """Sign the trailers: `name:value` and a line feed each, sorted by name."""
        text = "".join([f"{name}:{value}\n" for name, value in sorted(trailers.items())])
        return self._signature("TRAILER", previous, sha256(text.encode()).hexdigest())

    def _signature(self, suffix: str, previous: str, rest: str) -> str:
        text = f"AWS4-HMAC-SHA256-{suffix}\n{self.amz_date}\n{self.scope}\n{previous}\n{rest}"
        return self.key.signature(text.encode())
