"""Requests of DynamoDB with which the embedded engine is measured, on one table `songs`."""

from typing import Any

from tests.support.measured_engine import MeasuredEdge

TABLES = ("CreateTable", "DescribeTable", "ListTables", "DeleteTable")
READS = ("GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems")
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
VALUES = "ExpressionAttributeValues"
PK = {"AttributeName": "pk", "KeyType": "HASH"}
KEY = {"pk": {"S": "a"}, "sk": {"N": "1"}}
CONDITION = (
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValuesOnConditionCheckFailure",
)
SET = {"UpdateExpression": "SET n = :n", VALUES: {":n": {"N": "9"}}}
ON_TABLE: dict[str, dict[str, Any]] = {
    "PutItem": {"Item": {**KEY, "n": {"N": "9"}}},
    "UpdateItem": {"Key": KEY, **SET},
    "DeleteItem": {"Key": KEY},
}
IN_TRANSACTION: dict[str, dict[str, Any]] = {
    "Put": ON_TABLE["PutItem"],
    "Update": ON_TABLE["UpdateItem"],
    "Delete": ON_TABLE["DeleteItem"],
    "ConditionCheck": {"Key": KEY},
}


def text(value: str) -> dict[str, str]:
    return {"S": value}


async def table(measured: MeasuredEdge, name: str = "songs", **more: object) -> dict[str, Any]:
    definition: dict[str, Any] = {
        "KeySchema": [PK, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
        **more,
    }
    return await measured.dynamodb("CreateTable", TableName=name, **definition)


async def items(measured: MeasuredEdge, count: int = 4, **more: object) -> None:
    """`a` 1 … count; every second one is blue."""
    await table(measured, **more)
    for number in range(1, count + 1):
        color = "blue" if number % 2 else "red"
        item = {"pk": text("a"), "sk": {"N": str(number)}, "color": text(color), "more": text("m")}
        await measured.dynamodb("PutItem", TableName="songs", Item=item)


async def item(measured: MeasuredEdge, key: object = None) -> dict[str, Any] | None:
    answer = await measured.dynamodb("GetItem", TableName="songs", Key=key or KEY)
    found: dict[str, Any] | None = answer.get("Item")
    return found


def numbers(answer: dict[str, Any]) -> list[int]:
    return [int(found["sk"]["N"]) for found in answer["Items"]]


INDEXED: dict[str, Any] = {
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
        {"AttributeName": "color", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "global",
            "KeySchema": [{"AttributeName": "color", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


def index(name: str, partition: str, projection: dict[str, Any]) -> dict[str, Any]:
    keys = [{"AttributeName": partition, "KeyType": "HASH"}]
    if partition == "pk":
        keys.append({"AttributeName": "color", "KeyType": "RANGE"})
    return {"IndexName": name, "KeySchema": keys, "Projection": projection}


CAPACITY: dict[str, dict[str, Any]] = {
    "GetItem": {"TableName": "songs", "Key": KEY},
    "PutItem": {"TableName": "songs", "Item": KEY},
    "UpdateItem": {"TableName": "songs", "Key": KEY, **SET},
    "DeleteItem": {"TableName": "songs", "Key": KEY},
    "Query": {"TableName": "songs", "KeyConditionExpression": "pk = :a", VALUES: {":a": text("a")}},
    "Scan": {"TableName": "songs"},
    "BatchGetItem": {"RequestItems": {"songs": {"Keys": [KEY]}}},
    "BatchWriteItem": {"RequestItems": {"songs": [{"PutRequest": {"Item": KEY}}]}},
    "TransactGetItems": {"TransactItems": [{"Get": {"TableName": "songs", "Key": KEY}}]},
}


"""A request of each operation that can tell the consumed capacity."""


async def capacity_is_told_to_who_asks(measured: MeasuredEdge, operation: str) -> None:
    """Measure ReturnConsumedCapacity of one operation."""
    await items(measured, 1)
    asked = CAPACITY[operation]
    for silent in ({}, {"ReturnConsumedCapacity": "NONE"}):
        assert "ConsumedCapacity" not in await measured.dynamodb(operation, **asked, **silent)
    for amount, of_table in (("INDEXES", True), ("TOTAL", False)):
        answer = await measured.dynamodb(operation, **asked, ReturnConsumedCapacity=amount)
        told = answer.get("ConsumedCapacity")
        capacity = told[0] if isinstance(told, list) else told
        assert capacity["TableName"] == "songs"
        assert capacity["CapacityUnits"] > 0
        assert ("Table" in capacity) == of_table
        assert not of_table or capacity["Table"]["CapacityUnits"] == capacity["CapacityUnits"]
