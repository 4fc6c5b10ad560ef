"""Streaming decoder for bodies in `aws-chunked` framing, without I/O: bytes in, verified content out.

Every chunk is `size[;chunk-signature=…]CRLF data CRLF`. A chunk of size 0 is the last. Trailers follow, if
the kind of payload has them, then an empty line.
AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

import hmac
import re
from enum import Enum, auto
from hashlib import sha256

from tabard.errors import AwsError, RequestTooLarge
from tabard.sigv4.authorization import Authorization
from tabard.sigv4.canonical import Signable
from tabard.sigv4.dates import signing_date
from tabard.sigv4.errors import (
    MISMATCH,
    IncompleteBody,
    InvalidChunkSizeError,
    MalformedTrailerError,
    MissingContentLength,
    SignatureDoesNotMatch,
)
from tabard.sigv4.payload import PayloadKind, SignatureChain, payload_kind
from tabard.sigv4.verify import SigningKey

SIGNED_CHUNK_LIMIT_BYTES = 8 * 1024 * 1024 + 64 * 1024
"""A signed chunk stays in memory until its signature is verified. SDKs send 64 KiB to 1 MiB."""

LEAST_CHUNK_BYTES = 8192
CHUNK_LINE_LIMIT_BYTES = 128
TRAILERS_LIMIT_BYTES = 8192

_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})")
_SIZE_AND_SIGNATURE = re.compile(rb"([0-9a-fA-F]{1,16});chunk-signature=([0-9a-f]{64})")
_TRAILER = re.compile(rb"([A-Za-z0-9!#$&'*+.^_`|~-]{1,256}):[ \t]*([!-~](?:[ \t!-~]*[!-~])?)[ \t]*")
_NAME = re.compile(r"[a-z0-9!#$&'*+.^_`|~-]{1,256}")
_LENGTH = re.compile(r"[0-9]{1,16}")
_TRAILER_SIGNATURE = "x-amz-trailer-signature"


class _Expects(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    NOTHING = auto()


class AwsChunkedDecoder:
    """Decodes one body. After an error, every further call raises.

    It returns a signed chunk's bytes only after its signature was verified; an unsigned chunk's at once.
    The caller must compare trailing checksums with the content.

    Differs: a signed chunk of more than 8 MiB + 64 KiB is refused with RequestEntityTooLarge.
    """

    def __init__(
        self,
        kind: PayloadKind,
        *,
        decoded_length: int,
        trailer_names: tuple[str, ...] = (),
        chain: SignatureChain | None = None,
        signed_chunk_limit_bytes: int = SIGNED_CHUNK_LIMIT_BYTES,
    ) -> None:
        """Expect a body of this kind.

        Args:
            decoded_length: bytes of content, from `x-amz-decoded-content-length`.
            trailer_names: the names that `x-amz-trailer` declared, in lower case.
            chain: present exactly if the kind is signed.
        """
        if kind.signed != (chain is not None) or (trailer_names and not kind.trailing):
            raise ValueError("a signed payload has a chain, a trailing one may have trailers, no other does")
        self._chain = chain
        self._trailing = kind.trailing
        self._trailer_names = frozenset(trailer_names)
        self._limit_bytes = signed_chunk_limit_bytes
        self._to_come = decoded_length
        self._previous = chain.seed_signature if chain is not None else ""
        self._expects = _Expects.SIZE
        self._line = bytearray()
        self._chunk_number = 0
        self._chunk_size = LEAST_CHUNK_BYTES
        self._chunk_left = 0
        self._claimed = ""
        self._hash = sha256()
        self._held = bytearray()
        self._trailers: dict[str, str] = {}
        self._trailer_bytes = 0
        self._refused: AwsError | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Decode the next bytes of the body.

        Returns:
            The content that these bytes complete, in order; often none.
        Raises:
            SignatureDoesNotMatch (403), InvalidChunkSizeError (403), MalformedTrailerError (400),
            IncompleteBody (400: the framing is broken, or the content has another length than declared),
            RequestTooLarge (413)
        """
        if self._refused is not None:
            raise self._refused
        content: list[bytes] = []
        at = 0
        try:
            while at < len(data):
                if self._expects is _Expects.DATA:
                    at = self._take_data(data, at, content)
                else:
                    at = self._take_line(data, at)
        except AwsError as refusal:
            self._refused = refusal
            raise
        return content

    def finish(self) -> dict[str, str]:
        """End the body.

        Returns:
            The trailers by lower-case name, without the signature: exactly the declared ones.
        Raises:
            IncompleteBody (400): the body is not complete; or the error that `feed` raised before.
        """
        if self._refused is None and self._expects is not _Expects.NOTHING:
            self._refused = IncompleteBody(reason="the last chunk, or what must follow it, is missing.")
        if self._refused is not None:
            raise self._refused
        return dict(self._trailers)

    def _take_data(self, data: bytes, at: int, content: list[bytes]) -> int:
        piece = data[at : at + self._chunk_left]
        self._chunk_left -= len(piece)
        if self._chain is None:
            content.append(piece)
        else:
            self._hash.update(piece)
            if self._chunk_left:
                self._held += piece
            else:
                self._check_chunk(self._chain)
                content.append(bytes(self._held) + piece if self._held else piece)
                self._held.clear()
        if not self._chunk_left:
            self._expects = _Expects.DATA_END
        return at + len(piece)

    def _take_line(self, data: bytes, at: int) -> int:
        if self._expects is _Expects.NOTHING:
            raise IncompleteBody(reason="there are bytes after its end.")
        limit = TRAILERS_LIMIT_BYTES if self._expects is _Expects.TRAILER else CHUNK_LINE_LIMIT_BYTES
        room = limit + 2 - len(self._line)
        end = data.find(b"\n", at, at + room)
        while end >= 0 and not self._ends_line(data, at, end):
            end = data.find(b"\n", end + 1, at + room)
        if end < 0:
            self._line += data[at : at + room]
            if len(self._line) >= limit + 2:
                raise IncompleteBody(reason="a line of its framing is too long.")
            return min(at + room, len(data))
        self._line += data[at : end + 1]
        line = bytes(self._line[:-2])
        self._line.clear()
        self._read_line(line)
        return end + 1

    def _ends_line(self, data: bytes, at: int, end: int) -> bool:
        """Return whether a carriage return precedes the line feed at `end`, here or in earlier bytes."""
        return data[end - 1] == 13 if end > at else self._line.endswith(b"\r")

    def _read_line(self, line: bytes) -> None:
        match self._expects:
            case _Expects.SIZE:
                self._read_size(line)
            case _Expects.TRAILER:
                self._read_trailer(line)
            case _:
                if line:
                    raise IncompleteBody(reason="a chunk is longer than its size.")
                self._expects = _Expects.SIZE if self._chunk_size else _Expects.NOTHING

    def _read_size(self, line: bytes) -> None:
        matched = (_SIZE if self._chain is None else _SIZE_AND_SIGNATURE).fullmatch(line)
        if matched is None:
            raise IncompleteBody(reason="a chunk does not begin with its size and what belongs to it.")
        size = int(matched[1], 16)
        self._chunk_number += 1
        if size and self._chunk_size < LEAST_CHUNK_BYTES:
            raise InvalidChunkSizeError(chunk=self._chunk_number, bad_chunk_size=self._chunk_size)
        if size > self._to_come or (not size and self._to_come):
            raise IncompleteBody(reason="its content is not as long as x-amz-decoded-content-length says.")
        self._to_come -= size
        self._chunk_size = self._chunk_left = size
        self._expects = _Expects.DATA
        if self._chain is not None:
            if size > self._limit_bytes:
                raise RequestTooLarge(part="signed chunk", limit_bytes=self._limit_bytes)
            self._claimed = matched[2].decode()
            self._hash = sha256()
        if not size:
            if self._chain is not None:
                self._check_chunk(self._chain)
            self._expects = _Expects.TRAILER if self._trailing else _Expects.DATA_END

    def _check_chunk(self, chain: SignatureChain) -> None:
        signature = chain.chunk_signature(self._previous, self._hash.hexdigest())
        if not hmac.compare_digest(signature, self._claimed):
            raise SignatureDoesNotMatch(reason=MISMATCH)
        self._previous = signature

    def _read_trailer(self, line: bytes) -> None:
        # Some clients send a line feed before the carriage return, as in one of AWS's examples.
        line = line.removesuffix(b"\n")
        if not line:
            self._check_trailers()
            self._expects = _Expects.NOTHING
            return
        self._trailer_bytes += len(line)
        if self._trailer_bytes > TRAILERS_LIMIT_BYTES:
            raise MalformedTrailerError(reason="they are too long.")
        matched = _TRAILER.fullmatch(line)
        if matched is None:
            raise MalformedTrailerError(reason="one is not a name and a value.")
        name, value = matched[1].decode().lower(), matched[2].decode()
        if _TRAILER_SIGNATURE in self._trailers:
            raise MalformedTrailerError(reason="one comes after their signature.")
        if name in self._trailers:
            raise MalformedTrailerError(reason="one comes twice.")
        if name not in self._trailer_names and not (name == _TRAILER_SIGNATURE and self._chain is not None):
            raise MalformedTrailerError(reason="one was not declared in x-amz-trailer.")
        self._trailers[name] = value

    def _check_trailers(self) -> None:
        signature = self._trailers.pop(_TRAILER_SIGNATURE, "")
        if self._trailer_names != self._trailers.keys():
            raise MalformedTrailerError(reason="one that x-amz-trailer declared is missing.")
        if self._chain is None:
            return
        expected = self._chain.trailer_signature(self._previous, self._trailers)
        if not hmac.compare_digest(expected, signature):
            raise SignatureDoesNotMatch(reason=MISMATCH)


def chunked_decoder(
    request: Signable, authorization: Authorization, key: SigningKey
) -> AwsChunkedDecoder | None:
    """Make the decoder for a request whose signature `key` has verified.

    Returns:
        None if the payload is not chunked.
    Raises:
        PayloadNotImplemented (501), MissingContentLength (411: x-amz-decoded-content-length),
        MalformedTrailerError (400: x-amz-trailer is missing, or the kind has no trailers)
    """
    values = request.values
    kind = payload_kind(values.get("x-amz-content-sha256", ""))
    if kind is None:
        return None
    length = values.get("x-amz-decoded-content-length", "")
    if _LENGTH.fullmatch(length) is None:
        raise MissingContentLength(reason="x-amz-decoded-content-length must be the length of the content.")
    declared = values.get("x-amz-trailer")
    names = tuple([name.strip(" \t").lower() for name in declared.split(",")]) if declared else ()
    if kind.trailing != bool(names):
        raise MalformedTrailerError(
            reason="x-amz-trailer must be there exactly where the payload has trailers."
        )
    if len(set(names)) != len(names) or not all(_NAME.fullmatch(name) for name in names):
        raise MalformedTrailerError(reason="x-amz-trailer must list header names, each once.")
    chain = None
    if kind.signed:
        chain = SignatureChain(
            key=key,
            scope=authorization.scope,
            amz_date=signing_date(values),
            seed_signature=authorization.signature,
        )
    return AwsChunkedDecoder(kind, decoded_length=int(length), trailer_names=names, chain=chain)
