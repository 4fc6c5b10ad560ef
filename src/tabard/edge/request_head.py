"""The head of a request, as the parser hands it on: one unambiguous HTTP/1.1 request, or none.

RFC 9112, 3.2 (the request target, Host) and 6.3 (the length of a body).
"""

import random
from collections.abc import Mapping
from datetime import datetime

import msgspec

from tabard.clock import Clock
from tabard.edge.bounds import HttpBounds
from tabard.model.client_certificate import ClientCertificate
from tabard.model.network_path import NetworkPath
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
    "Content-Encoding", "Content-Length", "Content-MD5", "Content-Type", "Expect", "Host", "Range",
    "User-Agent", "Transfer-Encoding", "X-Amz-Api-Version", "X-Amz-Checksum-Mode", "X-Amz-Content-SHA256",
    "X-Amz-Date", "X-Amz-Decoded-Content-Length", "X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Security-Token",
    "X-Amz-Target", "X-Amz-Trailer", "X-Amz-User-Agent", "X-Amzn-Query-Mode",
)  # fmt: skip
# What SDKs send need not be decoded anew; a table that grows could be filled by a stranger.
_LOWER = {
    spelling.encode(): name.lower() for name in _USUAL for spelling in (name, name.lower(), name.title())
}
# Unique is all that an id has to be: nothing is protected by its being unknown.
_random = random.Random()  # noqa: S311 - seeded by the system


class RequestHead(msgspec.Struct, frozen=True):
    """A request without its body, and what its head says of the body and the connection.

    `length` of the body in bytes, None where it is chunked.
    """

    raw: RawRequest
    length: int | None
    expects_continue: bool
    asks_upgrade: bool


def new_request_id(now: datetime) -> str:
    """A request id in the form of AWS's: a UUID, random but for its first eight digits, which count seconds.

    Ids of one time stand side by side in the audit's index; of random ones, each event would have the store
    write a page of its own.
    """
    seconds = int(now.timestamp()) & 0xFFFFFFFF
    text = f"{_random.getrandbits(96):024x}"
    return f"{seconds:08x}-{text[:4]}-4{text[5:8]}-a{text[9:12]}-{text[12:]}"


def read_head(
    method: bytes,
    target: bytes,
    raw_headers: list[tuple[bytes, bytes]],
    *,
    peer_ip: str,
    path: NetworkPath | None = None,
    certificate: ClientCertificate | None = None,
    secure: bool,
    relayed: bool = False,
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
    now = clock.now()
    raw_path, _, raw_query = target.decode("ascii").partition("?")
    raw = RawRequest(
        method=method.decode("ascii"),
        raw_path=raw_path,
        raw_query=raw_query,
        headers=headers,
        peer_ip=peer_ip,
        network_path=path,
        client_certificate=certificate,
        secure=secure,
        relayed=relayed,
        request_id=new_request_id(now),
        received_at=now,
    )
    framing = _framing(raw.values)
    if framing is None:
        return None
    length, expects_continue, asks_upgrade = framing
    return RequestHead(raw, length, expects_continue, asks_upgrade)


def _framing(values: Mapping[str, str]) -> tuple[int | None, bool, bool] | None:
    """The length of the body; whether the client waits for 100, or asks for another protocol."""
    if "host" not in values:
        return None
    length: int | None = 0
    if "transfer-encoding" in values:
        if "content-length" in values or values["transfer-encoding"].lower() != "chunked":
            return None
        length = None
    elif "content-length" in values:
        declared = values["content-length"]
        if not declared.isascii() or not declared.isdigit():
            return None
        length = int(declared)
    expects_continue = "expect" in values
    if expects_continue and values["expect"].lower() != "100-continue":
        return None
    return length, expects_continue, "upgrade" in values


def _headers(
    raw_headers: list[tuple[bytes, bytes]], bounds: HttpBounds
) -> tuple[tuple[str, str], ...] | None:
    """Names in lower case, with their values; None where one would mean different things to two readers."""
    joined = b"\n".join([value for _, value in raw_headers])  # no value has a line feed: the parser saw to it
    if len(raw_headers) > bounds.header_count or len(joined) > bounds.all_headers_bytes:
        return None
    if sum([len(name) for name, _ in raw_headers]) > bounds.header_bytes:
        return None
    if len(joined) > bounds.header_bytes and max(map(len, joined.split(b"\n"))) > bounds.header_bytes:
        return None
    try:
        # What is no text cannot be audited, nor compared with a policy's values.
        values = joined.decode("utf-8").split("\n")
        names = [_LOWER[name] if name in _LOWER else name.decode("ascii").lower() for name, _ in raw_headers]
    except UnicodeDecodeError:
        return None
    if len(set(names)) != len(names) and any(name in _ONCE and names.count(name) > 1 for name in names):
        return None
    if b" \n" in joined or b"\t\n" in joined or joined.endswith((b" ", b"\t")):
        values = [value.rstrip(" \t") for value in values]
    return tuple(zip(names, values, strict=True)) if names else None
