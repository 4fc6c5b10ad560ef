"""Output of S3's REST protocol: status, headers, and a body that is XML, text or a stream.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html
"""

import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from botocore.model import ListShape, OperationModel, Shape, StructureShape

from tabard.http1.answer import Answer
from tabard.wire.scalars import text_writer
from tabard.wire.xml_output import DECLARATION, XmlWriters, escape

S3_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"

_TextWriter: TypeAlias = Callable[[Any], str]

# The root elements of S3's answers, from its API reference; botocore's model lacks them.
_ROOTS: Final = MappingProxyType(
    {
        "CompleteMultipartUpload": "CompleteMultipartUploadResult",
        "CopyObject": "CopyObjectResult",
        "CreateMultipartUpload": "InitiateMultipartUploadResult",
        "DeleteObjects": "DeleteResult",
        "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
        "GetBucketAcl": "AccessControlPolicy",
        "GetBucketCors": "CORSConfiguration",
        "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
        "GetBucketLogging": "BucketLoggingStatus",
        "GetBucketNotificationConfiguration": "NotificationConfiguration",
        "GetBucketRequestPayment": "RequestPaymentConfiguration",
        "GetBucketTagging": "Tagging",
        "GetBucketVersioning": "VersioningConfiguration",
        "GetBucketWebsite": "WebsiteConfiguration",
        "GetObjectAcl": "AccessControlPolicy",
        "GetObjectTagging": "Tagging",
        "ListBuckets": "ListAllMyBucketsResult",
        "ListMultipartUploads": "ListMultipartUploadsResult",
        "ListObjectVersions": "ListVersionsResult",
        "ListObjects": "ListBucketResult",
        "ListObjectsV2": "ListBucketResult",
        "ListParts": "ListPartsResult",
        "UploadPartCopy": "CopyPartResult",
    }
)


def s3_host_id(request_id: str) -> str:
    """Return the value of `x-amz-id-2`: opaque, and constant for one request."""
    return base64.b64encode(hashlib.sha256(request_id.encode()).digest()).decode("ascii")


class RestXmlOutput:
    """The renderer of one S3 operation's output."""

    __slots__ = ("_headers", "_payload", "_prefixes", "_status", "_status_member", "_write_body")

    def __init__(self, operation: OperationModel) -> None:
        shape = operation.output_shape
        self._status = int(operation.http.get("responseCode", 200))
        self._status_member: str | None = None
        self._headers: dict[str, tuple[str, _TextWriter]] = {}
        self._prefixes: list[tuple[str, str]] = []
        self._payload: str | None = None
        self._write_body: Callable[[Mapping[str, object]], bytes] | None = None
        if shape is None:
            return
        for member, inner in shape.members.items():
            location = inner.serialization.get("location")
            name = str(inner.serialization.get("name", member))
            if location == "statusCode":
                self._status_member = member
            elif location == "header":
                self._headers[member] = (name.lower(), _header_writer(inner))
            elif location == "headers":
                self._prefixes.append((member, name.lower()))
        self._compile_body(operation, shape)

    def _compile_body(self, operation: OperationModel, shape: StructureShape) -> None:
        self._payload = shape.serialization.get("payload")
        if operation.name == "GetBucketLocation":
            self._write_body = _location
            return
        writers = XmlWriters("s3")
        if self._payload is not None:
            payload = shape.members[self._payload]
            if not isinstance(payload, StructureShape):
                return
            name = _ROOTS.get(operation.name, str(payload.serialization.get("name", payload.name)))
            inner, member = writers.compile(payload), self._payload
            self._write_body = _document(name, lambda output, out: inner(output.get(member) or {}, out))
            return
        in_body = {
            name: inner for name, inner in shape.members.items() if "location" not in inner.serialization
        }
        if in_body:
            name = _ROOTS.get(operation.name, shape.name)
            self._write_body = _document(name, writers.structure(shape, in_body))

    def render(self, output: Mapping[str, object], request_id: str) -> Answer:
        """Render the answer. `Body` may be bytes, text, or an iterator, which is streamed."""
        headers = [("x-amz-id-2", s3_host_id(request_id)), ("x-amz-request-id", request_id)]
        table = self._headers
        for member, value in output.items():
            entry = table.get(member)
            if entry is not None and value is not None:
                headers.append((entry[0], _one_line(entry[1](value))))
        for member, prefix in self._prefixes:
            entries = output.get(member)
            if isinstance(entries, Mapping):
                headers.extend((f"{prefix}{name}", _one_line(str(text))) for name, text in entries.items())
        status = output.get(self._status_member) if self._status_member is not None else None
        body: bytes | AsyncIterator[bytes] = b""
        if self._write_body is not None:
            body = self._write_body(output)
            headers.append(("content-type", "application/xml"))
        elif self._payload is not None:
            content = output.get(self._payload)
            if isinstance(content, str):
                body = content.encode()
            elif isinstance(content, bytes | AsyncIterator):
                body = content
        return Answer(
            status=status if isinstance(status, int) else self._status, headers=tuple(headers), body=body
        )


def _document(name: str, write: Callable[[Any, list[str]], None]) -> Callable[[Mapping[str, object]], bytes]:
    def render(output: Mapping[str, object]) -> bytes:
        out = [f'{DECLARATION}<{name} xmlns="{S3_NAMESPACE}">']
        write(output, out)
        out.append(f"</{name}>")
        return "".join(out).encode()

    return render


def _location(output: Mapping[str, object]) -> bytes:
    """Render GetBucketLocation: the root element contains the region, and is empty for us-east-1.

    AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
    """
    region = output.get("LocationConstraint") or ""
    text = (
        f'{DECLARATION}<LocationConstraint xmlns="{S3_NAMESPACE}">{escape(str(region))}</LocationConstraint>'
    )
    return text.encode()


def _header_writer(shape: Shape) -> _TextWriter:
    if isinstance(shape, ListShape):
        write_item = _header_writer(shape.member)
        return lambda value: ",".join(write_item(item) for item in value)
    return text_writer(shape, "rfc822")


def _one_line(text: str) -> str:
    """Return a header's value without line breaks."""
    if "\r" in text or "\n" in text or "\0" in text:
        return text.replace("\r", " ").replace("\n", " ").replace("\0", " ")
    return text
