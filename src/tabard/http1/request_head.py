"""The head of a parsed request: one unambiguous HTTP/1.1 request, or none.

RFC 9112, 3.2 (the request target, Host) and 6.3 (the length of a body).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from tabard.http1.answer import Headers
from tabard.http1.bounds import HttpBounds

METHODS = frozenset((b"GET", b"HEAD", b"PUT", b"POST", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE"))
"""All other methods are refused, above all CONNECT, after which the bytes are not HTTP."""

VERSIONS = frozenset(("1.0", "1.1"))

_FRAMING_ONCE = frozenset(("host", "content-length", "transfer-encoding", "expect"))


@dataclass(frozen=True, slots=True)
class HeaderNames:
    """`lower`: the decoded names by spelling; `once`: the headers that must not be repeated.

    The table is fixed: a stranger could fill one that grows.
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
    """A request without its body, and its framing.

    `raw_path` and `raw_query` (without the question mark) are as on the wire; header names are in lower case.
    `length` of the body in bytes; None if it is chunked.
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
    """Build the head; None if framing or identity is ambiguous, or the head is too large."""
    if method not in METHODS or not target.startswith(b"/") or len(target) > bounds.request_line_bytes:
        return None
    if not target.isascii() or b"#" in target:
        return None
    headers = _headers(raw_headers, names, bounds)
    if headers is None:
        return None
    raw_path, _, raw_query = target.decode("ascii").partition("?")
    framing = _framing(dict(headers))  # none of the framing headers is repeated
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
    """Return the length of the body, and whether the client waits for 100 or requests another protocol."""
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
    """Decode names and values; None if two programs could read one differently."""
    joined = b"\n".join(
        [value for _, value in raw_headers]
    )  # the parser guarantees that no value has a line feed
    if len(raw_headers) > bounds.header_count or len(joined) > bounds.all_headers_bytes:
        return None
    if sum([len(name) for name, _ in raw_headers]) > bounds.header_bytes:
        return None
    if len(joined) > bounds.header_bytes and max(map(len, joined.split(b"\n"))) > bounds.header_bytes:
        return None
    try:
        # A value that is not text can neither be audited nor compared with a policy's values.
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
