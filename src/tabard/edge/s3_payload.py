"""S3's bodies, verified by the value of `x-amz-content-sha256`.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

import re

from tabard.access.authenticate import Examined
from tabard.edge.body import Body
from tabard.edge.object_body import UNSIGNED_PAYLOAD, ObjectBody, check_announced, content_length
from tabard.errors import RequestTooLarge
from tabard.services.s3.errors import InvalidArgument
from tabard.wire.checksums import CHECKSUM_HEADERS
from tabard.wire.input_errors import InvalidRequest
from tabard.wire.request import RawRequest

XML_LIMIT_BYTES = 2 * 1024 * 1024
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


def declared_payload_hash(raw: RawRequest) -> str:
    """Return the value that the signature covers as the payload's hash.

    Raises:
        InvalidRequest (400): S3 requires the header. InvalidArgument: S3 does not know its value.
    """
    declared = raw.header("x-amz-content-sha256")
    if declared is None:
        raise InvalidRequest(reason="Missing required header for this request: x-amz-content-sha256")
    if (
        declared not in (EMPTY_SHA256, UNSIGNED_PAYLOAD)
        and not declared.startswith("STREAMING-")
        and not _SHA256_HEX.fullmatch(declared)
    ):
        raise InvalidArgument(
            reason="x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
            "or a valid sha256 value."
        )
    return declared


def object_body(raw: RawRequest, examined: Examined, body: Body) -> ObjectBody:
    """Return the body as content that is verified while it streams. Verify the signature first.

    Raises:
        MissingContentLength (411), EntityTooLarge (400), InvalidRequest (400: another trailer than a
        checksum, or several checksums; frames that no STREAMING- hash announces), and 501 for framings that
        are not decoded here.
    """
    decoder = examined.chunked_decoder()
    if decoder is None and "aws-chunked" in (raw.header("content-encoding") or "").lower():
        # Otherwise the frames would be stored as the object's content.
        raise InvalidRequest(
            reason="Content-Encoding aws-chunked needs a STREAMING- value of x-amz-content-sha256"
        )
    trailers: tuple[str, ...] = ()
    if decoder is not None:
        trailers = tuple(
            name.strip().lower() for name in (raw.header("x-amz-trailer") or "").split(",") if name.strip()
        )
        if not CHECKSUM_HEADERS.keys() >= set(trailers):  # an unknown trailer cannot be verified
            raise InvalidRequest(reason="The value specified in the x-amz-trailer header is not supported")
    expected = {name: value for name, value in raw.headers if name in CHECKSUM_HEADERS}
    check_announced((*expected, *trailers))
    return ObjectBody(
        body=body,
        payload_hash=declared_payload_hash(raw),
        length=content_length(
            body.length, raw.header("x-amz-decoded-content-length"), chunked=decoder is not None
        ),
        decoder=decoder,
        expected=expected,
        announced_trailers=trailers,
    )


def has_no_content(raw: RawRequest, body: Body) -> bool:
    """Return whether a request has a signed empty body, as nearly every GET, HEAD and DELETE has."""
    return (
        body.length == 0
        and not body.is_awaited
        and raw.header("x-amz-content-sha256") == EMPTY_SHA256
        and CHECKSUM_HEADERS.keys().isdisjoint(raw.values)
    )


async def whole_body(content: ObjectBody) -> bytes:
    """Read and verify a small body. Raises RequestTooLarge beyond 2 MiB."""
    if content.length > XML_LIMIT_BYTES:
        raise RequestTooLarge(part="request body", limit_bytes=XML_LIMIT_BYTES)
    return b"".join([piece async for piece in content.content()])
