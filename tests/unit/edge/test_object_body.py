"""The last piece of an object is given out only when everything about it was verified."""

import hashlib
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from tabard.edge.object_body import (
    LARGEST_OBJECT_BYTES,
    UNSIGNED_PAYLOAD,
    ObjectBody,
    check_announced,
    content_length,
)
from tabard.errors import AwsError
from tabard.sigv4.authorization import Scope
from tabard.sigv4.chunked import AwsChunkedDecoder
from tabard.sigv4.payload import PayloadKind, SignatureChain
from tabard.sigv4.verify import SigningKey

CRC32, MD5 = "x-amz-checksum-crc32", "content-md5"
SCOPE = Scope("20130524", "us-east-1", "s3")
CHAIN = SignatureChain(
    key=SigningKey(b"k" * 32, SCOPE), scope=SCOPE, amz_date="20130524T000000Z", seed_signature="0" * 64
)


class Pieces:
    """A body of given pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.length = sum(map(len, pieces))

    async def pieces(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def crc32(content: bytes) -> str:
    return b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


def md5(content: bytes) -> str:
    return b64encode(hashlib.md5(content).digest()).decode()


def upload(
    *pieces: bytes,
    sha256: str | None = None,
    length: int | None = None,
    decoder: AwsChunkedDecoder | None = None,
    expected: Mapping[str, str] | None = None,
    trailers: Sequence[str] = (),
) -> ObjectBody:
    body = Pieces(*pieces)
    return ObjectBody(
        body=body,
        payload_hash=sha256 or hashlib.sha256(b"".join(pieces)).hexdigest(),
        length=body.length if length is None else length,
        decoder=decoder,
        expected=expected or {},
        announced_trailers=trailers,
    )


def unsigned_trailer(length: int, *names: str) -> AwsChunkedDecoder:
    return AwsChunkedDecoder(PayloadKind.UNSIGNED_TRAILER, decoded_length=length, trailer_names=names)


def signed_chunks(length: int) -> AwsChunkedDecoder:
    return AwsChunkedDecoder(PayloadKind.SIGNED, decoded_length=length, chain=CHAIN)


def signed_framing(*chunks: bytes, spoil: int | None = None) -> list[bytes]:
    """Chunks with their signatures, the one at `spoil` signed for other bytes."""
    framed, previous = [], CHAIN.seed_signature
    for number, chunk in enumerate((*chunks, b"")):
        signed_for = chunk + b"!" if number == spoil else chunk
        previous = CHAIN.chunk_signature(previous, hashlib.sha256(signed_for).hexdigest())
        framed.append(b"%x;chunk-signature=%b\r\n%b\r\n" % (len(chunk), previous.encode(), chunk))
    return framed


async def drained(body: ObjectBody) -> tuple[list[bytes], str]:
    """What came before the end, and the error that ended it."""
    given: list[bytes] = []
    try:
        async for piece in body.content():
            given.append(piece)  # noqa: PERF401 - what came before the error counts
    except AwsError as error:
        return given, f"{error.error_code} {error.http_status}"
    return given, ""


TRAILER = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:%b\r\n\r\n"
BIG = (b"a" * 9000, b"b" * 9000, b"c")


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (upload(b"one", b"two", b"three"), b"onetwothree"),
        (upload(b"one"), b"one"),
        (upload(), b""),
        (upload(b"", b"one", b""), b"one"),
        (upload(b"any", sha256=UNSIGNED_PAYLOAD), b"any"),
        (upload(b"any", expected={CRC32: crc32(b"any"), MD5: md5(b"any")}), b"any"),
        (upload(expected={MD5: md5(b"")}), b""),
        (
            upload(
                TRAILER % crc32(b"hello").encode(), sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER", length=5,
                decoder=unsigned_trailer(5, CRC32), trailers=(CRC32,),
            ),
            b"hello",
        ),
        (
            upload(*signed_framing(*BIG), sha256="STREAMING", length=18001, decoder=signed_chunks(18001)),
            b"".join(BIG),
        ),
        (upload(*signed_framing(), sha256="STREAMING", length=0, decoder=signed_chunks(0)), b""),
    ],
)  # fmt: skip
async def test_content_that_is_as_it_was_announced_passes(body: ObjectBody, content: bytes) -> None:
    given, error = await drained(body)
    assert (b"".join(given), error) == (content, "")


MISMATCH, DIGEST, INCOMPLETE = "XAmzContentSHA256Mismatch 400", "BadDigest 400", "IncompleteBody 400"
WRONG_SHA256 = hashlib.sha256(b"something else").hexdigest()


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (upload(b"one", b"two", sha256=WRONG_SHA256), MISMATCH),
        (upload(b"one", sha256=WRONG_SHA256), MISMATCH),
        (upload(sha256=WRONG_SHA256), MISMATCH),
        (upload(b"one", b"two", length=7), INCOMPLETE),
        (upload(b"one", b"two", length=5), INCOMPLETE),
        (upload(length=1), INCOMPLETE),
        (upload(b"x", length=0), INCOMPLETE),
        (upload(b"any", expected={CRC32: crc32(b"other")}), DIGEST),
        (upload(b"any", expected={CRC32: "é"}), "InvalidRequest 400"),
        (upload(b"any", expected={CRC32: ""}), "InvalidRequest 400"),
        (upload(b"any", expected={CRC32: "AAAA"}), "InvalidRequest 400"),
        (upload(b"any", expected={MD5: "junk"}), "InvalidDigest 400"),
        (upload(b"any", expected={CRC32: crc32(b"any"), MD5: md5(b"other")}), DIGEST),
        (upload(expected={MD5: md5(b"other")}), DIGEST),
        (
            upload(
                TRAILER % crc32(b"other").encode(), sha256="STREAMING", length=5,
                decoder=unsigned_trailer(5, CRC32), trailers=(CRC32,),
            ),
            DIGEST,
        ),
        (
            upload(
                b"5\r\nhello\r\n0\r\n\r\n", sha256="STREAMING", length=5,
                decoder=unsigned_trailer(5, CRC32), trailers=(CRC32,),
            ),
            "MalformedTrailerError 400",
        ),
        (
            upload(
                b"5\r\nhello\r\n", sha256="STREAMING", length=5,
                decoder=unsigned_trailer(5, CRC32), trailers=(CRC32,),
            ),
            INCOMPLETE,
        ),
        *(
            (
                upload(
                    *signed_framing(*BIG, spoil=spoil), sha256="STREAMING", length=18001,
                    decoder=signed_chunks(18001),
                ),
                "SignatureDoesNotMatch 403",
            )
            for spoil in range(4)
        ),
    ],
)  # fmt: skip
async def test_content_that_is_not_is_never_given_out_whole(body: ObjectBody, refusal: str) -> None:
    given, error = await drained(body)
    assert error == refusal
    # INVARIANT: less than was announced, or the upstream could take it for the whole; but for what is empty.
    assert sum(map(len, given)) < max(body.length, 1)


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        (CRC32, crc32(b"other"), "The CRC32 you specified did not match the calculated checksum."),
        (CRC32, "junk", "Value for x-amz-checksum-crc32 header is invalid."),
        (MD5, md5(b"other"), "The Content-MD5 you specified did not match what we received."),
        (MD5, "junk", "The Content-MD5 you specified was invalid."),
    ],
)
async def test_a_digest_is_refused_in_s3s_own_words(name: str, given: str, sentence: str) -> None:
    with pytest.raises(AwsError) as refused:
        await anext(upload(b"any", expected={name: given}).content())
    assert refused.value.message == sentence


def test_one_checksum_is_announced_beside_the_md5() -> None:
    check_announced((CRC32, MD5))
    with pytest.raises(AwsError) as refused:
        check_announced((CRC32, MD5, "x-amz-checksum-sha1"))
    assert refused.value.message.startswith("Expecting a single x-amz-checksum- header.")


async def test_the_checksums_that_were_sent_are_told_once_they_are_verified() -> None:
    body = upload(b"any", expected={CRC32: crc32(b"any")})
    await drained(body)
    assert body.checksums == {CRC32: crc32(b"any")}


@pytest.mark.parametrize(
    ("declared", "decoded", "chunked", "expected"),
    [
        (7, None, False, 7),
        (0, None, False, 0),
        (99, "7", True, 7),
        (None, "7", True, 7),
        (7, "3", False, 7),
        (LARGEST_OBJECT_BYTES, None, False, LARGEST_OBJECT_BYTES),
        (None, None, False, "MissingContentLength 411"),
        (99, None, True, "MissingContentLength 411"),
        (99, "", True, "MissingContentLength 411"),
        (99, "-1", True, "MissingContentLength 411"),
        (99, "٣", True, "MissingContentLength 411"),
        (LARGEST_OBJECT_BYTES + 1, None, False, "EntityTooLarge 400"),
        (1, str(LARGEST_OBJECT_BYTES + 1), True, "EntityTooLarge 400"),
    ],
)
def test_an_upload_says_how_long_it_is(
    declared: int | None, decoded: str | None, chunked: bool, expected: int | str
) -> None:
    if isinstance(expected, int):
        assert content_length(declared, decoded, chunked=chunked) == expected
        return
    with pytest.raises(AwsError) as refused:
        content_length(declared, decoded, chunked=chunked)
    assert f"{refused.value.error_code} {refused.value.http_status}" == expected
