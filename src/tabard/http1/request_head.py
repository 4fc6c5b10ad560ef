"""The head of a request, as the parser hands it on: one unambiguous HTTP/1.1 request, or none.

RFC 9112, 3.2 (the request target, Host) and 6.3 (the length of a body).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from tabard.http1.answer import Headers
from tabard.http1.bounds import HttpBounds

METHODS = frozenset((b"GET", b"HEAD", b"PUT", b"POST", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE"))
"""All others are refused; CONNECT above all, after which every byte means something else."""

VERSIONS = frozenset(("1.0", "1.1"))

_FRAMING_ONCE = frozenset(("host", "content-length", "transfer-encoding", "expect"))


@dataclass(frozen=True, slots=True)
class HeaderNames:
    """`lower` of the spellings that need not be decoded anew; `once`: what is refused where it is repeated.

    A table that grows could be filled by a stranger.
    """

    lower: Mapping[bytes, str]
    once: frozenset[str]

    @classmethod
    def of(cls, *, usual: Iterable[str], once: Iterable[str]) -> "HeaderNames":
        """Args: once: besides the headers that frame a message, in lower case."""
        lower = {
            spelling.encode(): name.lower()
            for name in usual
            for spelling in (name, name.lower(), name.title())
        }
        return cls(lower, _FRAMING_ONCE | frozenset(once))


class RequestHead(msgspec.Struct, frozen=True, kw_only=True):
    """A request without its body, and what its head says of the body and the connection.

    `raw_path` and `raw_query` (without the question mark) are as on the wire; header names are in lower case.
    `length` of the body in bytes, None where it is chunked.
    """

    method: str
    raw_path: str
    raw_query: str
    headers: Headers
    length: int | None
    expects_continue: bool
    asks_upgrade: bool


def read_head(
    method: bytes,
    target: bytes,
    raw_headers: list[tuple[bytes, bytes]],
    *,
    names: HeaderNames,
    bounds: HttpBounds,
) -> RequestHead | None:
    """The head as it arrived; None where framing or identity is ambiguous, or it is too large."""
    if method not in METHODS or not target.startswith(b"/") or len(target) > bounds.request_line_bytes:
        return None
    if not target.isascii() or b"#" in target:
        return None
    headers = _headers(raw_headers, names, bounds)
    if headers is None:
        return None
    raw_path, _, raw_query = target.decode("ascii").partition("?")
    framing = _framing(dict(headers))  # none of the headers that it looks for is there twice
    if framing is None:
        return None
    length, expects_continue, asks_upgrade = framing
    return RequestHead(
        method=method.decode("ascii"),
        raw_path=raw_path,
        raw_query=raw_query,
        headers=headers,
        length=length,
        expects_continue=expects_continue,
        asks_upgrade=asks_upgrade,
    )


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
    raw_headers: list[tuple[bytes, bytes]], known: HeaderNames, bounds: HttpBounds
) -> Headers | None:
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
        lower = known.lower
        names = [lower[name] if name in lower else name.decode("ascii").lower() for name, _ in raw_headers]
    except UnicodeDecodeError:
        return None
    if len(set(names)) != len(names) and any(name in known.once and names.count(name) > 1 for name in names):
        return None
    if b" \n" in joined or b"\t\n" in joined or joined.endswith((b" ", b"\t")):
        values = [value.rstrip(" \t") for value in values]
    return tuple(zip(names, values, strict=True)) if names else None
