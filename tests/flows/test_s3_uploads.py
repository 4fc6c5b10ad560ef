"""Uploads in parts, and copies, by plain boto3 that acts as an instance."""

import hashlib
import os
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.client import BaseClient

from tests.support.flow_fixtures import InstanceOf
from tests.support.refusal import refusal
from tests.support.running_system import Instance, allow, fresh

pytestmark = pytest.mark.flow

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def instance(instance_of: InstanceOf) -> Instance:
    return instance_of(allow("s3:*"))


@pytest.fixture(scope="module")
def s3(instance: Instance) -> BaseClient:
    return instance.client("s3")


@pytest.fixture(scope="module")
def bucket(s3: BaseClient) -> str:
    name = fresh("uploads")
    s3.create_bucket(Bucket=name)
    return name


def begun(s3: BaseClient, bucket: str, key: str, **more: object) -> dict[str, str]:
    """An upload in parts, as the arguments of what follows."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **more)
    return {"Bucket": bucket, "Key": key, "UploadId": upload["UploadId"]}


def test_a_file_goes_up_in_parts_and_comes_down_again(s3: BaseClient, bucket: str, tmp_path: Path) -> None:
    """boto3's own defaults: parts of 8 MiB, several at once, a checksum on each."""
    file = tmp_path / "file"
    content = os.urandom(20 * MIB)
    file.write_bytes(content)
    s3.upload_file(str(file), bucket, "big", ExtraArgs={"Metadata": {"a": "b"}, "ContentType": "x/y"})
    head = s3.head_object(Bucket=bucket, Key="big")
    assert (head["ContentLength"], head["ContentType"], head["Metadata"]) == (20 * MIB, "x/y", {"a": "b"})
    assert head["ETag"].endswith('-3"')
    s3.download_file(bucket, "big", str(tmp_path / "again"))
    assert hashlib.sha256((tmp_path / "again").read_bytes()).digest() == hashlib.sha256(content).digest()
    middle = s3.get_object(Bucket=bucket, Key="big", Range=f"bytes={8 * MIB - 3}-{8 * MIB + 2}")
    assert middle["Body"].read() == content[8 * MIB - 3 : 8 * MIB + 3]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_parts_with_every_checksum(s3: BaseClient, bucket: str, tmp_path: Path, algorithm: str) -> None:
    file = tmp_path / "file"
    content = os.urandom(6 * MIB)
    file.write_bytes(content)
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    key = f"parts/{algorithm}"
    s3.upload_file(str(file), bucket, key, ExtraArgs={"ChecksumAlgorithm": algorithm}, Config=config)
    got = s3.get_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert got["Body"].read() == content


def test_an_upload_step_by_step(s3: BaseClient, bucket: str) -> None:
    upload = begun(s3, bucket, "steps/ü 1", ContentType="text/plain", Metadata={"k": "v"})
    contents = [os.urandom(5 * MIB), os.urandom(5 * MIB), b"the end"]
    etags = [
        s3.upload_part(**upload, PartNumber=number, Body=content)["ETag"]
        for number, content in enumerate(contents, start=1)
    ]
    listed = s3.list_parts(**upload, MaxParts=2)
    assert [part["PartNumber"] for part in listed["Parts"]] == [1, 2]
    assert listed["IsTruncated"]
    pages = s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 1})
    assert [part["ETag"] for page in pages for part in page["Parts"]] == etags
    uploads = s3.list_multipart_uploads(Bucket=bucket, Prefix="steps/")["Uploads"]
    assert [(item["Key"], item["UploadId"]) for item in uploads] == [("steps/ü 1", upload["UploadId"])]
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert done["Location"].endswith(f"/{bucket}/steps/%C3%BC%201")
    assert (done["Bucket"], done["Key"]) == (bucket, "steps/ü 1")
    got = s3.get_object(Bucket=bucket, Key="steps/ü 1")
    assert got["Body"].read() == b"".join(contents)
    assert (got["ETag"], got["ContentType"], got["Metadata"]) == (done["ETag"], "text/plain", {"k": "v"})
    assert s3.list_multipart_uploads(Bucket=bucket, Prefix="steps/").get("Uploads") is None


def test_an_upload_that_is_given_up_leaves_nothing(s3: BaseClient, bucket: str) -> None:
    upload = begun(s3, bucket, "given-up")
    part = s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    s3.abort_multipart_upload(**upload)
    assert refusal(s3.head_object, Bucket=bucket, Key="given-up") == ("404", 404)
    assert refusal(s3.list_parts, **upload) == ("NoSuchUpload", 404)
    assert refusal(s3.upload_part, **upload, PartNumber=2, Body=b"y") == ("NoSuchUpload", 404)
    complete = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    assert refusal(s3.complete_multipart_upload, **upload, MultipartUpload=complete) == ("NoSuchUpload", 404)


def test_a_part_that_was_never_sent(s3: BaseClient, bucket: str) -> None:
    upload = begun(s3, bucket, "invalid")
    s3.upload_part(**upload, PartNumber=1, Body=b"x")
    wrong = {"Parts": [{"PartNumber": 1, "ETag": '"00000000000000000000000000000000"'}]}
    assert refusal(s3.complete_multipart_upload, **upload, MultipartUpload=wrong) == ("InvalidPart", 400)
    s3.abort_multipart_upload(**upload)


def test_a_part_too_small(s3: BaseClient, bucket: str) -> None:
    upload = begun(s3, bucket, "small")
    etags = [s3.upload_part(**upload, PartNumber=number, Body=b"x")["ETag"] for number in (1, 2)]
    parts = {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]}
    refused = refusal(s3.complete_multipart_upload, **upload, MultipartUpload=parts)
    assert refused == ("EntityTooSmall", 400)
    s3.abort_multipart_upload(**upload)


def test_parts_are_copied_from_objects(s3: BaseClient, bucket: str) -> None:
    content = os.urandom(6 * MIB)
    s3.put_object(Bucket=bucket, Key="source of parts", Body=content)
    source = {"Bucket": bucket, "Key": "source of parts"}
    upload = begun(s3, bucket, "copied-parts")
    first = s3.upload_part_copy(
        **upload, PartNumber=1, CopySource=source, CopySourceRange=f"bytes=0-{5 * MIB - 1}"
    )
    second = s3.upload_part_copy(
        **upload, PartNumber=2, CopySource=source, CopySourceRange=f"bytes={5 * MIB}-{6 * MIB - 1}"
    )
    etags = [part["CopyPartResult"]["ETag"] for part in (first, second)]
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="copied-parts")["Body"].read() == content


def test_a_copy_keeps_or_replaces_what_describes_it(s3: BaseClient, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="original", Body=b"o", ContentType="a/b", Metadata={"one": "1"})
    source = f"/{bucket}/original"
    copied = s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
    assert copied["CopyObjectResult"]["ETag"] == s3.head_object(Bucket=bucket, Key="original")["ETag"]
    kept = s3.head_object(Bucket=bucket, Key="kept")
    assert (kept["ContentType"], kept["Metadata"]) == ("a/b", {"one": "1"})
    s3.copy_object(
        Bucket=bucket,
        Key="replaced",
        CopySource=source,
        MetadataDirective="REPLACE",
        ContentType="c/d",
        Metadata={"two": "2"},
    )
    replaced = s3.head_object(Bucket=bucket, Key="replaced")
    assert (replaced["ContentType"], replaced["Metadata"]) == ("c/d", {"two": "2"})


def test_copies_that_cannot_be(s3: BaseClient, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="here", Body=b"o")
    there, here = {"Bucket": bucket, "Key": "there"}, {"Bucket": bucket, "Key": "here"}
    missing = {"Bucket": bucket, "Key": "never-was"}
    nowhere = {"Bucket": fresh("nowhere"), "Key": "k"}
    assert refusal(s3.copy_object, **there, CopySource=missing) == ("NoSuchKey", 404)
    assert refusal(s3.copy_object, **there, CopySource=nowhere) == ("NoSuchBucket", 404)
    assert refusal(s3.copy_object, **nowhere, CopySource=here) == ("NoSuchBucket", 404)
    unmet = refusal(s3.copy_object, **there, CopySource=here, CopySourceIfMatch='"other"')
    assert unmet == ("PreconditionFailed", 412)


def test_boto3s_own_copy(s3: BaseClient, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="managed", Body=b"m")
    s3.copy({"Bucket": bucket, "Key": "managed"}, bucket, "managed copy")
    assert s3.get_object(Bucket=bucket, Key="managed copy")["Body"].read() == b"m"
