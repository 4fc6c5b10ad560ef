"""Verification of a request's signature.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from tabard.sigv4.authorization import Authorization, Scope, remember_claim
from tabard.sigv4.canonical import Signable, filled_canonical_request, string_to_sign
from tabard.sigv4.dates import signing_date
from tabard.sigv4.errors import HeadersNotSigned, SignatureDoesNotMatch
from tabard.sigv4.layout import HeaderLayout, is_known_to_cover, remember_layout

_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))
_BLOCK_BYTES = 64
_PROOF = object()


class SigningKey:
    """The key of one secret for one scope, as the two hash states with which HMAC begins.

    Each signature copies them, so that the key's two blocks are hashed once, not once per request.
    """

    __slots__ = ("_inner", "_outer", "scope")

    def __init__(self, key: bytes, scope: Scope) -> None:
        """`key`: 32 bytes, the result of AWS's key derivation."""
        block = key.ljust(_BLOCK_BYTES, b"\0")
        self.scope = scope
        self._inner = sha256(block.translate(_INNER_PAD))
        self._outer = sha256(block.translate(_OUTER_PAD))

    def __repr__(self) -> str:
        return f"SigningKey(scope={str(self.scope)!r})"

    def signature(self, text: bytes) -> str:
        """Return the HMAC-SHA256 of `text`, as 64 hex digits."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.hexdigest()


def signing_key(secret_access_key: str, scope: Scope) -> SigningKey:
    """Derive the key for one day, region and service from a secret access key."""
    key = f"AWS4{secret_access_key}".encode()
    for part in (scope.date, scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return SigningKey(key, scope)


def check_signed_headers(request: Signable, authorization: Authorization) -> str:
    """Refuse a request whose signature does not cover every header that AWS requires.

    AWS: "You must include the host header (HTTP/1.1) […] and any x-amz-* headers in the signature. You can
    optionally include other standard headers in the signature, such as content-type." A `date` that replaces
    `x-amz-date` must be signed as well. S3's page requires content-type too; S3 itself does not.

    Returns:
        The claimed time of signing, `YYYYMMDDTHHMMSSZ`. Whether that day and time exist is not checked yet.
    Raises:
        HeadersNotSigned (403, S3), SignatureDoesNotMatch (403, every other service)
        IncompleteSignature (400): there is no date.
    AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    Differs: x-amz-security-token must be signed for every service; AWS lets some services add it afterwards.
    """
    values, layout = request.values, authorization.layout
    if is_known_to_cover(layout, tuple(values)):
        return signing_date(values)
    unsigned = _unsigned_headers(values, layout)
    if not unsigned:
        return signing_date(values)
    if authorization.scope.service == "s3" and "host" not in unsigned:
        raise HeadersNotSigned(unsigned)
    name = "'Host' or ':authority'" if "host" in unsigned else f"'{unsigned[0]}'"
    raise SignatureDoesNotMatch(reason=f"{name} must be a 'SignedHeader' in the AWS Authorization.")


def signature_matches(
    request: Signable,
    authorization: Authorization,
    key: SigningKey,
    payload_hash: str,
    *,
    normalize_path: bool,
) -> bool:
    """Return whether `key` makes the claimed signature of this request, in constant time.

    Also returns False if a required header is unsigned, a signed one is missing, or the scope's date is not
    the request's day. It checks neither the age of the request nor whether `payload_hash` is the body's.

    Args:
        payload_hash: SHA-256 of the body in hex, or the literal that `x-amz-content-sha256` may hold instead.
        normalize_path: False for S3, True for every other service.
    Raises:
        MalformedRequest (400), IncompleteSignature (400): the request has no canonical form.
    """
    values, scope, layout = request.values, authorization.scope, authorization.layout
    header_names = tuple(values)
    is_known = is_known_to_cover(layout, header_names)
    if not is_known and _unsigned_headers(values, layout):
        return False
    amz_date = signing_date(values)
    if not amz_date.startswith(scope.date):
        return False
    try:
        canonical = filled_canonical_request(request, layout, payload_hash, normalize_path=normalize_path)
    except SignatureDoesNotMatch:
        return False
    signature = key.signature(string_to_sign(amz_date, scope, canonical))
    if not hmac.compare_digest(signature, authorization.signature):
        return False
    if not is_known:
        remember_layout(layout, header_names)
    remember_claim(authorization)
    return True


def _unsigned_headers(values: Mapping[str, str], layout: HeaderLayout) -> tuple[str, ...]:
    """Return the unsigned headers that must be signed, sorted."""
    names = layout.name_set
    others = values.keys() - names
    unsigned = []
    if "x-amz-" in "\n".join(others):
        unsigned = [name for name in others if name.startswith("x-amz-")]
    if "host" not in names:
        unsigned.append("host")
    if "x-amz-date" not in values and "date" not in names:
        unsigned.append("date")
    return tuple(sorted(unsigned)) if unsigned else ()
