"""Every member that DynamoDB's tables and reads accept has its effect.

Each test is a measurement: it asks the embedded engine through an edge, and looks at what came of it.
"""

from typing import Any

import pytest

from tabard.services.dynamodb.operations import OPERATIONS
from tests.support.measured_dynamodb import (
    CAPACITY,
    INDEXED,
    KEY,
    PK,
    READS,
    TABLES,
    VALUES,
    WRITES,
    capacity_is_told_to_who_asks,
    index,
    item,
    items,
    numbers,
    table,
    text,
)
from tests.support.measured_engine import MeasuredEdge, Measurements

MEASURED = Measurements()


@MEASURED.of("CreateTable", "TableName", "BillingMode", "TableClass=STANDARD", "Tags=")
@MEASURED.of("CreateTable", "DeletionProtectionEnabled=false", "StreamSpecification.StreamEnabled=false")
@MEASURED.of("CreateTable", "SSESpecification.Enabled=false")
@MEASURED.of("DescribeTable", "TableName")
async def test_what_a_table_is_told_not_to_have_it_has_not(measured: MeasuredEdge) -> None:
    plain = {"TableClass": "STANDARD", "Tags": [], "DeletionProtectionEnabled": False}
    off = {"StreamSpecification": {"StreamEnabled": False}, "SSESpecification": {"Enabled": False}}
    await table(measured, **plain, **off)
    described = (await measured.dynamodb("DescribeTable", TableName="songs"))["Table"]
    assert described["TableName"] == "songs"
    assert described["BillingModeSummary"] == {"BillingMode": "PAY_PER_REQUEST"}
    assert not described["DeletionProtectionEnabled"]
    assert not described.keys() & {"SSEDescription", "LatestStreamArn", "TableClassSummary"}


@MEASURED.of("CreateTable", "KeySchema.AttributeName", "KeySchema.KeyType")
@MEASURED.of("CreateTable", "AttributeDefinitions.AttributeName", "AttributeDefinitions.AttributeType")
async def test_the_keys_of_a_table_are_those_that_were_said(measured: MeasuredEdge) -> None:
    await table(measured)
    described = (await measured.dynamodb("DescribeTable", TableName="songs"))["Table"]
    assert described["KeySchema"] == [PK, {"AttributeName": "sk", "KeyType": "RANGE"}]
    types = {found["AttributeName"]: found["AttributeType"] for found in described["AttributeDefinitions"]}
    assert types == {"pk": "S", "sk": "N"}
    refused = await measured.refused("dynamodb", "PutItem", TableName="songs", Item={"pk": text("a")})
    assert refused["code"] == "ValidationException"
    other = {"pk": text("a"), "sk": text("not a number")}
    refused = await measured.refused("dynamodb", "PutItem", TableName="songs", Item=other)
    assert refused["code"] == "ValidationException"


@MEASURED.of(
    "CreateTable", "ProvisionedThroughput.ReadCapacityUnits", "ProvisionedThroughput.WriteCapacityUnits"
)
@MEASURED.of(
    "CreateTable",
    "GlobalSecondaryIndexes.ProvisionedThroughput.ReadCapacityUnits",
    "GlobalSecondaryIndexes.ProvisionedThroughput.WriteCapacityUnits",
)
async def test_a_throughput_is_kept(measured: MeasuredEdge) -> None:
    """It limits nothing here: docs/differences-from-aws.md."""
    units = {"ReadCapacityUnits": 3, "WriteCapacityUnits": 4}
    indexed = {**INDEXED["GlobalSecondaryIndexes"][0], "ProvisionedThroughput": units}
    more = {**INDEXED, "BillingMode": "PROVISIONED", "ProvisionedThroughput": units}
    await table(measured, **{**more, "GlobalSecondaryIndexes": [indexed]})
    described = (await measured.dynamodb("DescribeTable", TableName="songs"))["Table"]
    for told in (described, described["GlobalSecondaryIndexes"][0]):
        assert {name: told["ProvisionedThroughput"][name] for name in units} == units


_INDEX_MEMBERS = (
    "IndexName",
    "KeySchema.AttributeName",
    "KeySchema.KeyType",
    "Projection.ProjectionType",
    "Projection.NonKeyAttributes",
)


@MEASURED.of("CreateTable", *(f"GlobalSecondaryIndexes.{name}" for name in _INDEX_MEMBERS))
@MEASURED.of("CreateTable", *(f"LocalSecondaryIndexes.{name}" for name in _INDEX_MEMBERS))
@MEASURED.of("Query", "IndexName")
@MEASURED.of("Scan", "IndexName")
@pytest.mark.parametrize(("kind", "partition"), [("Global", "color"), ("Local", "pk")])
async def test_an_index_holds_what_is_projected_into_it(
    measured: MeasuredEdge, kind: str, partition: str
) -> None:
    named = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["more"]}
    indexes = [
        index("keys", partition, {"ProjectionType": "KEYS_ONLY"}),
        index("named", partition, named),
        index("all-of-it", partition, {"ProjectionType": "ALL"}),
    ]
    definition = {
        "AttributeDefinitions": INDEXED["AttributeDefinitions"],
        f"{kind}SecondaryIndexes": indexes,
    }
    await table(measured, **definition)
    stored = {**KEY, "color": text("blue"), "more": text("m"), "rest": text("r")}
    await measured.dynamodb("PutItem", TableName="songs", Item=stored)
    without_color = {"pk": text("a"), "sk": {"N": "2"}}
    await measured.dynamodb("PutItem", TableName="songs", Item=without_color)
    value = stored[partition]
    for name, wanted in (
        ("keys", {*KEY, "color"}),
        ("named", {*KEY, "color", "more"}),
        ("all-of-it", {*stored}),
    ):
        queried = await measured.dynamodb(
            "Query",
            TableName="songs",
            IndexName=name,
            KeyConditionExpression=f"{partition} = :v",
            ExpressionAttributeValues={":v": value},
        )
        scanned = await measured.dynamodb("Scan", TableName="songs", IndexName=name)
        for answer in (queried, scanned):
            assert [set(found) for found in answer["Items"]] == [wanted], name


@MEASURED.of("DeleteTable", "TableName")
@MEASURED.of("ListTables", "ExclusiveStartTableName", "Limit")
async def test_tables_are_listed_page_by_page_until_they_are_deleted(measured: MeasuredEdge) -> None:
    for name in ("aaa", "bbb", "ccc"):
        await table(measured, name)
    first = await measured.dynamodb("ListTables", Limit=2)
    assert (first["TableNames"], first["LastEvaluatedTableName"]) == (["aaa", "bbb"], "bbb")
    assert (await measured.dynamodb("ListTables", ExclusiveStartTableName="bbb"))["TableNames"] == ["ccc"]
    await measured.dynamodb("DeleteTable", TableName="bbb")
    assert (await measured.dynamodb("ListTables"))["TableNames"] == ["aaa", "ccc"]


@MEASURED.of("GetItem", "TableName", "Key", "ProjectionExpression", "ExpressionAttributeNames")
@MEASURED.of("Query", "TableName", "ProjectionExpression", "ExpressionAttributeNames")
@MEASURED.of("Scan", "TableName", "ProjectionExpression", "ExpressionAttributeNames")
@MEASURED.of("BatchGetItem", "RequestItems.*.Keys", "RequestItems.*.ProjectionExpression")
@MEASURED.of("BatchGetItem", "RequestItems.*.ExpressionAttributeNames")
@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("#n", {"name": {"S": "n"}}),
        ("m.a, #n", {"m": {"M": {"a": {"S": "1"}}}, "name": {"S": "n"}}),
        ("l[1], #n", {"l": {"L": [{"S": "y"}]}, "name": {"S": "n"}}),
    ],
)
async def test_a_projection_reads_what_it_names(
    measured: MeasuredEdge, expression: str, wanted: dict[str, Any]
) -> None:
    await table(measured)
    nested = {"m": {"M": {"a": text("1"), "b": text("2")}}, "l": {"L": [text("x"), text("y")]}}
    await measured.dynamodb("PutItem", TableName="songs", Item={**KEY, "name": text("n"), **nested})
    reads = {"ProjectionExpression": expression, "ExpressionAttributeNames": {"#n": "name"}}
    got = await measured.dynamodb("GetItem", TableName="songs", Key=KEY, **reads)
    assert got["Item"] == wanted
    batch = await measured.dynamodb("BatchGetItem", RequestItems={"songs": {"Keys": [KEY], **reads}})
    assert batch["Responses"]["songs"] == [wanted]
    scanned = await measured.dynamodb("Scan", TableName="songs", **reads)
    assert scanned["Items"] == [wanted]
    queried = await measured.dynamodb(
        "Query", TableName="songs", KeyConditionExpression="pk = :a", **{VALUES: {":a": text("a")}}, **reads
    )
    assert queried["Items"] == [wanted]


@MEASURED.of("GetItem", "ConsistentRead")
@MEASURED.of("Query", "ConsistentRead")
@MEASURED.of("Scan", "ConsistentRead")
@MEASURED.of("BatchGetItem", "RequestItems.*.ConsistentRead")
async def test_a_consistent_read_sees_the_last_write(measured: MeasuredEdge) -> None:
    """Every read does here; only of a global index there is none, as AWS says."""
    await items(measured, **INDEXED)
    for number in range(3):
        stored = {**KEY, "n": {"N": str(number)}}
        await measured.dynamodb("PutItem", TableName="songs", Item=stored)
        got = await measured.dynamodb("GetItem", TableName="songs", Key=KEY, ConsistentRead=True)
        assert got["Item"] == stored
        batch = {"songs": {"Keys": [KEY], "ConsistentRead": True}}
        found = await measured.dynamodb("BatchGetItem", RequestItems=batch)
        assert found["Responses"]["songs"] == [stored]
        assert stored in (await measured.dynamodb("Scan", TableName="songs", ConsistentRead=True))["Items"]
    of_index = {"TableName": "songs", "IndexName": "global", "ConsistentRead": True}
    condition = {"KeyConditionExpression": "color = :c", VALUES: {":c": text("red")}}
    for operation, more in (("Query", condition), ("Scan", {})):
        refused = await measured.refused("dynamodb", operation, **of_index, **more)
        assert refused["code"] == "ValidationException"


@MEASURED.of("Query", "Select")
@MEASURED.of("Scan", "Select")
@pytest.mark.parametrize("operation", ["Query", "Scan"])
async def test_select_says_how_much_is_read(measured: MeasuredEdge, operation: str) -> None:
    await items(measured, 1, **INDEXED)
    asked: dict[str, Any] = {"TableName": "songs"}
    if operation == "Query":
        asked |= {"KeyConditionExpression": "pk = :a", VALUES: {":a": text("a")}}
    counted = await measured.dynamodb(operation, **asked, Select="COUNT")
    assert (counted["Count"], counted.get("Items", [])) == (1, [])
    whole = await measured.dynamodb(operation, **asked, Select="ALL_ATTRIBUTES")
    assert set(whole["Items"][0]) == {*KEY, "color", "more"}
    named = {"Select": "SPECIFIC_ATTRIBUTES", "ProjectionExpression": "more"}
    assert (await measured.dynamodb(operation, **asked, **named))["Items"] == [{"more": text("m")}]
    for spoiled in ({"Select": "ALL_PROJECTED_ATTRIBUTES"}, {**named, "Select": "COUNT"}):
        refused = await measured.refused("dynamodb", operation, **asked, **spoiled)
        assert refused["code"] == "ValidationException"


@MEASURED.of("Query", "Limit", "ExclusiveStartKey", "ScanIndexForward", "KeyConditionExpression", VALUES)
async def test_a_query_goes_page_by_page_either_way(measured: MeasuredEdge) -> None:
    await items(measured, 5)
    asked = {
        "TableName": "songs",
        "KeyConditionExpression": "pk = :a AND sk > :n",
        VALUES: {":a": text("a"), ":n": {"N": "1"}},
    }
    first = await measured.dynamodb("Query", **asked, Limit=2)
    assert numbers(first) == [2, 3]
    start = first["LastEvaluatedKey"]
    assert numbers(await measured.dynamodb("Query", **asked, ExclusiveStartKey=start)) == [4, 5]
    assert numbers(await measured.dynamodb("Query", **asked, ScanIndexForward=False)) == [5, 4, 3, 2]


@MEASURED.of("Query", "KeyConditions.*.AttributeValueList", "KeyConditions.*.ComparisonOperator")
@pytest.mark.parametrize(
    ("operator", "operands", "wanted"),
    [
        ("EQ", ["10"], [10]), ("LT", ["3"], [1, 2]), ("LE", ["3"], [1, 2, 3]), ("GT", ["10"], [11]),
        ("GE", ["10"], [10, 11]), ("BETWEEN", ["9", "11"], [9, 10, 11]),
    ],
)  # fmt: skip
async def test_legacy_key_conditions_hold(
    measured: MeasuredEdge, operator: str, operands: list[str], wanted: list[int]
) -> None:
    await items(measured, 11)
    conditions = {
        "pk": {"ComparisonOperator": "EQ", "AttributeValueList": [text("a")]},
        "sk": {"ComparisonOperator": operator, "AttributeValueList": [{"N": number} for number in operands]},
    }
    assert numbers(await measured.dynamodb("Query", TableName="songs", KeyConditions=conditions)) == wanted
    conditions["pk"]["AttributeValueList"] = [text("b")]
    assert numbers(await measured.dynamodb("Query", TableName="songs", KeyConditions=conditions)) == []


async def test_legacy_key_conditions_on_texts_and_bytes_hold(measured: MeasuredEdge) -> None:
    for kind, begun, other in (("S", "ab", "b"), ("B", "q6s=", "vA==")):
        definitions = [
            {"AttributeName": "pk", "AttributeType": kind},
            {"AttributeName": "sk", "AttributeType": kind},
        ]
        await table(measured, f"of-{kind}", AttributeDefinitions=definitions)
        for sort_key in (begun, other):
            stored = {"pk": {kind: begun}, "sk": {kind: sort_key}}
            await measured.dynamodb("PutItem", TableName=f"of-{kind}", Item=stored)
        start = {"S": "a", "B": "qw=="}[kind]
        conditions = {
            "pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{kind: begun}]},
            "sk": {"ComparisonOperator": "BEGINS_WITH", "AttributeValueList": [{kind: start}]},
        }
        answer = await measured.dynamodb("Query", TableName=f"of-{kind}", KeyConditions=conditions)
        assert [found["sk"] for found in answer["Items"]] == [{kind: begun}]


@MEASURED.of("Query", "FilterExpression")
@MEASURED.of("Scan", "FilterExpression", VALUES)
@pytest.mark.parametrize("operation", ["Query", "Scan"])
async def test_a_filter_leaves_items_out(measured: MeasuredEdge, operation: str) -> None:
    await items(measured, 4)
    asked: dict[str, Any] = {
        "TableName": "songs",
        "FilterExpression": "color = :c",
        VALUES: {":c": text("red")},
    }
    if operation == "Query":
        asked |= {"KeyConditionExpression": "pk = :a", VALUES: {":a": text("a"), ":c": text("red")}}
    answer = await measured.dynamodb(operation, **asked)
    assert (sorted(numbers(answer)), answer["ScannedCount"]) == ([2, 4], 4)


@MEASURED.of("Scan", "Limit", "ExclusiveStartKey", "TotalSegments", "Segment")
async def test_a_scan_goes_page_by_page_or_in_segments(measured: MeasuredEdge) -> None:
    await table(measured)
    for name in "abcdefghij":
        await measured.dynamodb("PutItem", TableName="songs", Item={"pk": text(name), "sk": {"N": "1"}})
    first = await measured.dynamodb("Scan", TableName="songs", Limit=4)
    rest = await measured.dynamodb("Scan", TableName="songs", ExclusiveStartKey=first["LastEvaluatedKey"])
    assert (first["Count"], rest["Count"]) == (4, 6)
    found = []
    for segment in range(3):
        part = await measured.dynamodb("Scan", TableName="songs", Segment=segment, TotalSegments=3)
        assert part["Count"] < 10
        found += [entry["pk"]["S"] for entry in part["Items"]]
    assert sorted(found) == sorted("abcdefghij")


@MEASURED.of("TransactGetItems", "TransactItems.Get.TableName", "TransactItems.Get.Key")
async def test_a_transaction_gets_each_item(measured: MeasuredEdge) -> None:
    await items(measured, 1)
    absent = {"pk": text("z"), "sk": {"N": "1"}}
    gets = [{"Get": {"TableName": "songs", "Key": key}} for key in (KEY, absent)]
    answer = await measured.dynamodb("TransactGetItems", TransactItems=gets)
    assert [response.get("Item") for response in answer["Responses"]] == [await item(measured), None]


@pytest.mark.parametrize("operation", sorted(CAPACITY.keys() & {*READS}))
async def test_consumed_capacity_is_told_to_who_asks(measured: MeasuredEdge, operation: str) -> None:
    await capacity_is_told_to_who_asks(measured, operation)


for _operation in sorted(CAPACITY.keys() & {*READS}):
    MEASURED.of(_operation, "ReturnConsumedCapacity")(test_consumed_capacity_is_told_to_who_asks)


def test_every_accepted_member_of_these_operations_is_measured() -> None:
    accepted = {operation.name: set(operation.members.names) for operation in OPERATIONS}
    assert accepted.keys() == {*TABLES, *READS, *WRITES}
    assert MEASURED.measured == {name: accepted[name] for name in (*TABLES, *READS)}
