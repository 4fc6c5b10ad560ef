"""Objects, put and read by plain boto3 that acts as an instance."""

import io
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import FlexibleChecksumError

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.refusal import refusal
from tests.support.running_system import Instance, allow, fresh

pytestmark = pytest.mark.flow

CHECKSUMS = {
    "CRC32": "ChecksumCRC32",
    "CRC32C": "ChecksumCRC32C",
    "CRC64NVME": "ChecksumCRC64NVME",
    "SHA1": "ChecksumSHA1",
    "SHA256": "ChecksumSHA256",
}
# Of the letters that URLs, XML and shells treat in their own ways.
ODD_KEYS = [
    "with space", "a+b", "100%", "%2e%2e/%41", "ümlaut/日本語/🙂", "line\nbreak", "tab\there", "quote'\"<&>",
    "semi;colon=equals&and", "question?mark#hash", "tilde~star*(paren)!", "$money,comma:@", "a=b/c==",
]  # fmt: skip


class NotSeekable(io.RawIOBase):
    """A body that can be read once and whose length is not known from seeking."""

    def __init__(self, content: bytes) -> None:
        self._left = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        return self._left.readinto(buffer)


@pytest.fixture(scope="module")
def instance(instance_of: InstanceOf) -> Instance:
    return instance_of(allow("s3:*"))


@pytest.fixture(scope="module")
def s3(instance: Instance) -> BaseClient:
    return instance.client("s3")


@pytest.fixture(scope="module")
def bucket(admin: AdminClient) -> str:
    name = fresh("objects")
    admin("s3").create_bucket(Bucket=name)
    return name


def checksum_in_a_trailer(params: dict[str, Any], **_event: object) -> None:
    """What botocore does of itself only over TLS: the body is sent as aws-chunked."""
    params["context"]["checksum"]["request_algorithm"]["in"] = "trailer"


def test_an_object_is_read_as_it_was_written(s3: BaseClient, bucket: str) -> None:
    put = s3.put_object(
        Bucket=bucket,
        Key="described",
        Body=b"content",
        ContentType="text/plain; charset=utf-8",
        CacheControl="max-age=60",
        ContentDisposition='attachment; filename="a b.txt"',
        ContentEncoding="identity",
        ContentLanguage="de",
        Metadata={"owner": "ops", "Mixed-Case": "Value  with spaces"},
    )
    got = s3.get_object(Bucket=bucket, Key="described")
    assert got["Body"].read() == b"content"
    assert got["ETag"] == put["ETag"] == '"9a0364b9e99bb480dd25e1f0284c8555"'
    assert got["ContentLength"] == 7
    assert got["ContentType"] == "text/plain; charset=utf-8"
    assert got["CacheControl"] == "max-age=60"
    assert got["ContentDisposition"] == 'attachment; filename="a b.txt"'
    assert got["ContentLanguage"] == "de"
    assert got["Metadata"] == {"owner": "ops", "mixed-case": "Value  with spaces"}
    assert abs(got["LastModified"] - datetime.now(UTC)) < timedelta(minutes=5)
    head = s3.head_object(Bucket=bucket, Key="described")
    for member in ("ETag", "ContentLength", "ContentType", "Metadata", "LastModified"):
        assert head[member] == got[member]
    assert "Server" not in got


@pytest.mark.parametrize("size", [0, 1, 65_536, 1_000_003])
def test_objects_of_any_size(s3: BaseClient, bucket: str, size: int) -> None:
    content = os.urandom(size)
    key = f"sized/{size}"
    s3.put_object(Bucket=bucket, Key=key, Body=content)
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == content
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == size


def test_an_object_has_s3s_own_content_type_unless_it_was_given_one(s3: BaseClient, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="page.html", Body=b"<html>")
    assert s3.head_object(Bucket=bucket, Key="page.html")["ContentType"] == "binary/octet-stream"


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
def test_a_key_is_kept_as_it_is(s3: BaseClient, bucket: str, key: str) -> None:
    """AWS: "You can use any UTF-8 character in an object key name."

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
    """
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    s3.head_object(Bucket=bucket, Key=key)
    assert key in [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]]
    s3.copy_object(Bucket=bucket, Key=f"copies/{key}", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key=f"copies/{key}")["Body"].read() == key.encode()
    s3.delete_object(Bucket=bucket, Key=key)
    assert refusal(s3.head_object, Bucket=bucket, Key=key) == ("404", 404)


@pytest.mark.parametrize("algorithm", CHECKSUMS)
def test_every_checksum_is_verified_and_told_again(s3: BaseClient, bucket: str, algorithm: str) -> None:
    member = CHECKSUMS[algorithm]
    key = f"summed/{algorithm}"
    put = s3.put_object(Bucket=bucket, Key=key, Body=b"summed", ChecksumAlgorithm=algorithm)
    assert put[member]
    got = s3.get_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert got["Body"].read() == b"summed"
    if member in got:  # an upstream may not keep this one
        assert got[member] == put[member]


@pytest.mark.parametrize("algorithm", CHECKSUMS)
def test_a_wrong_checksum_leaves_no_object(s3: BaseClient, bucket: str, algorithm: str) -> None:
    right = s3.put_object(Bucket=bucket, Key="other", Body=b"other", ChecksumAlgorithm=algorithm)
    wrong = {CHECKSUMS[algorithm]: right[CHECKSUMS[algorithm]]}
    key = f"never/{algorithm}"
    assert refusal(s3.put_object, Bucket=bucket, Key=key, Body=b"content", **wrong) == ("BadDigest", 400)
    assert refusal(s3.head_object, Bucket=bucket, Key=key) == ("404", 404)


def test_content_md5_is_verified(s3: BaseClient, bucket: str) -> None:
    """AWS: BadDigest, "The Content-MD5 or checksum value that you specified did not match"."""
    of_content = "mgNkuembtIDdJeHwKEyFVQ=="
    s3.put_object(Bucket=bucket, Key="md5", Body=b"content", ContentMD5=of_content)
    wrong = refusal(s3.put_object, Bucket=bucket, Key="not-md5", Body=b"CONTENT", ContentMD5=of_content)
    assert wrong == ("BadDigest", 400)
    assert refusal(s3.head_object, Bucket=bucket, Key="not-md5") == ("404", 404)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA256"])
def test_a_body_that_cannot_be_read_twice_comes_with_a_trailer(
    instance: Instance, bucket: str, algorithm: str
) -> None:
    """aws-chunked with a trailing checksum; the framing is no part of the object."""
    content = os.urandom(200_000)
    client = instance.client("s3")
    client.meta.events.register("before-call.s3.PutObject", checksum_in_a_trailer)
    named = {"Bucket": bucket, "Key": f"streamed/{algorithm}"}
    client.put_object(
        **named, Body=NotSeekable(content), ContentLength=len(content), ChecksumAlgorithm=algorithm
    )
    got = client.get_object(**named)
    assert got["Body"].read() == content
    assert "aws-chunked" not in got.get("ContentEncoding", "")


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("when", ["when_required", "when_supported"])
def test_payloads_signed_and_unsigned_with_and_without_checksums(
    instance: Instance, bucket: str, *, signed: bool, when: str
) -> None:
    config = Config(
        request_checksum_calculation=when,
        response_checksum_validation=when,
        s3={"payload_signing_enabled": signed},
    )
    client = instance.client("s3", config=config)
    key = f"plain/{when}-{signed}"
    client.put_object(Bucket=bucket, Key=key, Body=b"plain")
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == b"plain"


@pytest.mark.parametrize(
    ("wanted", "content", "content_range"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=5-99", b"56789", "bytes 5-9/10"),
    ],
)
def test_ranges(s3: BaseClient, bucket: str, wanted: str, content: bytes, content_range: str) -> None:
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="digits", Range=wanted)
    assert (got["Body"].read(), got["ContentRange"]) == (content, content_range)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_a_range_beyond_the_end(s3: BaseClient, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    beyond = refusal(s3.get_object, Bucket=bucket, Key="digits", Range="bytes=10-")
    assert beyond == ("InvalidRange", 416)


def test_conditional_reads(s3: BaseClient, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="conditional", Body=b"1")["ETag"]
    named = {"Bucket": bucket, "Key": "conditional"}
    now = datetime.now(UTC)
    for read in (s3.get_object, s3.head_object):
        assert read(**named, IfMatch=etag)["ETag"] == etag
        assert read(**named, IfNoneMatch='"other"')["ETag"] == etag
        assert read(**named, IfModifiedSince=now - timedelta(days=1))["ETag"] == etag
        assert refusal(read, **named, IfNoneMatch=etag) == ("304", 304)
        # 412 in full on GET; HEAD has no body to say a code in.
        assert refusal(read, **named, IfMatch='"other"')[1] == 412
        assert refusal(read, **named, IfUnmodifiedSince=now - timedelta(days=1))[1] == 412


def test_conditional_writes(s3: BaseClient, bucket: str) -> None:
    named = {"Bucket": bucket, "Key": fresh("once")}
    etag = s3.put_object(**named, Body=b"1", IfNoneMatch="*")["ETag"]
    assert refusal(s3.put_object, **named, Body=b"2", IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert refusal(s3.put_object, **named, Body=b"2", IfMatch='"other"') == ("PreconditionFailed", 412)
    s3.put_object(**named, Body=b"3", IfMatch=etag)
    assert s3.get_object(**named)["Body"].read() == b"3"


def test_what_a_get_asks_to_be_told_differently(s3: BaseClient, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="told", Body=b"x")
    got = s3.get_object(
        Bucket=bucket, Key="told", ResponseContentType="text/csv", ResponseContentDisposition="inline"
    )
    assert (got["ContentType"], got["ContentDisposition"]) == ("text/csv", "inline")


def test_a_broken_answer_would_be_noticed(s3: BaseClient, bucket: str) -> None:
    """The checksum that the edge relays is one that botocore verifies."""
    s3.put_object(Bucket=bucket, Key="noticed", Body=b"x" * 100)
    got = s3.get_object(Bucket=bucket, Key="noticed", ChecksumMode="ENABLED")
    try:
        assert got["Body"].read() == b"x" * 100
    except FlexibleChecksumError as error:
        pytest.fail(str(error))
