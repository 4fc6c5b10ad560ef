"""An S3 request is one operation or none; an unknown subresource never becomes a plain one."""

import pytest

from tabard.errors import AwsError
from tabard.wire.input_errors import InvalidArgument, InvalidBucketName, InvalidURI, KeyTooLongError
from tabard.wire.s3_routes import S3Route, UnknownOperation, match_s3_operation
from tabard.wire.service_model import service_model
from tests.support.shape_values import raw_request

COPY = (("x-amz-copy-source", "b/k"),)


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation"),
    [
        ("GET", "/", "", (), "ListBuckets"),
        ("GET", "/", "x-id=ListBuckets&max-buckets=2", (), "ListBuckets"),
        ("GET", "/bucket", "", (), "ListObjects"),
        ("GET", "/bucket/", "prefix=a&delimiter=%2F", (), "ListObjects"),
        ("GET", "/bucket", "list-type=2&prefix=a", (), "ListObjectsV2"),
        ("GET", "/bucket", "location", (), "GetBucketLocation"),
        ("GET", "/bucket", "location=", (), "GetBucketLocation"),
        ("GET", "/bucket", "uploads", (), "ListMultipartUploads"),
        ("GET", "/bucket", "versions", (), "ListObjectVersions"),
        ("GET", "/bucket", "versioning", (), "GetBucketVersioning"),
        ("GET", "/bucket", "lifecycle", (), "GetBucketLifecycleConfiguration"),
        ("GET", "/bucket", "analytics", (), "ListBucketAnalyticsConfigurations"),
        ("GET", "/bucket", "analytics&id=1", (), "GetBucketAnalyticsConfiguration"),
        ("HEAD", "/bucket", "", (), "HeadBucket"),
        ("PUT", "/bucket", "", (), "CreateBucket"),
        ("PUT", "/bucket", "policy", (), "PutBucketPolicy"),
        ("DELETE", "/bucket", "", (), "DeleteBucket"),
        ("DELETE", "/bucket", "policy", (), "DeleteBucketPolicy"),
        ("POST", "/bucket", "delete", (), "DeleteObjects"),
        ("GET", "/bucket/key", "", (), "GetObject"),
        ("GET", "/bucket/key", "x-id=GetObject&partNumber=1&versionId=v", (), "GetObject"),
        ("GET", "/bucket/key", "response-content-type=text%2Fplain", (), "GetObject"),
        ("GET", "/bucket/key", "acl", (), "GetObjectAcl"),
        ("GET", "/bucket/key", "tagging&versionId=v", (), "GetObjectTagging"),
        ("GET", "/bucket/key", "torrent", (), "GetObjectTorrent"),
        ("GET", "/bucket/key", "attributes", (), "GetObjectAttributes"),
        ("GET", "/bucket/key", "uploadId=u", (), "ListParts"),
        ("HEAD", "/bucket/key", "", (), "HeadObject"),
        ("PUT", "/bucket/key", "", (), "PutObject"),
        ("PUT", "/bucket/key", "", COPY, "CopyObject"),
        ("PUT", "/bucket/key", "partNumber=1&uploadId=u", (), "UploadPart"),
        ("PUT", "/bucket/key", "partNumber=1&uploadId=u", COPY, "UploadPartCopy"),
        ("PUT", "/bucket/key", "tagging", (), "PutObjectTagging"),
        ("PUT", "/bucket/key", "acl", COPY, "PutObjectAcl"),
        ("POST", "/bucket/key", "uploads", (), "CreateMultipartUpload"),
        ("POST", "/bucket/key", "uploadId=u", (), "CompleteMultipartUpload"),
        ("POST", "/bucket/key", "select&select-type=2", (), "SelectObjectContent"),
        ("POST", "/bucket/key", "restore", (), "RestoreObject"),
        ("DELETE", "/bucket/key", "", (), "DeleteObject"),
        ("DELETE", "/bucket/key", "versionId=v", (), "DeleteObject"),
        ("DELETE", "/bucket/key", "uploadId=u", (), "AbortMultipartUpload"),
        (
            "GET",
            "/bucket/key",
            (
                "X-Amz-Algorithm=a&X-Amz-Credential=c&X-Amz-Date=d&X-Amz-Expires=1&X-Amz-SignedHeaders=host"
                "&X-Amz-Signature=s&X-Amz-Security-Token=t"
            ),
            (),
            "GetObject",
        ),
    ],
)
def test_each_request_is_its_operation(
    method: str, path: str, query: str, headers: tuple[tuple[str, str], ...], operation: str
) -> None:
    route = match_s3_operation(raw_request(method, path, query, headers))
    assert isinstance(route, S3Route), route
    assert route.operation == operation


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", "/bucket/key", "unknown"),
        ("GET", "/bucket/key", "ACL"),
        ("GET", "/bucket/key", "%61cl2"),
        ("GET", "/bucket/key", "acl&tagging"),
        ("GET", "/bucket/key", "policy"),
        ("GET", "/bucket/key", "uploadId=u&partNumber=1"),
        ("GET", "/bucket/key", "list-type=2"),
        ("PUT", "/bucket/key", "uploadId=u"),
        ("PUT", "/bucket/key", "partNumber=1"),
        ("PUT", "/bucket/key", "versionId=v"),
        ("PUT", "/bucket/key", "append"),
        ("DELETE", "/bucket/key", "recursive=true"),
        ("POST", "/bucket/key", ""),
        ("POST", "/bucket", ""),
        ("POST", "/", ""),
        ("PUT", "/", ""),
        ("DELETE", "/", ""),
        ("GET", "/", "Action=ListUsers"),
        ("GET", "/bucket", "list-type=1"),
        ("GET", "/bucket", "list-type"),
        ("GET", "/bucket", "unknown"),
        ("GET", "/bucket", "tagging&policy"),
        ("PUT", "/bucket", "unknown"),
        ("DELETE", "/bucket", "analytics"),
        ("GET", "/bucket", "session"),
        ("POST", "/WriteGetObjectResponse", ""),
        ("OPTIONS", "/bucket/key", ""),
        ("PATCH", "/bucket/key", ""),
        ("get", "/bucket/key", ""),
    ],
)
def test_what_is_no_operation_is_unknown(method: str, path: str, query: str) -> None:
    assert isinstance(match_s3_operation(raw_request(method, path, query)), UnknownOperation)


def test_an_unknown_key_added_to_any_operation_makes_it_unknown() -> None:
    model = service_model("s3")
    for name in model.operation_names:
        http = model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        path = path.replace("{Bucket}", "bucket").replace("{Key+}", "key")
        for extra in ("tabard-unknown", "tabard-unknown=1"):
            raw = raw_request(http["method"], path, f"{query}&{extra}" if query else extra)
            assert isinstance(match_s3_operation(raw), UnknownOperation), name


@pytest.mark.parametrize(
    ("path", "bucket", "key"),
    [
        ("/bucket/a/b", "bucket", "a/b"),
        ("/bucket//a", "bucket", "/a"),
        ("/bucket//", "bucket", "/"),
        ("/bucket/a//b/", "bucket", "a//b/"),
        ("/bucket/%2e%2e/a", "bucket", "../a"),
        ("/bucket/../a", "bucket", "../a"),
        ("/bucket/a%2Fb", "bucket", "a/b"),
        ("/bucket/a%252Fb", "bucket", "a%2Fb"),
        ("/bucket/a+b", "bucket", "a+b"),
        ("/bucket/a%20b%0A%00", "bucket", "a b\n\0"),
        ("/bucket/%C3%A9", "bucket", "é"),
        ("/bucket/a%3Fb", "bucket", "a?b"),
        ("/buck%65t/k", "bucket", "k"),
    ],
)
def test_a_path_is_decoded_exactly_once(path: str, bucket: str, key: str) -> None:
    route = match_s3_operation(raw_request("GET", path))
    assert route.uri_params == {"Bucket": bucket, "Key": key}


@pytest.mark.parametrize(
    ("path", "query", "error"),
    [
        ("/bucket/%zz", "", InvalidURI),
        ("/bucket/%", "", InvalidURI),
        ("/bucket/%f", "", InvalidURI),
        ("/bucket/%ff", "", InvalidURI),
        ("/bucket/%c0%af", "", InvalidURI),
        ("/bucket/%ed%a0%80", "", InvalidURI),
        ("bucket/key", "", InvalidURI),
        ("*", "", InvalidURI),
        ("//key", "", InvalidURI),
        ("//", "", InvalidURI),
        ("/a%2Fb/key", "", InvalidBucketName),
        ("/../key", "", InvalidBucketName),
        ("/ab/key", "", InvalidBucketName),
        ("/arn:aws:s3:::b/key", "", InvalidBucketName),
        ("/bucket/" + "a" * 1025, "", KeyTooLongError),
        ("/bucket/" + "%C3%A9" * 513, "", KeyTooLongError),
        ("/bucket", "prefix=%zz", InvalidURI),
        ("/bucket", "prefix=%ff", InvalidURI),
        ("/bucket", "prefix=a&prefix=b", InvalidArgument),
        ("/bucket", "prefix=a&pref%69x=b", InvalidArgument),
    ],
)
def test_an_ambiguous_path_or_query_is_refused(path: str, query: str, error: type[AwsError]) -> None:
    with pytest.raises(error):
        match_s3_operation(raw_request("GET", path, query))
