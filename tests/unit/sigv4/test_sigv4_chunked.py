"""aws-chunked bodies: nothing unverified comes out, and nothing but the framing said comes in."""

from collections.abc import Iterator
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabard.errors import AwsError, RequestTooLarge
from tabard.sigv4.authorization import Authorization, Scope
from tabard.sigv4.canonical import SignedRequest
from tabard.sigv4.chunked import AwsChunkedDecoder, chunked_decoder
from tabard.sigv4.errors import (
    IncompleteBody,
    InvalidChunkSizeError,
    MalformedTrailerError,
    MissingContentLength,
    PayloadNotImplemented,
    SignatureDoesNotMatch,
)
from tabard.sigv4.layout import layout_of_names
from tabard.sigv4.payload import PayloadKind, SignatureChain, payload_kind
from tabard.sigv4.verify import signing_key

SCOPE = Scope("20130524", "us-east-1", "s3")
KEY = signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", SCOPE)
SEED = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
CHAIN = SignatureChain(key=KEY, scope=SCOPE, amz_date="20130524T000000Z", seed_signature=SEED)
CHECKSUM = {"x-amz-checksum-crc32c": "sOO8/Q=="}

# AWS's worked example: 65 KiB of "a" with a trailing checksum.
# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
EXAMPLE = (
    b"10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n"
    + b"a" * 65536
    + b"\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n"
    + b"a" * 1024
    + b"\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
    b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
    b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
)


def decoder(
    kind: PayloadKind, length: int, *, trailers: tuple[str, ...] = (), limit: int = 1 << 20
) -> AwsChunkedDecoder:
    return AwsChunkedDecoder(
        kind,
        decoded_length=length,
        trailer_names=trailers,
        chain=CHAIN if kind.signed else None,
        signed_chunk_limit_bytes=limit,
    )


def encoded(kind: PayloadKind, chunks: list[bytes], trailers: dict[str, str] | None = None) -> bytes:
    """What a client sends."""
    body, previous = b"", SEED
    for chunk in [*chunks, b""]:
        line = f"{len(chunk):x}"
        if kind.signed:
            previous = CHAIN.chunk_signature(previous, sha256(chunk).hexdigest())
            line += f";chunk-signature={previous}"
        body += f"{line}\r\n".encode() + chunk + (b"\r\n" if chunk else b"")
    if kind.trailing:
        lines = dict(trailers or {})
        if kind.signed:
            lines["x-amz-trailer-signature"] = CHAIN.trailer_signature(previous, lines)
        body += "".join(f"{name}:{value}\r\n" for name, value in lines.items()).encode()
    return body + b"\r\n"


def decoded(made: AwsChunkedDecoder, body: bytes, step: int | None = None) -> bytes:
    step = step or max(len(body), 1)
    out = [piece for at in range(0, len(body), step) for piece in made.feed(body[at : at + step])]
    return b"".join(out)


@pytest.mark.parametrize("step", [None, 1, 7, 4096, 65537])
def test_aws_s_example_with_a_signed_trailer(step: int | None) -> None:
    made = decoder(PayloadKind.SIGNED_TRAILER, 66560, trailers=("x-amz-checksum-crc32c",))
    assert decoded(made, EXAMPLE, step) == b"a" * 66560
    assert made.finish() == CHECKSUM


def test_a_line_feed_before_the_end_of_a_trailer_line_is_tolerated() -> None:
    made = decoder(PayloadKind.SIGNED_TRAILER, 66560, trailers=("x-amz-checksum-crc32c",))
    assert decoded(made, EXAMPLE.replace(b"sOO8/Q==\r\n", b"sOO8/Q==\n\r\n"), 3) == b"a" * 66560
    assert made.finish() == CHECKSUM


@pytest.mark.parametrize("kind", PayloadKind)
@pytest.mark.parametrize("chunks", [[], [b"hello"], [b"x" * 8192, b"y" * 9000, b"z"]])
def test_every_kind_is_decoded(kind: PayloadKind, chunks: list[bytes]) -> None:
    trailers = CHECKSUM if kind.trailing else {}
    made = decoder(kind, sum(map(len, chunks)), trailers=tuple(trailers))
    assert decoded(made, encoded(kind, chunks, trailers)) == b"".join(chunks)
    assert made.finish() == trailers


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(PayloadKind),
    sizes=st.lists(st.integers(8192, 9000), max_size=2),
    last=st.binary(max_size=40),
    cuts=st.lists(st.integers(1, 5000), min_size=1, max_size=8),
)
def test_how_the_body_is_cut_does_not_matter(
    kind: PayloadKind, sizes: list[int], last: bytes, cuts: list[int]
) -> None:
    chunks = [bytes([number]) * size for number, size in enumerate(sizes)] + ([last] if last else [])
    trailers = CHECKSUM if kind.trailing else {}
    body = encoded(kind, chunks, trailers)
    made = decoder(kind, sum(map(len, chunks)), trailers=tuple(trailers))
    out, at, turn = b"", 0, 0
    while at < len(body):
        step = cuts[turn % len(cuts)]
        out += b"".join(made.feed(body[at : at + step]))
        at, turn = at + step, turn + 1
    assert out == b"".join(chunks)
    assert made.finish() == trailers


def mutations(body: bytes) -> Iterator[bytes]:
    for at in range(0, len(body), 37):
        yield body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
    yield body[:-1]
    yield body[:-2]
    yield body + b"\r\n"
    yield body[:100] + b"a" + body[100:]


def run_to_the_end(made: AwsChunkedDecoder, body: bytes, out: list[bytes]) -> None:
    for at in range(0, len(body), 1000):
        out += made.feed(body[at : at + 1000])
    made.finish()


def test_every_mutation_of_a_signed_body_is_refused_and_a_changed_chunk_never_comes_out() -> None:
    chunks = [b"a" * 8192, b"b" * 300]
    kind = PayloadKind.SIGNED_TRAILER
    body = encoded(kind, chunks, CHECKSUM)
    for number, changed in enumerate(mutations(body)):
        made = decoder(kind, 8492, trailers=tuple(CHECKSUM))
        out: list[bytes] = []
        with pytest.raises(AwsError):
            run_to_the_end(made, changed, out)
        assert b"".join(out) in {b"", chunks[0], chunks[0] + chunks[1]}, number


def test_a_signed_chunk_is_held_until_its_signature_is_checked() -> None:
    body = encoded(PayloadKind.SIGNED, [b"a" * 8192])
    made = decoder(PayloadKind.SIGNED, 8192)
    start = body.index(b"\r\n") + 2
    assert made.feed(body[: start + 8191]) == []
    assert made.feed(body[start + 8191 : start + 8192]) == [b"a" * 8192]


def test_an_unsigned_chunk_comes_out_at_once() -> None:
    made = decoder(PayloadKind.UNSIGNED_TRAILER, 10)
    assert made.feed(b"a\r\n12345") == [b"12345"]
    assert made.feed(b"67890") == [b"67890"]


def test_chunks_cannot_change_places() -> None:
    kind = PayloadKind.SIGNED
    body = encoded(kind, [b"a" * 8192, b"b" * 8192])
    size = 2 + len(body.split(b"\r\n")[0]) + 8192 + 2
    with pytest.raises(SignatureDoesNotMatch):
        decoder(kind, 16384).feed(body[size : 2 * size] + body[:size] + body[2 * size :])


def test_only_the_last_chunk_may_be_small() -> None:
    kind = PayloadKind.UNSIGNED_TRAILER
    made = decoder(kind, 5)
    with pytest.raises(InvalidChunkSizeError) as caught:
        made.feed(encoded(kind, [b"abc", b"de"]))
    assert (caught.value.error_code, caught.value.http_status) == ("InvalidChunkSizeError", 403)
    assert caught.value.members == {"Chunk": 2, "BadChunkSize": 3}


def test_a_signed_chunk_beyond_the_bound_is_refused_before_its_bytes() -> None:
    made = decoder(PayloadKind.SIGNED, 9000, limit=8999)
    with pytest.raises(RequestTooLarge):
        made.feed(encoded(PayloadKind.SIGNED, [b"a" * 9000])[:100])
    unsigned = decoder(PayloadKind.UNSIGNED_TRAILER, 9000, limit=8999)
    assert unsigned.feed(b"2328\r\n") == []


@pytest.mark.parametrize(
    "body",
    [
        b"5;chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n",
        b"5 \r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"-5\r\nhello\r\n",
        b"5;name=value\r\nhello\r\n",
        b"\r\n",
        b"5\nhello\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"6\r\nhello!\r\n",
        b"4\r\nhell\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\r\nX",
        b"00000000000000005\r\nhello\r\n",
        b"5" * 131,
        b"5\r\nhello" + b"x" * 131,
    ],
)
@pytest.mark.parametrize("step", [None, 1])
def test_broken_framing_is_an_incomplete_body(body: bytes, step: int | None) -> None:
    made = decoder(PayloadKind.UNSIGNED_TRAILER, 5)
    with pytest.raises(IncompleteBody) as caught:
        decoded(made, body, step)
    assert (caught.value.error_code, caught.value.http_status) == ("IncompleteBody", 400)
    with pytest.raises(IncompleteBody):
        made.feed(b"")
    with pytest.raises(IncompleteBody):
        made.finish()


@pytest.mark.parametrize("extension", [b"", b";chunk-signature=", b";chunk-signature=" + b"A" * 64, b";x=1"])
def test_a_signed_chunk_needs_its_signature(extension: bytes) -> None:
    with pytest.raises(IncompleteBody):
        decoder(PayloadKind.SIGNED, 5).feed(b"5" + extension + b"\r\nhello\r\n")


@pytest.mark.parametrize("body", [b"", b"5\r\nhel", b"5\r\nhello\r\n", b"5\r\nhello\r\n0\r\n"])
def test_a_body_that_ends_early_is_incomplete(body: bytes) -> None:
    made = decoder(PayloadKind.UNSIGNED_TRAILER, 5)
    decoded(made, body)
    for _ in range(2):
        with pytest.raises(IncompleteBody, match="is missing"):
            made.finish()


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"x-amz-checksum-crc32 AAAAAA==\r\n",
        b"x-amz-checksum-crc32:\r\n",
        b"x-amz-checksum-crc32:AA\x00A\r\n",
        b" x-amz-checksum-crc32:AAAAAA==\r\n",
        b"x-amz-checksum-crc32:AAAAAA==\nx-other:1\r\n",
        b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-checksum-crc32:AAAAAA==\r\n",
        b"x-amz-checksum-crc32:AAAAAA==\r\nX-Amz-Checksum-CRC32:BBBBBB==\r\n",
        b"x-amz-checksum-sha1:AAAA\r\n",
        b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-acl:public-read\r\n",
        b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:" + b"0" * 64 + b"\r\n",
        (b"x-amz-checksum-crc32:" + b"A" * 5000 + b"\r\n") * 2,
    ],
)
def test_trailers_must_be_those_declared(lines: bytes) -> None:
    made = decoder(PayloadKind.UNSIGNED_TRAILER, 0, trailers=("x-amz-checksum-crc32",))
    with pytest.raises(MalformedTrailerError) as caught:
        made.feed(b"0\r\n" + lines + b"\r\n")
    assert (caught.value.error_code, caught.value.http_status) == ("MalformedTrailerError", 400)


def test_a_trailer_line_without_end_is_bounded() -> None:
    made = decoder(PayloadKind.UNSIGNED_TRAILER, 0, trailers=("x-amz-checksum-crc32",))
    with pytest.raises(IncompleteBody, match="too long"):
        decoded(made, b"0\r\nx-amz-checksum-crc32:" + b"A" * 9000, 1000)


def test_blanks_around_a_trailer_s_value_are_not_part_of_it() -> None:
    made = decoder(PayloadKind.UNSIGNED_TRAILER, 0, trailers=("x-amz-checksum-crc32",))
    made.feed(b"0\r\nX-Amz-Checksum-CRC32: \tAAAAAA== \r\n\r\n")
    assert made.finish() == {"x-amz-checksum-crc32": "AAAAAA=="}


@pytest.mark.parametrize("signature", ["", "x-amz-trailer-signature:" + "0" * 64 + "\r\n"])
def test_signed_trailers_need_their_signature(signature: str) -> None:
    body = encoded(PayloadKind.SIGNED_TRAILER, [], CHECKSUM)
    start = body.index(b"x-amz-trailer-signature")
    made = decoder(PayloadKind.SIGNED_TRAILER, 0, trailers=tuple(CHECKSUM))
    with pytest.raises(SignatureDoesNotMatch):
        made.feed(body[:start] + signature.encode() + b"\r\n")


def test_nothing_comes_after_the_trailers_signature() -> None:
    body = encoded(PayloadKind.SIGNED_TRAILER, [], CHECKSUM).removesuffix(b"\r\n")
    made = decoder(PayloadKind.SIGNED_TRAILER, 0, trailers=tuple(CHECKSUM))
    with pytest.raises(MalformedTrailerError, match="after their signature"):
        made.feed(body + b"x-amz-checksum-crc32c:AAAAAA==\r\n\r\n")


@pytest.mark.parametrize(
    ("kind", "chain", "trailers"),
    [
        (PayloadKind.SIGNED, None, ()),
        (PayloadKind.UNSIGNED_TRAILER, CHAIN, ()),
        (PayloadKind.SIGNED, CHAIN, ("x-amz-checksum-crc32",)),
    ],
)
def test_a_decoder_must_fit_its_kind(
    kind: PayloadKind, chain: SignatureChain | None, trailers: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="signed payload"):
        AwsChunkedDecoder(kind, decoded_length=0, trailer_names=trailers, chain=chain)


@pytest.mark.parametrize(
    "text",
    [
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD",
        "streaming-aws4-hmac-sha256-payload",
        "STREAMING-",
    ],
)
def test_other_streaming_payloads_are_not_implemented(text: str) -> None:
    with pytest.raises(PayloadNotImplemented) as caught:
        payload_kind(text)
    assert (caught.value.error_code, caught.value.http_status) == ("NotImplemented", 501)


@pytest.mark.parametrize("text", ["", "UNSIGNED-PAYLOAD", "e3b0c442"])
def test_other_payloads_are_not_chunked(text: str) -> None:
    assert payload_kind(text) is None


def request_of(headers: dict[str, str]) -> tuple[SignedRequest, Authorization]:
    request = SignedRequest(
        "PUT", "/b/k", "", [("host", "h"), ("x-amz-date", "20130524T000000Z"), *headers.items()]
    )
    return request, Authorization(
        "AKIAIOSFODNN7EXAMPLE", SCOPE, layout_of_names(("host", "x-amz-date")), SEED
    )


def test_a_decoder_is_made_from_the_request() -> None:
    headers = {
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "66560",
        "x-amz-trailer": " X-Amz-Checksum-CRC32C ",
    }
    made = chunked_decoder(*request_of(headers), KEY)
    assert made is not None
    assert decoded(made, EXAMPLE) == b"a" * 66560
    assert made.finish() == CHECKSUM
    unsigned = {**headers, "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
    unsigned["x-amz-decoded-content-length"] = "0"
    made = chunked_decoder(*request_of(unsigned), KEY)
    assert made is not None
    assert decoded(made, b"0\r\nx-amz-checksum-crc32c:AAAAAA==\r\n\r\n") == b""
    assert chunked_decoder(*request_of({"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}), KEY) is None


@pytest.mark.parametrize(
    ("kind", "length", "trailer", "error"),
    [
        (PayloadKind.SIGNED, None, None, MissingContentLength),
        (PayloadKind.SIGNED, "-1", None, MissingContentLength),
        (PayloadKind.SIGNED, "1,1", None, MissingContentLength),
        (PayloadKind.SIGNED, "5", "x-amz-checksum-crc32", MalformedTrailerError),
        (PayloadKind.SIGNED_TRAILER, "5", None, MalformedTrailerError),
        (PayloadKind.UNSIGNED_TRAILER, "5", "", MalformedTrailerError),
        (PayloadKind.UNSIGNED_TRAILER, "5", "a,a", MalformedTrailerError),
        (PayloadKind.UNSIGNED_TRAILER, "5", "a,,b", MalformedTrailerError),
        (PayloadKind.UNSIGNED_TRAILER, "5", "a b", MalformedTrailerError),
    ],
)
def test_the_headers_of_a_chunked_upload_must_be_in_order(
    kind: PayloadKind, length: str | None, trailer: str | None, error: type[AwsError]
) -> None:
    headers = {"x-amz-content-sha256": kind.value}
    if length is not None:
        headers["x-amz-decoded-content-length"] = length
    if trailer is not None:
        headers["x-amz-trailer"] = trailer
    with pytest.raises(error):
        chunked_decoder(*request_of(headers), KEY)


def test_a_chain_s_repr_holds_no_signature() -> None:
    assert SEED not in repr(CHAIN)
