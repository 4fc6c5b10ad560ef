"""What the embedded DynamoDB would ignore is refused before anything is done.

Each test is a measurement: it asks the embedded engine through an edge, and looks at what came of it.
"""

from typing import Any

import pytest

from tests.support.measured_dynamodb import (
    CAPACITY,
    KEY,
    ON_TABLE,
    PK,
    item,
    items,
    text,
)
from tests.support.measured_engine import MeasuredEdge

WRITING = pytest.mark.parametrize("operation", ON_TABLE)
FALSE: dict[str, dict[str, Any]] = {
    "EQ": {"color": {"ComparisonOperator": "EQ", "AttributeValueList": [text("red")]}},
    "NE": {"color": {"ComparisonOperator": "NE", "AttributeValueList": [text("blue")]}},
    "LE": {"sk": {"ComparisonOperator": "LE", "AttributeValueList": [{"N": "0"}]}},
    "LT": {"sk": {"ComparisonOperator": "LT", "AttributeValueList": [{"N": "1"}]}},
    "GE": {"sk": {"ComparisonOperator": "GE", "AttributeValueList": [{"N": "2"}]}},
    "GT": {"sk": {"ComparisonOperator": "GT", "AttributeValueList": [{"N": "1"}]}},
    "NOT_NULL": {"absent": {"ComparisonOperator": "NOT_NULL"}},
    "NULL": {"color": {"ComparisonOperator": "NULL"}},
    "CONTAINS": {"color": {"ComparisonOperator": "CONTAINS", "AttributeValueList": [text("q")]}},
    "NOT_CONTAINS": {"color": {"ComparisonOperator": "NOT_CONTAINS", "AttributeValueList": [text("b")]}},
    "BEGINS_WITH": {"color": {"ComparisonOperator": "BEGINS_WITH", "AttributeValueList": [text("q")]}},
    "IN": {"color": {"ComparisonOperator": "IN", "AttributeValueList": [text("q")]}},
    "BETWEEN": {"sk": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [{"N": "2"}, {"N": "3"}]}},
    "Value": {"color": {"Value": text("red")}},
    "Exists true": {"color": {"Exists": True, "Value": text("red")}},
    "Exists false": {"color": {"Exists": False}},
}


@pytest.mark.parametrize("form", FALSE)
@WRITING
async def test_a_legacy_condition_that_is_false_changes_nothing(
    measured: MeasuredEdge, operation: str, form: str
) -> None:
    await items(measured, 1)
    before = await item(measured)
    refused = await measured.refused(
        "dynamodb", operation, TableName="songs", **ON_TABLE[operation], Expected=FALSE[form]
    )
    assert refused["code"] == "ValidationException"
    assert refused["message"] == "The parameter Expected is not supported here; use ConditionExpression."
    assert await item(measured) == before


IGNORED: list[tuple[str, dict[str, Any], str]] = [
    ("GetItem", {"AttributesToGet": ["color"]}, "use ProjectionExpression"),
    ("UpdateItem", {"AttributeUpdates": {"b": {"Value": {"B": "AQI="}}}}, "use UpdateExpression"),
    ("DeleteItem", {"ConditionalOperator": "OR"}, "use ConditionExpression"),
    ("Query", {"QueryFilter": FALSE["NULL"]}, "use FilterExpression"),
    ("Scan", {"ScanFilter": FALSE["NULL"], "ConditionalOperator": "OR"}, "use FilterExpression"),
    ("PutItem", {"ReturnItemCollectionMetrics": "SIZE"}, "ReturnItemCollectionMetrics"),
    ("TransactWriteItems", {"ReturnConsumedCapacity": "TOTAL"}, "ReturnConsumedCapacity"),
    ("CreateTable", {"DeletionProtectionEnabled": True}, "no operation here could end the protection"),
    ("CreateTable", {"TableClass": "STANDARD_INFREQUENT_ACCESS"}, "TableClass"),
    ("CreateTable", {"StreamSpecification": {"StreamEnabled": True}}, "StreamSpecification.StreamEnabled"),
    ("CreateTable", {"SSESpecification": {"Enabled": True}}, "SSESpecification.Enabled"),
    ("CreateTable", {"OnDemandThroughput": {"MaxReadRequestUnits": 1}}, "OnDemandThroughput"),
    ("CreateTable", {"WarmThroughput": {"ReadUnitsPerSecond": 1}}, "WarmThroughput"),
    ("CreateTable", {"Tags": [{"Key": "a", "Value": "b"}]}, "Tags"),
]
VALID: dict[str, dict[str, Any]] = {
    **CAPACITY,
    "CreateTable": {"TableName": "new", "KeySchema": [PK], "AttributeDefinitions": []},
    "TransactWriteItems": {"TransactItems": [{"Put": {"TableName": "songs", "Item": KEY}}]},
}


@pytest.mark.parametrize(("operation", "ignored", "said"), IGNORED)
async def test_a_member_that_the_engine_ignores_is_refused(
    measured: MeasuredEdge, operation: str, ignored: dict[str, Any], said: str
) -> None:
    refused = await measured.refused("dynamodb", operation, **{**VALID[operation], **ignored})
    assert refused["code"] == "ValidationException"
    assert said in refused["message"]
