"""The head of a request, as the parser hands it on: one unambiguous HTTP/1.1 request, or none.

RFC 9112, 3.2 (the request target, Host) and 6.3 (the length of a body).
"""

import random
from dataclasses import dataclass

from tabard.clock import Clock
from tabard.edge.bounds import HttpBounds
from tabard.wire.request import RawRequest

METHODS = frozenset((b"GET", b"HEAD", b"PUT", b"POST", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE"))
"""All others are refused; CONNECT above all, after which every byte means something else."""

VERSIONS = frozenset(("1.0", "1.1"))

_ONCE = frozenset(
    (
        "host",
        "authorization",
        "content-length",
        "transfer-encoding",
        "x-amz-date",
        "x-amz-content-sha256",
        "x-amz-security-token",
        "x-amz-target",
        "x-amz-decoded-content-length",
        "x-amz-copy-source",
        "content-encoding",
        "content-type",
        "expect",
    )
)
"""Headers of which a second one could mean another thing to another reader."""

_USUAL = (
    "Accept", "Accept-Encoding", "amz-sdk-invocation-id", "amz-sdk-request", "Authorization", "Connection",
    "Content-Encoding", "Content-Length", "Content-MD5", "Content-Type", "Expect", "Host", "Range", "User-Agent",
    "Transfer-Encoding", "X-Amz-Api-Version", "X-Amz-Checksum-Mode", "X-Amz-Content-SHA256", "X-Amz-Date",
    "X-Amz-Decoded-Content-Length", "X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Security-Token", "X-Amz-Target",
    "X-Amz-Trailer", "X-Amz-User-Agent", "X-Amzn-Query-Mode",
)  # fmt: skip
# What SDKs send need not be decoded anew; a table that grows could be filled by a stranger.
_LOWER = {
    spelling.encode(): name.lower() for name in _USUAL for spelling in (name, name.lower(), name.title())
}
# Unique is all that an id has to be: nothing is protected by its being unknown.
_ids = random.SystemRandom().getrandbits(64)
_random = random.Random(_ids)  # noqa: S311


@dataclass(slots=True, kw_only=True)
class HeadParts:
    """What the parser found, piece by piece."""

    target: bytes
    headers: list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request without its body, and what its head says of the body and the connection.

    `length` of the body in bytes, None where it is chunked.
    """

    raw: RawRequest
    length: int | None
    expects_continue: bool
    asks_upgrade: bool


def new_request_id() -> str:
    """A request id in the form of AWS's: a random UUID."""
    text = f"{_random.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def read_head(
    method: bytes,
    target: bytes,
    raw_headers: list[tuple[bytes, bytes]],
    *,
    peer_ip: str,
    secure: bool,
    clock: Clock,
    bounds: HttpBounds,
) -> RequestHead | None:
    """The request as it arrived; None where framing or identity is ambiguous, or it is too large."""
    if method not in METHODS or not target.startswith(b"/") or len(target) > bounds.request_line_bytes:
        return None
    if not target.isascii() or b"#" in target:
        return None
    headers = _headers(raw_headers, bounds)
    if headers is None:
        return None
    raw_path, _, raw_query = target.decode("ascii").partition("?")
    raw = RawRequest(
        method=method.decode("ascii"),
        raw_path=raw_path,
        raw_query=raw_query,
        headers=headers,
        peer_ip=peer_ip,
        secure=secure,
        request_id=new_request_id(),
        received_at=clock.now(),
    )
    return _framed(raw)


def _framed(raw: RawRequest) -> RequestHead | None:
    length: int | None = 0
    coding = raw.header("transfer-encoding")
    declared = raw.header("content-length")
    if coding is not None:
        if declared is not None or coding.lower() != "chunked":
            return None
        length = None
    elif declared is not None:
        if not declared.isascii() or not declared.isdigit():
            return None
        length = int(declared)
    expected = raw.header("expect")
    if expected is not None and expected.lower() != "100-continue":
        return None
    if raw.header("host") is None:
        return None
    return RequestHead(raw, length, expected is not None, raw.header("upgrade") is not None)


def _headers(
    raw_headers: list[tuple[bytes, bytes]], bounds: HttpBounds
) -> tuple[tuple[str, str], ...] | None:
    """Names in lower case, with their values; None where one would mean different things to two readers."""
    try:
        # What is no text cannot be audited, nor compared with a policy's values.
        headers = [
            (_LOWER.get(name) or name.decode("ascii").lower(), value.decode("utf-8").rstrip(" \t"))
            for name, value in raw_headers
        ]
    except UnicodeDecodeError:
        return None
    names = [name for name, _ in headers]
    if len(set(names)) != len(names) and any(name in _ONCE and names.count(name) > 1 for name in names):
        return None
    return tuple(headers)
