"""AWS's errors for a request whose signature or signed body is invalid.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from tabard.errors import AwsError

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)
"""AWS's sentence for a signature that differs from the calculated one."""


class IncompleteSignature(AwsError):
    """AWS: "The request signature does not conform to AWS standards." """

    code = "IncompleteSignature"
    status = 400
    sentence = "{reason}"


class MissingAuthenticationToken(AwsError):
    """AWS: "The request must contain a valid (registered) AWS access key ID." """

    code = "MissingAuthenticationToken"
    status = 403
    sentence = "Request is missing Authentication Token"


class SignatureDoesNotMatch(AwsError):
    """The signature differs from the calculated one, or does not cover a required header."""

    code = "SignatureDoesNotMatch"
    status = 403
    sentence = "{reason}"


class HeadersNotSigned(AwsError):
    """S3: the request has `x-amz-*` headers that its signature does not cover: those in `names`."""

    code = "AccessDenied"
    status = 403
    sentence = "There were headers present in the request which were not signed"

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(members={"HeadersNotSigned": ", ".join(names)})


class PayloadNotImplemented(AwsError):
    """A `STREAMING-…` payload without a decoder here. Its framing must never become content."""

    code = "NotImplemented"
    status = 501
    sentence = "A payload of the kind {kind} is not implemented."


class MissingContentLength(AwsError):
    """S3: a chunked upload must declare the length of its content in `x-amz-decoded-content-length`."""

    code = "MissingContentLength"
    status = 411
    sentence = "You must provide the Content-Length HTTP header: {reason}"


class IncompleteBody(AwsError):
    """S3: the framing of the body is broken, or its content has another length than declared."""

    code = "IncompleteBody"
    status = 400
    sentence = "The request body terminated unexpectedly: {reason}"


class InvalidChunkSizeError(AwsError):
    """S3: a chunk before the last has less than 8,192 bytes. `chunk` is its number, from 1."""

    code = "InvalidChunkSizeError"
    status = 403
    sentence = "Only the last chunk is allowed to have a size less than 8192 bytes"

    def __init__(self, *, chunk: int, bad_chunk_size: int) -> None:
        super().__init__(members={"Chunk": chunk, "BadChunkSize": bad_chunk_size})


class MalformedTrailerError(AwsError):
    """S3: the trailers are not well-formed, or differ from those that `x-amz-trailer` declared."""

    code = "MalformedTrailerError"
    status = 400
    sentence = (
        "The request contained trailing data that was not well-formed or did not conform to our published "
        "schema: {reason}"
    )
