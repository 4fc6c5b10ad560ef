"""Forwarding to an S3 upstream: from the typed call alone, under the edge's own key.

The edge parses the upstream's answer and renders a new one. Owners, locations and ids are Tabard's, and only
headers that S3 documents are sent.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import quote

from tabard.access.authorize import Denied, Permit
from tabard.clock import Clock
from tabard.edge.object_body import UNSIGNED_PAYLOAD, ObjectBody
from tabard.edge.readable_answer import readable_answer
from tabard.edge.s3_payload import EMPTY_SHA256
from tabard.edge.upstream import AllowedCall
from tabard.errors import RelayedError, ServiceUnavailable
from tabard.http1.answer import Answer, Headers
from tabard.http1.pool import Http1Answer, Http1Pool, UpstreamUnavailable
from tabard.services.s3.errors import NoSuchBucket
from tabard.services.s3.values import OWNERS, check_values
from tabard.sigv4.sign import Credentials, sign_request
from tabard.wire.rebuild import UpstreamRequest, parse_upstream_output, rebuild_request
from tabard.wire.render import render_output
from tabard.wire.request import Call, Value
from tabard.wire.service_model import service_model

UPSTREAM_HOST = "s3.upstream.tabard.internal"
ANSWER_LIMIT_BYTES = 8 * 1024 * 1024
SMALL_OBJECT_BYTES = 128 * 1024
UPSTREAM_FAILED = 500

_CONTENT_HEADERS = frozenset(
    (
        "accept-ranges", "cache-control", "content-disposition", "content-encoding", "content-language",
        "content-length", "content-range", "content-type", "etag", "expires", "last-modified",
        "x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme", "x-amz-checksum-sha1",
        "x-amz-checksum-sha256", "x-amz-checksum-type", "x-amz-delete-marker", "x-amz-mp-parts-count",
        "x-amz-storage-class", "x-amz-tagging-count", "x-amz-version-id",
    )
)  # fmt: skip
_EDGE_ONLY = OWNERS | {
    "ACL", "Body", "ContentLength", "CreateBucketConfiguration", "EncodingType", "MpuObjectSize",
    "ObjectOwnership",
}  # fmt: skip
_LISTINGS = frozenset(("ListObjectsV2", "ListMultipartUploads"))
_TYPED = frozenset(("PutObject", "CreateMultipartUpload"))
DEFAULT_CONTENT_TYPE = "binary/octet-stream"
MOST_KEYS = 1000
_CHECKSUM_MEMBERS = MappingProxyType(
    {
        "x-amz-checksum-crc32": "ChecksumCRC32",
        "x-amz-checksum-crc32c": "ChecksumCRC32C",
        "x-amz-checksum-crc64nvme": "ChecksumCRC64NVME",
        "x-amz-checksum-sha1": "ChecksumSHA1",
        "x-amz-checksum-sha256": "ChecksumSHA256",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Upstream:
    """One S3 store behind the edge."""

    pool: Http1Pool = field(repr=False)
    credentials: Credentials
    clock: Clock
    region: str
    endpoint: str

    async def forward(self, allowed: AllowedCall) -> Answer:
        """Perform an allowed call.

        Raises:
            RelayedError: the upstream's own error. ServiceUnavailable (503): it cannot be reached, or failed.
        """
        try:
            return await self._forward(allowed.permit, allowed.call, allowed.body, allowed.refused)
        except RelayedError as error:
            if error.http_status == UPSTREAM_FAILED:
                raise ServiceUnavailable(reason="The S3 upstream failed; please try again.") from error
            raise

    async def _forward(
        self, permit: Permit, call: Call, body: ObjectBody | None, refused: Sequence[Denied]
    ) -> Answer:
        check_values(call.operation, call.input, account_id=permit.account_id)
        if call.operation == "DeleteObjects":
            return await self._delete_objects(permit, call, refused)
        if call.operation in ("GetObject", "HeadObject"):
            answer = await self._ask(call.operation, call.input, None)
            with readable_answer("s3", call.operation):
                return await _content(answer, permit.request_id, head=call.operation == "HeadObject")
        output = await self._perform(call, body)
        with readable_answer("s3", call.operation):
            self._replace_upstream_values(call, output, permit.account_id, body)
            return render_output(_MODEL, call.operation, output, permit.request_id)

    async def _perform(self, call: Call, body: ObjectBody | None) -> dict[str, object]:
        """Call the upstream, and correct the points in which it differs from S3."""
        if call.operation == "GetBucketLocation":  # the upstream does not store a bucket's region
            await self._bucket(call)
            return {"LocationConstraint": None if self.region == "us-east-1" else self.region}
        arguments = dict(call.input)
        if call.operation in _TYPED:  # the upstream would guess it from the content
            arguments.setdefault("ContentType", DEFAULT_CONTENT_TYPE)
        if call.operation == "ListParts":  # the upstream's default is ten times larger
            arguments.setdefault("MaxParts", MOST_KEYS)
        for member in ("MaxKeys", "MaxUploads", "MaxParts"):
            value = arguments.get(member)
            if isinstance(value, int):
                arguments[member] = min(value, MOST_KEYS)
        try:
            output = await self._output(call.operation, await self._ask(call.operation, arguments, body))
        except RelayedError as error:
            if call.operation == "CreateBucket" and self._may_be_made_again(error):
                return {}
            if call.operation in ("CopyObject", "UploadPartCopy") and error.http_status == UPSTREAM_FAILED:
                await self._bucket(call)  # its error if the destination's bucket is missing
            raise
        if call.operation in _LISTINGS and call.input.get("EncodingType") == "url":
            with readable_answer("s3", call.operation):
                _url_encode(output)
        return output

    def _may_be_made_again(self, error: RelayedError) -> bool:
        """AWS: "if you re-create an existing bucket that you already own in the North Virginia Region, Amazon
        S3 returns 200 OK". https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
        """
        return error.error_code == "BucketAlreadyOwnedByYou" and self.region == "us-east-1"

    async def _bucket(self, call: Call) -> None:
        """Return the call's bucket. Raises NoSuchBucket (404) if it does not exist."""
        answer = await self._ask("HeadBucket", {"Bucket": call.input["Bucket"]}, None)
        try:
            await answer.read(ANSWER_LIMIT_BYTES)
        except UpstreamUnavailable as error:
            raise ServiceUnavailable(reason="The S3 upstream went away; please try again.") from error
        if answer.status == 404:
            raise NoSuchBucket(members={"BucketName": call.input["Bucket"]})

    async def _ask(
        self, operation: str, arguments: Mapping[str, Value], body: ObjectBody | None
    ) -> Http1Answer:
        kept = {name: value for name, value in arguments.items() if name not in _EDGE_ONLY}
        _drop_framing(kept)
        request = rebuild_request(_MODEL, operation, kept)
        payload_hash = UNSIGNED_PAYLOAD if body is not None else _sha256(request.body)
        signed = sign_request(
            method=request.method,
            host=UPSTREAM_HOST,
            raw_path=request.raw_path,
            raw_query=request.raw_query,
            headers=request.headers,
            payload_hash=payload_hash,
            credentials=self.credentials,
            region=self.region,
            service="s3",
            now=self.clock.now(),
            normalize_path=False,
        )
        headers = [("host", UPSTREAM_HOST), *request.headers, *signed]
        try:
            return await self.pool.request(
                request.method,
                _target(request),
                headers,
                body.content() if body is not None else request.body or None,
                body.length if body is not None else None,
            )
        except UpstreamUnavailable as error:
            raise ServiceUnavailable(reason="The S3 upstream cannot be reached; please try again.") from error

    async def _output(self, operation: str, answer: Http1Answer) -> dict[str, object]:
        try:
            content = await answer.read(ANSWER_LIMIT_BYTES)
        except UpstreamUnavailable as error:
            raise ServiceUnavailable(reason="The S3 upstream went away; please try again.") from error
        with readable_answer("s3", operation):
            output = parse_upstream_output(_MODEL, operation, answer.status, answer.headers, content)
            if isinstance(output, RelayedError):
                raise output
        return output

    async def _delete_objects(self, permit: Permit, call: Call, refused: Sequence[Denied]) -> Answer:
        """Delete what is allowed; answer AccessDenied for each key that is not, as S3 does."""
        bucket = str(call.input["Bucket"])
        in_bucket = f"arn:{permit.partition}:s3:::{bucket}/"
        denied = {denial.denial.check.resource.removeprefix(in_bucket): denial.message for denial in refused}
        delete = call.input["Delete"]
        objects = delete["Objects"] if isinstance(delete, dict) else []
        wanted = [item for item in objects if isinstance(item, dict)] if isinstance(objects, list) else []
        allowed: list[Value] = [item for item in wanted if item["Key"] not in denied]
        output: dict[str, object] = {}
        if allowed:
            quiet = delete.get("Quiet", False) if isinstance(delete, dict) else False
            arguments: dict[str, Value] = {
                "Bucket": bucket,
                "Delete": {"Objects": allowed, "Quiet": quiet},
            }
            output = await self._output(call.operation, await self._ask(call.operation, arguments, None))
        with readable_answer("s3", call.operation):
            errors = output.get("Errors")
            output["Errors"] = [
                *(errors if isinstance(errors, list) else ()),
                *({"Key": key, "Code": "AccessDenied", "Message": text} for key, text in denied.items()),
            ]
            return render_output(_MODEL, call.operation, output, permit.request_id)

    def _replace_upstream_values(
        self, call: Call, output: dict[str, object], account_id: str, body: ObjectBody | None
    ) -> None:
        """Set the account as owner, the edge as location, and the checksums that this edge verified."""
        owner = {"ID": canonical_user_id(account_id)}
        for member in ("Owner", "Initiator"):
            if member in output:
                output[member] = owner
        for listing in ("Contents", "Uploads"):
            for item in _items(output, listing):
                for member in ("Owner", "Initiator"):
                    if member in item:
                        item[member] = owner
        for member in ("CopyObjectResult", "CopyPartResult"):
            result = output.get(member)
            if isinstance(result, dict) and "ETag" in result:
                etag = str(result["ETag"]).strip('"')
                result["ETag"] = f'"{etag}"'
        bucket = str(call.input.get("Bucket", ""))
        if call.operation == "CreateBucket":
            output["Location"] = f"/{bucket}"
        if call.operation == "HeadBucket":
            output["BucketRegion"] = self.region
        if call.operation == "CompleteMultipartUpload":
            output["Location"] = f"{self.endpoint}/{bucket}/{quote(str(call.input['Key']))}"
        if body is not None:
            for header, value in body.checksums.items():
                if header in _CHECKSUM_MEMBERS:
                    output[_CHECKSUM_MEMBERS[header]] = value


_MODEL = service_model("s3")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest() if content else EMPTY_SHA256


def canonical_user_id(account_id: str) -> str:
    """Return the 64 hex digits by which S3 names an account as an owner."""
    return hashlib.sha256(f"canonical-user/{account_id}".encode()).hexdigest()


def _items(output: Mapping[str, object], member: str) -> list[dict[str, object]]:
    listing = output.get(member)
    return [item for item in listing if isinstance(item, dict)] if isinstance(listing, list) else []


def _url_encode(output: dict[str, object]) -> None:
    """Apply `encoding-type=url` as S3 does: percent-encode keys and prefixes, except slashes."""
    output["EncodingType"] = "url"
    for member in ("Delimiter", "KeyMarker", "NextKeyMarker", "Prefix", "StartAfter"):
        if isinstance(output.get(member), str):
            output[member] = quote(str(output[member]))
    for listing, member in (("Contents", "Key"), ("Uploads", "Key"), ("CommonPrefixes", "Prefix")):
        for item in _items(output, listing):
            item[member] = quote(str(item[member]))


def _drop_framing(arguments: dict[str, Value]) -> None:
    """Remove `aws-chunked`: it describes the transfer to this edge, not the object's encoding."""
    encoding = arguments.get("ContentEncoding")
    if isinstance(encoding, str):
        kept = [part.strip() for part in encoding.split(",") if part.strip() not in ("", "aws-chunked")]
        if kept:
            arguments["ContentEncoding"] = ",".join(kept)
        else:
            del arguments["ContentEncoding"]


def _target(request: UpstreamRequest) -> str:
    return f"{request.raw_path}?{request.raw_query}" if request.raw_query else request.raw_path


async def _content(answer: Http1Answer, request_id: str, *, head: bool) -> Answer:
    """Return an object, or its head, with the headers that S3 documents."""
    if answer.status not in (200, 206):
        content = await answer.read(ANSWER_LIMIT_BYTES)
        operation = "HeadObject" if head else "GetObject"
        if answer.status == 304:
            return Answer(status=304, headers=_content_headers(answer, request_id), body=b"")
        failed = parse_upstream_output(_MODEL, operation, answer.status, answer.headers, content)
        raise (
            failed
            if isinstance(failed, RelayedError)
            else ServiceUnavailable(reason="The S3 upstream broke off.")
        )
    headers = _content_headers(answer, request_id)
    length = answer.header("content-length")
    if head or (length is not None and int(length) <= SMALL_OBJECT_BYTES):
        return Answer(status=answer.status, headers=headers, body=await answer.read(SMALL_OBJECT_BYTES))
    return Answer(status=answer.status, headers=headers, body=_stream(answer))


async def _stream(answer: Http1Answer) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.stream():
            yield piece
    finally:
        answer.release()


def _content_headers(answer: Http1Answer, request_id: str) -> Headers:
    kept = [
        (name, value)
        for name, value in answer.headers
        if name in _CONTENT_HEADERS or name.startswith("x-amz-meta-")
    ]
    kept.append(("x-amz-request-id", request_id))
    return tuple(kept)
