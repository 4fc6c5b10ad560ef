"""Nobody can write an item that makes the table unreadable, nor send a message that makes the queue so."""

from typing import Any

import pytest

from tests.support.measured_dynamodb import KEY, SET, VALUES, items, table, text
from tests.support.measured_engine import MeasuredEdge

NAMELESS = {"": {"S": "x"}}
WRITES: dict[str, tuple[str, dict[str, Any]]] = {
    "a put": ("PutItem", {"TableName": "songs", "Item": {**KEY, **NAMELESS}}),
    "a nested name": ("PutItem", {"TableName": "songs", "Item": {**KEY, "m": {"M": NAMELESS}}}),
    "an update's name": (
        "UpdateItem",
        {"TableName": "songs", "Key": KEY, **SET, "UpdateExpression": "SET #a = :n"}
        | {"ExpressionAttributeNames": {"#a": ""}},
    ),
    "an update's value": (
        "UpdateItem",
        {"TableName": "songs", "Key": KEY, **SET, VALUES: {":n": {"M": NAMELESS}}},
    ),
    "a batch": (
        "BatchWriteItem",
        {"RequestItems": {"songs": [{"PutRequest": {"Item": {**KEY, **NAMELESS}}}]}},
    ),
    "a transaction": (
        "TransactWriteItems",
        {"TransactItems": [{"Put": {"TableName": "songs", "Item": {**KEY, **NAMELESS}}}]},
    ),
    "a transaction's update": (
        "TransactWriteItems",
        {
            "TransactItems": [
                {
                    "Update": {
                        "TableName": "songs",
                        "Key": KEY,
                        **SET,
                        VALUES: {":n": {"L": [{"M": NAMELESS}]}},
                    }
                }
            ]
        },
    ),
}


@pytest.mark.parametrize("write", WRITES)
async def test_an_attribute_without_a_name_is_never_written(measured: MeasuredEdge, write: str) -> None:
    await items(measured, 2)
    operation, request = WRITES[write]
    refused = await measured.refused("dynamodb", operation, **request)
    assert refused["code"] == "ValidationException"
    assert "Empty attribute name" in refused["message"]
    assert (await measured.dynamodb("Scan", TableName="songs"))["Count"] == 2


ODD: list[dict[str, Any]] = [
    {"S": "\0"}, {"S": ""}, {"B": ""}, {"M": {}}, {"L": []}, {"M": {"M": {"M": {"L": {"L": []}}}}},
    {"M": {"S": text("x"), "N": text("y")}}, {"SS": [""]}, {"BS": ["", "AQ=="]}, {"NS": ["-1.5e-20"]},
    {"N": "9" * 38}, {"NULL": True}, {"L": [{"BOOL": False}, {"L": [{"M": {}}]}]}, {"S": "\U0001f600\ufffe"},
]  # fmt: skip


async def test_what_may_be_written_can_be_read_back(measured: MeasuredEdge) -> None:
    await table(measured)
    odd_names = ("S", "M", "Item", "a.b", "a b", "\0", "é", "x" * 1000, "#", ":", "[0]")
    stored = {**KEY, **{f"odd{number}": value for number, value in enumerate(ODD)}}
    stored |= {name: text(name) for name in odd_names}
    await measured.dynamodb("PutItem", TableName="songs", Item=stored)
    (found,) = (await measured.dynamodb("Scan", TableName="songs"))["Items"]
    assert found.keys() == stored.keys()
    for name, value in stored.items():
        ((kind, content),) = value.items()
        told = found[name][kind]
        assert (
            (sorted(told) == sorted(content)) if kind in ("SS", "BS") else (kind == "NS" or told == content)
        )


async def test_a_message_that_could_not_be_handed_out_is_not_taken(measured: MeasuredEdge) -> None:
    """The engine alone would answer every later ReceiveMessage of the queue with an error."""
    url = (await measured.sqs("CreateQueue", QueueName="jobs"))["QueueUrl"]
    attributes = {"a b": {"DataType": "String", "StringValue": "v"}}
    refused = await measured.refused(
        "sqs", "SendMessage", QueueUrl=url, MessageBody="x", MessageAttributes=attributes
    )
    assert refused["code"] == "InvalidParameterValue"
    assert "Messages" not in await measured.sqs("ReceiveMessage", QueueUrl=url, MessageAttributeNames=["All"])


INDEXED: dict[str, Any] = {
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
        {"AttributeName": "g", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-g",
            "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


async def test_an_index_stays_readable(measured: MeasuredEdge) -> None:
    await table(measured, **INDEXED)
    await measured.dynamodb("PutItem", TableName="songs", Item={**KEY, "g": text("x")})
    poison = {"pk": text("b"), "sk": KEY["sk"], "g": {"L": []}}
    for operation, request in (
        ("PutItem", {"TableName": "songs", "Item": poison}),
        ("BatchWriteItem", {"RequestItems": {"songs": [{"PutRequest": {"Item": poison}}]}}),
        ("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "songs", "Item": poison}}]}),
        (
            "UpdateItem",
            {"TableName": "songs", "Key": KEY, "UpdateExpression": "SET g = :g", VALUES: {":g": {"L": []}}},
        ),
    ):
        assert (await measured.refused("dynamodb", operation, **request))["code"] == "ValidationException"
    assert (await measured.dynamodb("Scan", TableName="songs", IndexName="by-g"))["Count"] == 1
