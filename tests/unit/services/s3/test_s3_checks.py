"""From a request to what it needs to be allowed, operation by operation."""

from datetime import timedelta
from typing import Any, cast

import msgspec
import pytest

from tabard.errors import AwsError
from tabard.services.s3.copy_source import CopySource, copy_source
from tabard.services.s3.errors import (
    AccessControlListNotSupported,
    IllegalLocationConstraint,
    InvalidArgument,
    InvalidBucketName,
    InvalidContinuationToken,
    InvalidObjectKey,
    NoSuchUpload,
    NotImplementedByUpstream,
)
from tabard.services.s3.operations import OPERATIONS, STREAMED_BODY
from tabard.wire.input_errors import MalformedXML
from tests.support.one_account import ACCOUNT_ID
from tests.support.s3_requests import BY_NAME, FACTS, MODEL, checks

BUCKET = "arn:aws:s3:::photos"
OBJECT = f"{BUCKET}/a/b.jpg"
IN_BUCKET = {"Bucket": "photos"}
ON_OBJECT = {"Bucket": "photos", "Key": "a/b.jpg"}
ALWAYS = {
    "s3:authtype": ("REST-HEADER",),
    "s3:signatureversion": ("AWS4-HMAC-SHA256",),
    "s3:resourceaccount": (ACCOUNT_ID,),
    "s3:x-amz-content-sha256": ("",),
    "s3:signatureage": ("0",),
}
CREATES = {"s3:objectcreationoperation": ("true",)}
NO_OBJECT_YET = {"s3:objectcreationoperation": ("false",)}
COPY = {**ON_OBJECT, "CopySource": "other/c%20d?versionId=v1", "StorageClass": "STANDARD"}
COPIED = {"s3:x-amz-copy-source": ("other/c d",), "s3:x-amz-storage-class": ("STANDARD",)}

# operation: input, and each check as action, resource, context
CHECKS: dict[str, tuple[dict[str, Any], list[tuple[str, str, dict[str, Any]]]]] = {
    "ListBuckets": ({"MaxBuckets": 5}, [("ListAllMyBuckets", "*", {})]),
    "CreateBucket": (
        {
            **IN_BUCKET,
            "ACL": "private",
            "ObjectOwnership": "BucketOwnerEnforced",
        },
        [
            (
                "CreateBucket",
                BUCKET,
                {
                    "s3:x-amz-acl": ("private",),
                    "s3:x-amz-object-ownership": ("BucketOwnerEnforced",),
                },
            )
        ],
    ),
    "HeadBucket": (IN_BUCKET, [("ListBucket", BUCKET, {})]),
    "DeleteBucket": (IN_BUCKET, [("DeleteBucket", BUCKET, {})]),
    "GetBucketLocation": (IN_BUCKET, [("GetBucketLocation", BUCKET, {})]),
    "ListObjectsV2": (
        {**IN_BUCKET, "Prefix": "a/", "Delimiter": "/", "MaxKeys": 7, "StartAfter": "a/b"},
        [
            (
                "ListBucket",
                BUCKET,
                {"s3:prefix": ("a/",), "s3:delimiter": ("/",), "s3:max-keys": ("7",)},
            )
        ],
    ),
    "ListMultipartUploads": (
        {**IN_BUCKET, "Prefix": "", "KeyMarker": "a", "UploadIdMarker": "abc_1"},
        [("ListBucketMultipartUploads", BUCKET, {"s3:prefix": ("",)})],
    ),
    "HeadObject": (ON_OBJECT, [("GetObject", OBJECT, {})]),
    "GetObject": (
        {**ON_OBJECT, "VersionId": "v1", "IfMatch": '"e"'},
        [("GetObjectVersion", OBJECT, {"s3:versionid": ("v1",), "s3:if-match": ('"e"',)})],
    ),
    "PutObject": (
        {
            **ON_OBJECT,
            "ACL": "bucket-owner-full-control",
            "IfNoneMatch": "*",
        },
        [
            (
                "PutObject",
                OBJECT,
                CREATES | {"s3:x-amz-acl": ("bucket-owner-full-control",), "s3:if-none-match": ("*",)},
            )
        ],
    ),
    "CopyObject": (
        {**COPY, "MetadataDirective": "REPLACE"},
        [
            ("GetObjectVersion", "arn:aws:s3:::other/c d", {"s3:versionid": ("v1",)}),
            ("PutObject", OBJECT, CREATES | COPIED | {"s3:x-amz-metadata-directive": ("REPLACE",)}),
        ],
    ),
    "DeleteObject": (ON_OBJECT, [("DeleteObject", OBJECT, {})]),
    "DeleteObjects": (
        {**IN_BUCKET, "Delete": {"Objects": [{"Key": "a"}, {"Key": "b", "VersionId": "v2"}, {"Key": "a"}]}},
        [
            ("DeleteObject", f"{BUCKET}/a", {}),
            ("DeleteObjectVersion", f"{BUCKET}/b", {"s3:versionid": ("v2",)}),
            ("DeleteObject", f"{BUCKET}/a", {}),
        ],
    ),
    "CreateMultipartUpload": (ON_OBJECT, [("PutObject", OBJECT, NO_OBJECT_YET)]),
    "UploadPart": ({**ON_OBJECT, "UploadId": "u"}, [("PutObject", OBJECT, NO_OBJECT_YET)]),
    "UploadPartCopy": (
        {**COPY, "UploadId": "u"},
        [
            ("GetObjectVersion", "arn:aws:s3:::other/c d", {"s3:versionid": ("v1",)}),
            ("PutObject", OBJECT, NO_OBJECT_YET | COPIED),
        ],
    ),
    "CompleteMultipartUpload": ({**ON_OBJECT, "UploadId": "u"}, [("PutObject", OBJECT, CREATES)]),
    "AbortMultipartUpload": ({**ON_OBJECT, "UploadId": "u"}, [("AbortMultipartUpload", OBJECT, {})]),
    "ListParts": ({**ON_OBJECT, "UploadId": "u"}, [("ListMultipartUploadParts", OBJECT, {})]),
}


@pytest.mark.parametrize("operation", CHECKS)
def test_each_operation_asks_for_what_aws_asks_for(operation: str) -> None:
    arguments, wanted = CHECKS[operation]
    found = [
        (check.action.removeprefix("s3:"), check.resource, dict(check.context))
        for check in checks(operation, cast("dict[str, object]", arguments))
    ]
    assert found == [(action, resource, ALWAYS | context) for action, resource, context in wanted]


def test_the_tables_speak_of_the_same_operations_and_of_awss_members() -> None:
    assert set(CHECKS) == set(BY_NAME)
    assert len(BY_NAME) == len(OPERATIONS)
    for operation, forward in BY_NAME.items():
        known = set(MODEL.operation_model(operation).input_shape.members)
        assert {name.partition(".")[0] for name in forward.members.names} <= known
    assert set(STREAMED_BODY) == {"PutObject", "UploadPart"}
    assert [name for name, operation in BY_NAME.items() if operation.each_by_itself] == ["DeleteObjects"]


def refused(operation: str, **arguments: object) -> AwsError:
    with pytest.raises(AwsError) as caught:
        checks(operation, {**ON_OBJECT, **arguments})
    return caught.value


@pytest.mark.parametrize("operation", ["PutObject", "CopyObject", "CreateMultipartUpload"])
@pytest.mark.parametrize("acl", ["private", "public-read", "public-read-write", "authenticated-read", ""])
def test_objects_have_no_acls(operation: str, acl: str) -> None:
    assert isinstance(refused(operation, ACL=acl, CopySource="b23/k"), AccessControlListNotSupported)


@pytest.mark.parametrize("acl", ["public-read", "public-read-write", "authenticated-read", ""])
def test_buckets_have_no_acls(acl: str) -> None:
    assert isinstance(refused("CreateBucket", ACL=acl), AccessControlListNotSupported)


@pytest.mark.parametrize(
    ("arguments", "member"),
    [
        ({"ObjectOwnership": "ObjectWriter"}, "ObjectOwnership"),
        ({"CreateBucketConfiguration": {"Tags": [{"Key": "a", "Value": "b"}]}}, "Tags"),
        ({"CreateBucketConfiguration": {"Bucket": {}, "Location": {}}}, "Bucket, Location"),
    ],
)
def test_what_a_bucket_cannot_be_here_is_refused_and_not_forgotten(
    arguments: dict[str, object], member: str
) -> None:
    error = refused("CreateBucket", **arguments)
    assert isinstance(error, NotImplementedByUpstream)
    assert (error.http_status, error.details["member"]) == (501, member)


def test_tags_that_no_policy_would_see_are_not_taken() -> None:
    """What is not accepted is refused with 501."""
    for operation, forward in BY_NAME.items():
        for member in ("Tagging", "TaggingDirective", "Tags"):
            assert forward.members.refused({member: "a=b"}) == [member], operation
    assert BY_NAME["CreateBucket"].members.refused(
        {"CreateBucketConfiguration": {"Tags": [{"Key": "a", "Value": "b"}]}}
    ) == ["CreateBucketConfiguration.Tags"]


def test_a_policy_sees_where_a_bucket_is_to_be() -> None:
    facts = msgspec.structs.replace(FACTS, region="eu-west-3")
    configuration = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-3"}}
    (check,) = BY_NAME["CreateBucket"].checks({**IN_BUCKET, **configuration}, facts)
    assert check.context["s3:locationconstraint"] == ("eu-west-3",)
    for elsewhere in ({}, {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}):
        with pytest.raises(IllegalLocationConstraint):
            BY_NAME["CreateBucket"].checks({**IN_BUCKET, **elsewhere}, facts)


def test_a_policy_sees_what_was_signed_and_when() -> None:
    facts = msgspec.structs.replace(
        FACTS, payload_hash="UNSIGNED-PAYLOAD", signed_at=FACTS.now - timedelta(minutes=1, milliseconds=5)
    )
    (check,) = BY_NAME["GetObject"].checks(ON_OBJECT, facts)
    assert check.context["s3:x-amz-content-sha256"] == ("UNSIGNED-PAYLOAD",)
    assert check.context["s3:signatureage"] == ("60005",)


@pytest.mark.parametrize(
    "token", ["", "..", "a/b", "Photos", "%", "x" * 100, "photos", "cGhvdG9z\n", "UGhvdG9z", "é"]
)
def test_a_listing_of_buckets_goes_on_after_a_bucket(token: str) -> None:
    assert isinstance(refused("ListBuckets", ContinuationToken=token), InvalidContinuationToken)
    assert checks("ListBuckets", {"ContinuationToken": "cGhvdG9z"})
    assert checks("ListBuckets", {"ContinuationToken": "cGFnZWQtMg"})


@pytest.mark.parametrize(
    "upload_id", ["", ".", "..", "../secret", "a/../../secret", "a\\b", "a b", "a\n", "x" * 1025]
)
@pytest.mark.parametrize(
    "operation", ["UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload", "ListParts"]
)
def test_an_upload_id_is_never_a_path(operation: str, upload_id: str) -> None:
    error = refused(operation, UploadId=upload_id)
    assert isinstance(error, NoSuchUpload)
    assert error.http_status == 404
    assert isinstance(refused("UploadPartCopy", UploadId=upload_id, CopySource="b23/k"), NoSuchUpload)
    assert isinstance(refused("ListMultipartUploads", UploadIdMarker=upload_id), NoSuchUpload)


def test_ids_as_stores_make_them_are_upload_ids() -> None:
    for upload_id in (
        "fe386f5b98a132bca6e7df6363f519111c52bef9_b30da5532ae24a129e85001a18d8d8bb",
        "VXBsb2FkIElEIGZvciBlbHZpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA==",
        "ibZBv_75gd9r8lH_gqXatLdxMVpAlj6ZQjEs.OwyF3953YdwbcQnMA2BLGn8Lx12fQNICtMw5KyteFeHw.Sjng--",
    ):
        assert checks("ListParts", {**ON_OBJECT, "UploadId": upload_id})


@pytest.mark.parametrize("text", ["/secret", "secret//", "a/../secret", "secret\\", "./x", "\x00"])
def test_a_listing_begins_only_where_the_store_takes_it_to_begin(text: str) -> None:
    for member in ("Prefix", "StartAfter"):
        assert isinstance(refused("ListObjectsV2", **{member: text}), InvalidObjectKey)
    for member in ("Prefix", "KeyMarker"):
        assert isinstance(refused("ListMultipartUploads", **{member: text}), InvalidObjectKey)
    for operation in ("ListObjectsV2", "ListBuckets"):
        error = refused(operation, ContinuationToken=text)
        assert isinstance(error, InvalidContinuationToken)
        assert error.message == "The continuation token provided is incorrect"
    assert isinstance(refused("ListBuckets", Prefix=text), InvalidObjectKey)


@pytest.mark.parametrize(
    "bucket",
    [
        None, "", "ab", "x" * 64, "Photos", "pho_tos", "-photos", "photos-", ".photos", "photos.", "pho..tos",
        "pho.-tos", "192.168.5.4", "photos/secret", "photos\n", "photos ", "..", "phötos", "healthz",
        "status", "pho%2ftos", "arn:aws:s3:::photos", "arn:aws:s3:us-east-1:123456789012:accesspoint/ap",
    ],
)  # fmt: skip
def test_what_is_no_bucket_name_is_refused(bucket: str | None) -> None:
    arguments = {"Key": "k", "Delete": {"Objects": [{"Key": "k"}]}, "CopySource": "b23/k"}
    if bucket is not None:
        arguments["Bucket"] = bucket
    for operation in set(CHECKS) - {"ListBuckets"}:
        with pytest.raises(InvalidBucketName):
            checks(operation, arguments)
    if bucket is not None and "/" not in bucket and "%" not in bucket:
        with pytest.raises((InvalidBucketName, InvalidArgument)):
            copy_source(f"{bucket}/k")


@pytest.mark.parametrize("bucket", ["abc", "x" * 63, "a.b-c.d", "1photos", "192.168.5.4.example", "health"])
def test_names_by_awss_rules_are_bucket_names(bucket: str) -> None:
    (check,) = checks("HeadBucket", {"Bucket": bucket})
    assert check.resource == f"arn:aws:s3:::{bucket}"


def test_an_object_without_a_key_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        checks("GetObject", IN_BUCKET)


@pytest.mark.parametrize(
    "delete",
    [
        None, {}, {"Objects": None}, {"Objects": []}, {"Objects": [{"Key": "k"}] * 1001}, {"Objects": ["k"]},
        {"Objects": [{}]}, {"Objects": [{"VersionId": "v"}]},
    ],
)  # fmt: skip
def test_a_deletion_names_its_keys(delete: object) -> None:
    arguments = {**IN_BUCKET} if delete is None else {**IN_BUCKET, "Delete": delete}
    with pytest.raises((InvalidArgument, MalformedXML)):
        checks("DeleteObjects", arguments)
    with pytest.raises(MalformedXML):
        checks("DeleteObjects", {**IN_BUCKET, "Delete": {"Objects": [{"Key": "k"}] * 1001}})
    assert len(checks("DeleteObjects", {**IN_BUCKET, "Delete": {"Objects": [{"Key": "k"}] * 1000}})) == 1000


@pytest.mark.parametrize("member", ["LastModifiedTime", "Size"])
def test_a_condition_that_the_store_does_not_know_is_refused_and_not_dropped(member: str) -> None:
    with pytest.raises(NotImplementedByUpstream, match=member):
        checks("DeleteObjects", {**IN_BUCKET, "Delete": {"Objects": [{"Key": "k", member: 1}]}})


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("photos/k", CopySource("photos", "k", None)),
        ("/photos/k", CopySource("photos", "k", None)),
        ("photos%2Fk", CopySource("photos", "k", None)),
        ("%2Fphotos%2fk", CopySource("photos", "k", None)),
        ("photos/a%2Fb", CopySource("photos", "a/b", None)),
        ("photos/a%252Fb", CopySource("photos", "a%2Fb", None)),
        ("photos/a+b%2B", CopySource("photos", "a+b+", None)),
        ("photos/caf%C3%A9", CopySource("photos", "café", None)),
        ("photos/café", CopySource("photos", "café", None)),
        ("photos/k?versionId=v1", CopySource("photos", "k", "v1")),
        ("photos/k?versionId=", CopySource("photos", "k", "")),
        ("photos/k?versionId=a?versionId=b", CopySource("photos", "k", "a?versionId=b")),
        ("photos/k%3FversionId=v1", CopySource("photos", "k?versionId=v1", None)),
        ("photos/k?versionid=v1", CopySource("photos", "k?versionid=v1", None)),
        ("photos/k?VersionId=v1", CopySource("photos", "k?VersionId=v1", None)),
        ("photos/k?x=1&versionId=v1", CopySource("photos", "k?x=1&versionId=v1", None)),
    ],
)
def test_a_copy_source_is_read_once(text: str, source: CopySource) -> None:
    assert copy_source(text) == source


@pytest.mark.parametrize(
    "text",
    [
        None, "", "/", "photos", "photos/", "/photos/", "//photos/k", "photos//k", "photos/../secret/k",
        "photos/%2e%2e/k", "photos/./k", "photos/a/", "photos/a%5Cb", "photos/%00", "photos/%ff",
        "photos/%C3é",
        "photos%2F%2Fk", "Photos/k", "arn:aws:s3:::photos/k",
        "arn:aws:s3:us-east-1:123456789012:accesspoint/ap/object/k",
        "arn%3Aaws%3As3%3Aus-east-1%3A123456789012%3Aaccesspoint/ap/object/k",
        "?versionId=v1", "photos?versionId=v1", "photos/?versionId=v1", "http://host/photos/k",
    ],
)  # fmt: skip
def test_what_is_no_copy_source_is_refused(text: str | None) -> None:
    with pytest.raises((InvalidArgument, InvalidBucketName, InvalidObjectKey)):
        copy_source(text)
    with pytest.raises(AwsError):
        checks("CopyObject", ON_OBJECT if text is None else {**ON_OBJECT, "CopySource": text})
