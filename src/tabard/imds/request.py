"""One request of the metadata service, as the parser hands it on: one unambiguous HTTP/1.x head, or none."""

import re
import socket

import msgspec
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from tabard.http1.request_head import VERSIONS

HEAD_BYTES = 16 * 1024
_LINE_BYTES = 4096
_HEADER_BYTES = 4096
_HEADER_COUNT = 64
_SLASHES = re.compile(rb"/{2,}")


class MetadataRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request without its body: no operation has one.

    path: as sent, without the query, and with one slash for several. headers: names in lower case.
    has_body: whether one follows unread.
    connection, peer: what it came by, and from which address.
    """

    method: str
    path: str
    headers: list[tuple[bytes, bytes]]
    has_body: bool
    connection: socket.socket
    peer: str

    def __repr__(self) -> str:
        """Omit the headers, because one of them may be a metadata token."""
        return f"MetadataRequest({self.method} {self.path})"

    def values(self, name: bytes) -> list[str]:
        """Return every value of a header, by its name in lower case."""
        return [value.decode("latin-1") for known, value in self.headers if known == name]


class RequestReader:
    """Reads one request from the pieces in which it arrives."""

    __slots__ = ("_headers", "_method", "_parser", "_seen", "_target", "_version", "is_broken", "is_whole")

    def __init__(self) -> None:
        # The parser refers back to this object. Drop it when it is done, rather than at garbage collection.
        self._parser: HttpRequestParser | None = HttpRequestParser(self)
        self._seen = b""
        self._method = self._target = b""
        self._version = ""
        self._headers: list[tuple[bytes, bytes]] = []
        self.is_whole = False
        """Whether the request head is complete. The reader ignores bytes after it."""
        self.is_broken = False
        """Whether the request is invalid or too large."""

    def feed(self, data: bytes) -> None:
        """Parse the next piece of the request."""
        self._seen += data
        parser = self._parser
        if parser is None:
            return
        try:
            parser.feed_data(data)
        except (HttpParserUpgrade, HttpParserError):
            self.is_broken = not self.is_whole
        if not self.is_whole and (len(self._seen) > HEAD_BYTES or self._is_too_large()):
            self.is_broken = True
        if self.is_whole or self.is_broken:
            self._parser = None

    def request(self, connection: socket.socket, peer: str) -> MetadataRequest | None:
        """Return the complete request, or None if it is not a valid request.

        EC2 answers `//latest/meta-data/` as `/latest/meta-data/`: observed on EC2, and AWS's own
        `MetadataService` of the SDK for JavaScript sends it.
        """
        method = self._method
        # The parser accepts two other protocols with similar heads, and does not report which one it read.
        if (
            self.is_broken
            or self._is_too_large()
            or self._version not in VERSIONS
            or not self._seen.lstrip(b"\r\n").startswith(b"%b %b HTTP/1." % (method, self._target))
        ):
            return None
        headers = [(name.lower(), value.strip(b" \t")) for name, value in self._headers]
        return MetadataRequest(
            method=method.decode("ascii"),
            path=_SLASHES.sub(b"/", self._target.partition(b"?")[0]).decode("latin-1"),
            headers=headers,
            has_body=any([name in _FRAMING and value != b"0" for name, value in headers]),  # noqa: C419 - 2 µs
            connection=connection,
            peer=peer,
        )

    def _is_too_large(self) -> bool:
        headers = self._headers
        return (
            len(self._target) > _LINE_BYTES
            or len(headers) > _HEADER_COUNT
            or (
                len(self._seen) > _HEADER_BYTES and any(len(b"".join(one)) > _HEADER_BYTES for one in headers)
            )
        )

    # httptools

    def on_url(self, target: bytes) -> None:
        if not self.is_whole:  # another request behind it finds no reader: EC2 answers one
            self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.is_whole:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if not self.is_whole and self._parser is not None:
            self._method = self._parser.get_method()
            self._version = self._parser.get_http_version()
            self.is_whole = True


_FRAMING = frozenset((b"content-length", b"transfer-encoding"))
