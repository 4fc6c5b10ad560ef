"""Whatever an upstream answers, the caller gets an answer or a proper error, and never an InternalFailure."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from structlog.testing import capture_logs

from tabard.edge.pipeline import REQUEST_FAILED
from tabard.edge.readable_answer import UPSTREAM_ANSWER_UNREADABLE
from tabard.edge.tables import OPERATIONS
from tabard.wire.service_model import service_model
from tests.support.edge_in_memory import ACCOUNT_ID, EdgeInMemory, text_of

KEY = {"pk": {"S": "a"}}
DESCRIBED = json.dumps(
    {
        "Table": {
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        }
    }
).encode()
URL = {"QueueUrl": f"http://edge.test/{ACCOUNT_ID}/jobs"}
ENTRY = {"Id": "a", "ReceiptHandle": "h", "VisibilityTimeout": 1}
GET = {"TableName": "notes", "Key": KEY}
REQUESTS: dict[str, dict[str, dict[str, Any]]] = {
    "dynamodb": {
        "CreateTable": {
            "TableName": "notes",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        },
        "DescribeTable": {"TableName": "notes"},
        "ListTables": {},
        "DeleteTable": {"TableName": "notes"},
        "GetItem": GET,
        "PutItem": {"TableName": "notes", "Item": KEY},
        "UpdateItem": GET,
        "DeleteItem": GET,
        "Query": {
            "TableName": "notes",
            "KeyConditionExpression": "pk = :a",
            "ExpressionAttributeValues": {":a": {"S": "a"}},
            "ReturnConsumedCapacity": "INDEXES",
        },
        "Scan": {"TableName": "notes", "ReturnConsumedCapacity": "TOTAL"},
        "BatchGetItem": {"RequestItems": {"notes": {"Keys": [KEY]}}, "ReturnConsumedCapacity": "TOTAL"},
        "BatchWriteItem": {"RequestItems": {"notes": [{"PutRequest": {"Item": KEY}}]}},
        "TransactGetItems": {"TransactItems": [{"Get": GET}]},
        "TransactWriteItems": {"TransactItems": [{"Delete": GET}]},
    },
    "sqs": {
        "CreateQueue": {"QueueName": "jobs"},
        "GetQueueUrl": {"QueueName": "jobs"},
        "ListQueues": {},
        "DeleteQueue": URL,
        "PurgeQueue": URL,
        "GetQueueAttributes": URL,
        "SetQueueAttributes": {**URL, "Attributes": {"DelaySeconds": "1"}},
        "SendMessage": {**URL, "MessageBody": "x"},
        "SendMessageBatch": {**URL, "Entries": [{"Id": "a", "MessageBody": "x"}]},
        "ReceiveMessage": URL,
        "DeleteMessage": {**URL, "ReceiptHandle": "h"},
        "DeleteMessageBatch": {**URL, "Entries": [{"Id": "a", "ReceiptHandle": "h"}]},
        "ChangeMessageVisibility": {**URL, "ReceiptHandle": "h", "VisibilityTimeout": 1},
        "ChangeMessageVisibilityBatch": {**URL, "Entries": [ENTRY]},
    },
}
TARGETS = {"dynamodb": "DynamoDB_20120810", "sqs": "AmazonSQS"}
ODD: tuple[object, ...] = (None, "x", "", 7, -1.5, True, [], {}, ["x"], [[]], [{}], {"": "x"}, {"S": 1})
BROKEN = (b"", b"null", b"[]", b"{", b'"x"', b"\xff\xfe", b"<Error/>", b"<a><b></a>", b'{"a": NaN}')
S3_REQUESTS = [
    ("GET", "/", b""),
    ("GET", "/bucket?list-type=2&encoding-type=url", b""),
    ("GET", "/bucket?uploads&encoding-type=url", b""),
    ("GET", "/bucket/key?uploadId=u1", b""),
    ("POST", "/bucket/key?uploads", b""),
    ("DELETE", "/bucket/key", b""),
    ("PUT", "/bucket", b""),
    ("POST", "/bucket?delete", b"<Delete><Object><Key>a</Key></Object></Delete>"),
]
S3_ANSWERS = (
    *BROKEN,
    b"<ListBucketResult><Contents/><CommonPrefixes/></ListBucketResult>",
    b"<ListBucketResult><Contents><Size>x</Size><LastModified>never</LastModified></Contents></ListBucketResult>",
    b"<ListBucketResult><MaxKeys>many</MaxKeys></ListBucketResult>",
    b"<ListMultipartUploadsResult><Upload/><Upload><Initiated>x</Initiated></Upload></ListMultipartUploadsResult>",
    b"<ListAllMyBucketsResult><Buckets><Bucket/></Buckets></ListAllMyBucketsResult>",
    b"<DeleteResult><Error/><Deleted/></DeleteResult>",
    b"<Error><Code>Odd</Code></Error>",
)


def odd_answers(shape: Shape, depth: int = 0) -> Iterator[object]:
    """Answers with one member, at any depth, that is of no type it can be."""
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            yield from ({name: odd} for odd in ODD)
            if depth < 3:
                yield from ({name: inner} for inner in odd_answers(member, depth + 1))
    elif isinstance(shape, ListShape):
        yield from ([odd] for odd in odd_answers(shape.member, depth + 1))
    elif isinstance(shape, MapShape):
        yield from ({"key": odd} for odd in (*ODD, *odd_answers(shape.value, depth + 1)))


async def answered(edge: EdgeInMemory, service: str, operation: str) -> tuple[int, str]:
    request = REQUESTS[service][operation]
    answer = await edge.target(service, f"{TARGETS[service]}.{operation}", request)
    return answer.status, text_of(answer)


def test_every_forwarded_operation_of_a_json_protocol_is_asked() -> None:
    for service, requests in REQUESTS.items():
        assert requests.keys() == OPERATIONS[service].keys()


@pytest.mark.parametrize(
    ("service", "operation"), [(service, name) for service in REQUESTS for name in REQUESTS[service]]
)
async def test_an_odd_answer_is_one_or_a_retryable_error(
    edge: EdgeInMemory, service: str, operation: str
) -> None:
    shape = service_model(service).operation_model(operation).output_shape
    edge.json.say(200, DESCRIBED)
    edge.json.say(200, b"{}")
    assert (await answered(edge, service, operation))[0] == 200
    answers = [json.dumps(odd).encode() for odd in odd_answers(shape)] if shape is not None else []
    unreadable = 0
    for body in (*answers, *BROKEN):
        edge.json.answers.clear()
        edge.json.say(200, body)
        with capture_logs() as logs:
            status, text = await answered(edge, service, operation)
        events = [entry["event"] for entry in logs]
        assert REQUEST_FAILED not in events, body
        assert (status, "ServiceUnavailable" in text) in ((200, False), (503, True)), body
        assert events == ([UPSTREAM_ANSWER_UNREADABLE] if status == 503 else []), body
        assert "Traceback" not in text
        unreadable += status == 503
    assert unreadable or shape is None


@pytest.mark.parametrize("body", BROKEN)
@pytest.mark.parametrize("status", [200, 400, 500])
async def test_a_table_that_cannot_be_described_decides_nothing(
    edge: EdgeInMemory, body: bytes, status: int
) -> None:
    edge.json.say(status, body)
    answer = await edge.target("dynamodb", "DynamoDB_20120810.GetItem", GET)
    assert answer.status >= 500 or body == b""
    assert "InternalFailure" not in text_of(answer)


@pytest.mark.parametrize(
    "described", [{"Table": {"KeySchema": [{}]}}, {"Table": {"GlobalSecondaryIndexes": [7]}}]
)
async def test_a_table_that_is_described_in_an_odd_way_decides_nothing(
    edge: EdgeInMemory, described: object
) -> None:
    edge.json.say(200, json.dumps(described).encode())
    answer = await edge.target("dynamodb", "DynamoDB_20120810.GetItem", GET)
    assert (answer.status, len(edge.json.bodies)) == (503, 1)


@pytest.mark.parametrize(("method", "target", "body"), S3_REQUESTS)
async def test_an_odd_answer_of_s3_is_one_or_a_retryable_error(
    edge: EdgeInMemory, method: str, target: str, body: bytes
) -> None:
    for answer in S3_ANSWERS:
        edge.s3.answers.clear()
        edge.s3.say(200, answer)
        with capture_logs() as logs:
            told = await edge.of_s3(method, target, body)
        assert told.status in (200, 204, 503), (target, answer)
        assert REQUEST_FAILED not in [entry["event"] for entry in logs], (target, answer)
