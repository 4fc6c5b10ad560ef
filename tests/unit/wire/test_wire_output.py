"""What goes out is valid in its protocol, whatever the values; errors are those that SDKs know."""

import asyncio
import base64
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from tabard.errors import AwsError, RelayedError, ValidationError
from tabard.http1.answer import Answer
from tabard.wire.checksums import CHECKSUM_HEADERS, checksum
from tabard.wire.rebuild import parse_upstream_output, rebuild_request
from tabard.wire.rebuild_s3 import copy_source
from tabard.wire.render import render_error, render_output
from tabard.wire.request import Protocol, ServiceName
from tabard.wire.s3_routes import match_s3_operation
from tabard.wire.service_model import service_model
from tabard.wire.xml_input import parse_xml
from tabard.wire.xml_output import escape
from tests.support.shape_values import raw_request

REQUEST_ID = "3f2b8f3a-0000-4000-a000-000000000000"


class Cancelled(AwsError):
    code = "TransactionCanceledException"
    status = 400
    sentence = "Transaction cancelled"


class NoQueue(AwsError):
    code = "QueueDoesNotExist"
    status = 400
    sentence = "The specified queue does not exist."


class NoBucket(AwsError):
    code = "NoSuchBucket"
    status = 404
    sentence = "The specified bucket does not exist"


def as_botocore_reads(service: str, protocol: str, answer: Answer) -> dict[str, Any]:
    operation = service_model(service).operation_model(service_model(service).operation_names[0])
    response = {"status_code": answer.status, "headers": HeadersDict(answer.headers), "body": answer.body}
    parsed: dict[str, Any] = create_parser(protocol).parse(response, operation.output_shape)
    return parsed


@pytest.mark.parametrize(
    ("service", "protocol"),
    [
        ("iam", "query"),
        ("sts", "query"),
        ("sqs", "query"),
        ("ec2", "ec2"),
        ("s3", "rest-xml"),
        ("dynamodb", "json"),
        ("sqs", "json"),
    ],
)
def test_botocore_reads_every_error(service: ServiceName, protocol: Protocol) -> None:
    answer = render_error(
        service, protocol, ValidationError(reason='<&>"\x01é'), REQUEST_ID, resource="/b/k<"
    )
    parsed = as_botocore_reads(service, protocol, answer)
    assert answer.status == 400
    assert parsed["Error"]["Code"] == "ValidationError"
    assert parsed["Error"]["Message"].replace("\x01", "\ufffd") == '<&>"\ufffdé'
    assert parsed["ResponseMetadata"]["RequestId"] == REQUEST_ID


def test_an_error_told_as_an_sdk_tells_it_is_told_as_the_service_does() -> None:
    """moto's SQS answers so."""
    body = (
        b'{"__type":"InvalidParameterValue","message":"An error occurred (InvalidParameterValue) when '
        b'calling the ReceiveMessage operation: Value 11 for parameter MaxNumberOfMessages is invalid."}'
    )
    relayed = parse_upstream_output(service_model("sqs"), "ReceiveMessage", 400, (), body)
    assert isinstance(relayed, RelayedError)
    assert relayed.message == "Value 11 for parameter MaxNumberOfMessages is invalid."


def test_modeled_members_of_a_json_error_are_its_shapes() -> None:
    reasons = [{"Code": "ConditionalCheckFailed", "Item": {"k": {"B": b"\0"}}}, {"Code": "None"}]
    error = Cancelled(members={"CancellationReasons": reasons})
    answer = render_error("dynamodb", "json", error, REQUEST_ID)
    assert b'"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException"' in bytes_of(answer)
    assert b'"Message":"Transaction cancelled"' in bytes_of(answer)
    again = parse_upstream_output(
        service_model("dynamodb"), "TransactWriteItems", 400, answer.headers, bytes_of(answer)
    )
    assert isinstance(again, RelayedError)
    assert again.error_code == "TransactionCanceledException"
    assert again.members == {"CancellationReasons": reasons}


def test_sqs_names_an_error_for_both_of_its_protocols() -> None:
    answer = render_error("sqs", "json", NoQueue(), REQUEST_ID)
    assert dict(answer.headers)["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert b'"com.amazonaws.sqs#QueueDoesNotExist"' in bytes_of(answer)
    again = parse_upstream_output(service_model("sqs"), "SendMessage", 400, answer.headers, bytes_of(answer))
    assert isinstance(again, RelayedError)
    assert again.error_code == "QueueDoesNotExist"
    relayed = RelayedError(code="AWS.SimpleQueueService.NonExistentQueue", status=400, message="m")
    assert b"sqs#QueueDoesNotExist" in bytes_of(render_error("sqs", "json", relayed, REQUEST_ID))


def test_an_s3_error_names_its_resource_and_has_no_body_on_head() -> None:
    error = NoBucket(members={"BucketName": "b"})
    body = bytes_of(render_error("s3", "rest-xml", error, REQUEST_ID, resource="/b"))
    texts = {child.tag: child.text for child in parse_xml(body)}
    assert texts["Code"] == "NoSuchBucket"
    assert (texts["BucketName"], texts["Resource"], texts["RequestId"]) == ("b", "/b", REQUEST_ID)
    head = render_error("s3", "rest-xml", error, REQUEST_ID, head=True)
    assert (head.status, head.body) == (404, b"")


@given(st.text())
def test_no_text_makes_invalid_xml(text: str) -> None:
    """Every string yields a document that parses; what XML can hold comes back as it was."""
    root = parse_xml(f'<a b="{escape(text)}">{escape(text)}</a>'.encode())
    if escape(text).count("\ufffd") == text.count("\ufffd"):
        assert (root.text or "") == text


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_key_reaches_an_upstream_as_it_was_authorized(key: str) -> None:
    if len(key.encode()) > 1024:
        return
    request = rebuild_request(service_model("s3"), "GetObject", {"Bucket": "bucket", "Key": key})
    assert request.raw_path.isascii()
    assert request.raw_path.isprintable()
    route = match_s3_operation(raw_request("GET", request.raw_path, request.raw_query))
    assert route.uri_params == {"Bucket": "bucket", "Key": key}


@pytest.mark.parametrize(
    ("given_source", "rebuilt"),
    [
        ("b/k", "b/k"),
        ("/b/k", "b/k"),
        ("b/a%2Fb", "b/a/b"),
        ("b/a+b", "b/a%2Bb"),
        ("b/a b", "b/a%20b"),
        ("b/a%252Fb", "b/a%252Fb"),
        ("b/é", "b/%C3%A9"),
        ("b/k?versionId=v1", "b/k?versionId=v1"),
        ("b/k%3FversionId=v1", "b/k%3FversionId%3Dv1"),
        ("b/k?acl", "b/k%3Facl"),
    ],
)
def test_a_copy_source_has_one_reading(given_source: str, rebuilt: str) -> None:
    assert copy_source(given_source) == rebuilt


def test_only_known_members_are_rebuilt() -> None:
    request = rebuild_request(
        service_model("dynamodb"), "GetItem", {"TableName": "t", "Key": {"k": {"B": b"\0"}}, "Unknown": "x"}
    )
    assert request.body == b'{"TableName":"t","Key":{"k":{"B":"AA=="}}}'
    assert ("x-amz-target", "DynamoDB_20120810.GetItem") in request.headers
    listing = rebuild_request(
        service_model("s3"), "ListObjectsV2", {"Bucket": "bucket", "Prefix": "a&b", "Unknown": "x"}
    )
    assert (listing.raw_path, listing.raw_query) == ("/bucket", "list-type=2&prefix=a%26b")


def test_a_key_that_xml_cannot_hold_is_not_changed_on_its_way() -> None:
    with pytest.raises(ValueError, match="XML"):
        rebuild_request(
            service_model("s3"),
            "DeleteObjects",
            {"Bucket": "bucket", "Delete": {"Objects": [{"Key": "a\x01"}]}},
        )


def test_an_error_within_a_200_is_an_error() -> None:
    body = b'\n <?xml version="1.0"?>\n<Error><Code>InternalError</Code><Message>m</Message></Error>'.lstrip()
    again = parse_upstream_output(service_model("s3"), "CopyObject", 200, (), body)
    assert isinstance(again, RelayedError)
    assert (again.error_code, again.http_status) == ("InternalError", 500)


@pytest.mark.parametrize(
    ("service", "status", "body", "code"),
    [
        ("s3", 404, b"", "NotFound"),
        ("s3", 502, b"<html>", "BadGateway"),
        ("dynamodb", 500, b"oops", "InternalServerError"),
        (
            "dynamodb",
            400,
            b'{"__type":"com.amazon.coral.validate#ValidationException"}',
            "ValidationException",
        ),
        ("dynamodb", 400, b'{"__type":"ValidationException"}', "ValidationException"),
        ("s3", 200, b"<unclosed", "ServiceUnavailable"),
        ("dynamodb", 200, b"oops", "ServiceUnavailable"),
    ],
)
def test_whatever_an_upstream_says_is_an_answer_or_an_error(
    service: str, status: int, body: bytes, code: str
) -> None:
    operation = "ListObjectsV2" if service == "s3" else "GetItem"
    again = parse_upstream_output(service_model(service), operation, status, (), body)
    assert isinstance(again, RelayedError)
    assert again.error_code == code


def test_bodies_headers_and_odd_shapes_of_s3() -> None:
    model = service_model("s3")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(0)

    stream = pieces()
    answer = render_output(
        model, "GetObject", {"Body": stream, "ContentLength": 1, "ETag": '"e"'}, REQUEST_ID
    )
    assert answer.body is stream
    assert dict(answer.headers)["content-length"] == "1"
    assert render_output(model, "DeleteObject", {}, REQUEST_ID).status == 204
    assert render_output(model, "HeadObject", {"Metadata": {"a": "b\r\nc"}}, REQUEST_ID).headers[-1] == (
        "x-amz-meta-a",
        "b  c",
    )
    empty = bytes_of(render_output(model, "GetBucketLocation", {}, REQUEST_ID))
    west = bytes_of(
        render_output(model, "GetBucketLocation", {"LocationConstraint": "eu-west-1"}, REQUEST_ID)
    )
    assert parse_xml(empty).text is None
    assert parse_xml(west).text == "eu-west-1"
    listing = bytes_of(render_output(model, "ListObjectsV2", {"Contents": [{"Key": "a"}]}, REQUEST_ID))
    assert (
        b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Contents><Key>a</Key>' in listing
    )


def test_dynamodb_answers_carry_their_crc32() -> None:
    answer = render_output(service_model("dynamodb"), "GetItem", {"Item": {"k": {"B": b"\0"}}}, REQUEST_ID)
    assert answer.body == b'{"Item":{"k":{"B":"AA=="}}}'
    assert dict(answer.headers)["x-amz-crc32"] == str(zlib.crc32(answer.body))


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        # Digests of "123456789", the check value of the CRC catalogues.
        ("crc32", base64.b64encode(bytes.fromhex("cbf43926")).decode()),
        ("crc32c", base64.b64encode(bytes.fromhex("e3069283")).decode()),
        ("crc64nvme", base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode()),
        ("md5", base64.b64encode(bytes.fromhex("25f9e794323b453885f5181f1b624d0b")).decode()),
        ("sha1", base64.b64encode(bytes.fromhex("f7c3bc1d808e04732adf679965ccc34ca7ae3441")).decode()),
    ],
)
def test_checksums_are_the_standards_own(algorithm: str, expected: str) -> None:
    digest = checksum(algorithm)
    for piece in (b"1234", b"", b"56789"):
        digest.update(piece)
    assert digest.base64() == expected
    assert algorithm in CHECKSUM_HEADERS.values()


def bytes_of(answer: Answer) -> bytes:
    assert isinstance(answer.body, bytes)
    return answer.body
