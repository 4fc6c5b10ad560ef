"""The canonical request and the string to sign: one form for all spellings of a request.

Each function first tests whether a part is already canonical: SDKs nearly always send canonical requests.
AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote_from_bytes, unquote_to_bytes

from tabard.errors import MalformedRequest
from tabard.sigv4.authorization import ALGORITHM, Scope
from tabard.sigv4.errors import SignatureDoesNotMatch
from tabard.sigv4.layout import HeaderLayout, layout_of_names

# A percent triplet in upper-case hex, of a byte that is not unreserved (A-Z a-z 0-9 - . _ ~).
_TRIPLET = "%(?:[0189A-F][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[BCDF])"
# INVARIANT: the part after a repeat never begins with a character of the repeat. So a text matches in only
# one way, in linear time. CPython before 3.11.5 matches possessive quantifiers wrongly.
_TEXT = rf"[A-Za-z0-9._~-]*(?:{_TRIPLET}[A-Za-z0-9._~-]*)*"
_CANONICAL_PATH = re.compile(rf"/[A-Za-z0-9._~/-]*(?:{_TRIPLET}[A-Za-z0-9._~/-]*)*")
_CANONICAL_QUERY = re.compile(rf"{_TEXT}={_TEXT}(?:&{_TEXT}={_TEXT})*")
_WHITESPACE = re.compile(r"[ \t\n\r\v\f]+")
_BLANKS = " \t\n\r\v\f"


class Signable(Protocol):
    """The parts of a request that its signature covers.

    `raw_path` and `raw_query` (without the question mark) are as on the wire, percent-encoded. Text that is
    not ASCII is UTF-8 decoded with `surrogateescape`. `values` are the header values by lower-case name,
    the result of `values_by_name` for all headers in their order.
    """

    @property
    def method(self) -> str: ...
    @property
    def raw_path(self) -> str: ...
    @property
    def raw_query(self) -> str: ...
    @property
    def values(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A plain `Signable`; header names are in lower case, in the order of arrival."""

    method: str
    raw_path: str
    raw_query: str = field(repr=False)
    headers: Sequence[tuple[str, str]] = field(repr=False)
    values: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", values_by_name(self.headers))


def values_by_name(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Map names to header values; the values of a repeated header are joined by commas in their order."""
    values = dict(headers)
    if len(values) != len(headers):
        values = {}
        for name, value in headers:
            text = value.strip(_BLANKS)
            values[name] = f"{values[name]},{text}" if name in values else text
    return values


def canonical_path(raw_path: str, *, normalize_path: bool) -> str:
    """Build the canonical URI.

    AWS: "You do not normalize URI paths for requests to Amazon S3". S3's paths are encoded once. This
    function decodes and encodes them again, so that every spelling of a byte gives the same path. An encoded
    slash stays distinct from a slash. For every other service, it removes empty and dot segments, and
    encodes the path as sent a second time.

    Raises:
        MalformedRequest (400): the path does not begin with a slash.
    """
    if raw_path in {"/", ""}:
        return "/"
    if not raw_path.startswith("/"):
        raise MalformedRequest(reason="The path does not begin with a slash.")
    if normalize_path:
        return quote_from_bytes(_without_dot_segments(raw_path).encode(errors="surrogateescape"), "/")
    if _CANONICAL_PATH.fullmatch(raw_path) is not None:
        return raw_path
    return "/".join([_encoded(segment) for segment in raw_path.split("/")])


def canonical_query(raw_query: str) -> str:
    """Build the canonical query string: names and values encoded again, sorted by name, then by value.

    A `+` is a space, as in every service that reads the query. A name without a value has an empty value.
    Empty parts (`a&&b`) are ignored.
    """
    if not raw_query:
        return ""
    if _CANONICAL_QUERY.fullmatch(raw_query) is not None:
        if "&" not in raw_query:
            return raw_query
        # Each part contains `=` once. A lower character in its place sorts the parts as (name, value) pairs.
        parts = raw_query.replace("=", "\0").split("&")
        parts.sort()
        return "&".join(parts).replace("\0", "=")
    pairs = []
    for part in raw_query.replace("+", " ").split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((_encoded(name), _encoded(value)))
    pairs.sort()
    return "&".join([f"{name}={value}" for name, value in pairs])


def canonical_headers(values: Mapping[str, str], layout: HeaderLayout) -> str:
    """Build the canonical headers, an empty line and the list of signed headers, with its line end.

    Raises:
        SignatureDoesNotMatch (403): the request lacks a header that it lists as signed.
    """
    try:
        picked = layout.pick(values)
    except KeyError as missing:
        raise SignatureDoesNotMatch(
            reason=f"The request has no header {missing}, which its 'SignedHeaders' list."
        ) from None
    # AWS: "remove leading spaces and trailing spaces, and convert sequential spaces to a single space". The
    # SDKs do so with all blanks; a folded line would otherwise add a header.
    if _are_untidy(picked):
        picked = tuple([_WHITESPACE.sub(" ", value.strip(_BLANKS)) for value in picked])
    return layout.template % picked


def canonical_request(
    request: Signable, signed_headers: tuple[str, ...], payload_hash: str, *, normalize_path: bool
) -> bytes:
    """Build the canonical request.

    Args:
        signed_headers: names in lower case, sorted.
        payload_hash: SHA-256 of the body in hex, or the literal that `x-amz-content-sha256` may hold instead.
        normalize_path: False for S3, True for every other service.
    Raises:
        SignatureDoesNotMatch (403): the request lacks a header that it lists as signed.
        MalformedRequest (400): the method is not a word, or the path does not begin with a slash.
        IncompleteSignature (400): signed_headers are malformed or unsorted.
    """
    return filled_canonical_request(
        request, layout_of_names(signed_headers), payload_hash, normalize_path=normalize_path
    )


def filled_canonical_request(
    request: Signable, layout: HeaderLayout, payload_hash: str, *, normalize_path: bool
) -> bytes:
    """Build the canonical request from a compiled layout of the signed headers."""
    method = request.method
    if not method.isalpha():
        raise MalformedRequest(reason="The HTTP method is not a word.")
    path = canonical_path(request.raw_path, normalize_path=normalize_path)
    query = canonical_query(request.raw_query) if request.raw_query else ""
    headers = canonical_headers(request.values, layout)
    return f"{method}\n{path}\n{query}\n{headers}{payload_hash}".encode(errors="surrogateescape")


def string_to_sign(amz_date: str, scope: Scope, canonical: bytes) -> bytes:
    """Build the string to sign: algorithm, time (`YYYYMMDDTHHMMSSZ`), scope, canonical request's hash."""
    return (
        f"{ALGORITHM}\n{amz_date}\n{scope.date}/{scope.region}/{scope.service}/aws4_request\n"
        f"{sha256(canonical).hexdigest()}"
    ).encode()


def _are_untidy(values: tuple[str, ...]) -> bool:
    """Return whether a header value has blanks to remove."""
    text = "\0".join(("", *values, ""))
    if "\n" in text or "\t" in text or "\r" in text or "\v" in text or "\f" in text:
        return True
    # Spaces are rare and a session token is long: jump from one space to the next.
    at = text.find(" ")
    while at >= 0:
        if text[at - 1] in "\0 " or text[at + 1] == "\0":
            return True
        at = text.find(" ", at + 1)
    return False


def _encoded(text: str) -> str:
    return quote_from_bytes(unquote_to_bytes(text.encode(errors="surrogateescape")), "")


def _without_dot_segments(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    end = "/" if path.endswith("/") and kept else ""
    return f"/{'/'.join(kept)}{end}"
