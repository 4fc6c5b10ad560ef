"""The content of an uploaded object: streamed, and complete only once it is verified.

The edge sends the last piece after it has verified hash, checksums and length. If one is wrong, the edge ends
the upstream's request before its last byte, and no object is stored.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tabard.access.refusals import NotAuthenticated, Refusal
from tabard.edge.body import Body
from tabard.errors import AwsError
from tabard.services.s3.errors import (
    BadContentMD5,
    BadDigest,
    EntityTooLarge,
    IncompleteBody,
    InvalidDigest,
    MissingContentLength,
)
from tabard.sigv4.chunked import AwsChunkedDecoder
from tabard.wire.checksums import CHECKSUM_HEADERS, Checksum, checksum, is_digest
from tabard.wire.input_errors import InvalidRequest

LARGEST_OBJECT_BYTES = 5 * 1024**3
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"


@dataclass(slots=True)
class ObjectBody:
    """One upload: the length of its content, and the content, which can be read once.

    After the content was read, `checksums` has each checksum that the client sent, by header name.
    """

    body: Body
    payload_hash: str
    length: int
    decoder: AwsChunkedDecoder | None
    expected: Mapping[str, str]
    announced_trailers: Sequence[str] = ()
    checksums: dict[str, str] = field(default_factory=dict)

    async def content(self) -> AsyncIterator[bytes]:
        """Yield the content, and its last piece only after everything was verified.

        Raises:
            NotAuthenticated: hash or chunk signature is wrong. BadDigest, BadContentMD5, IncompleteBody;
            InvalidDigest, InvalidRequest: a header has no valid digest.
        """
        digests = {
            name: checksum(CHECKSUM_HEADERS[name]) for name in (*self.expected, *self.announced_trailers)
        }
        sha256 = hashlib.sha256() if self._hash_is_known else None
        held, size = b"", 0
        async for piece in self._decoded():
            if not piece:
                continue
            size += len(piece)
            if size > self.length:
                raise IncompleteBody
            if sha256 is not None:
                sha256.update(piece)
            for digest in digests.values():
                digest.update(piece)
            if held:
                yield held
            held = piece
        if size != self.length:
            raise IncompleteBody
        trailers = self.decoder.finish() if self.decoder is not None else {}
        if sha256 is not None and sha256.hexdigest() != self.payload_hash:
            raise NotAuthenticated("s3", Refusal.BODY_MISMATCH)
        self._compare(digests, trailers)
        if held:
            yield held

    @property
    def _hash_is_known(self) -> bool:
        return self.decoder is None and self.payload_hash != UNSIGNED_PAYLOAD

    async def _decoded(self) -> AsyncIterator[bytes]:
        async for piece in self.body.pieces():
            if self.decoder is None:
                yield piece
            else:
                for part in self.decoder.feed(piece):
                    yield part

    def _compare(self, digests: Mapping[str, Checksum], trailers: Mapping[str, str]) -> None:
        wanted = {**self.expected, **{name: value for name, value in trailers.items() if name in digests}}
        for name, digest in digests.items():
            if name in wanted and digest.base64() != wanted[name]:
                raise _mismatch(name, wanted[name])
            self.checksums[name] = digest.base64()


def check_announced(names: Iterable[str]) -> None:
    """Check the announced checksums: one is allowed beside Content-MD5. Raises InvalidRequest (400)."""
    if sum(name.startswith("x-amz-checksum-") for name in names) > 1:
        raise InvalidRequest(
            reason="Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )


def _mismatch(name: str, given: str) -> AwsError:
    """Return S3's error for a digest that differs from the content's."""
    algorithm = CHECKSUM_HEADERS[name]
    if is_digest(algorithm, given):
        return BadContentMD5() if name == "content-md5" else BadDigest(algorithm=algorithm.upper())
    return (
        InvalidDigest()
        if name == "content-md5"
        else InvalidRequest(reason=f"Value for {name} header is invalid.")
    )


def content_length(declared: int | None, decoded: str | None, *, chunked: bool) -> int:
    """Return the number of bytes of content that an upload announces.

    Raises:
        MissingContentLength (411): the upload announces no length. EntityTooLarge: more than 5 GiB.
    """
    if chunked:
        if decoded is None or not decoded.isascii() or not decoded.isdigit():
            raise MissingContentLength
        length = int(decoded)
    elif declared is None:
        raise MissingContentLength
    else:
        length = declared
    if length > LARGEST_OBJECT_BYTES:
        raise EntityTooLarge
    return length
