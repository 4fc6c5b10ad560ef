"""Every member that DynamoDB's writes accept has its effect, and what the engine ignores is refused.

Each test is a measurement: it asks the embedded engine through an edge, and looks at what came of it.
"""

from typing import Any

import pytest

from tabard.services.dynamodb.operations import OPERATIONS
from tests.support.measured_dynamodb import (
    CAPACITY,
    CONDITION,
    IN_TRANSACTION,
    KEY,
    ON_TABLE,
    READS,
    TABLES,
    VALUES,
    WRITES,
    capacity_is_told_to_who_asks,
    item,
    items,
    text,
)
from tests.support.measured_engine import MeasuredEdge, Measurements

MEASURED = Measurements()
WRITING = pytest.mark.parametrize("operation", ON_TABLE)
TRANSACTED = pytest.mark.parametrize("kind", IN_TRANSACTION)


@MEASURED.of("PutItem", "TableName", "Item", *CONDITION)
@MEASURED.of("UpdateItem", "TableName", "Key", "UpdateExpression", *CONDITION)
@MEASURED.of("DeleteItem", "TableName", "Key", *CONDITION)
@WRITING
async def test_a_write_is_done_if_its_condition_holds(measured: MeasuredEdge, operation: str) -> None:
    await items(measured, 1)
    before = await item(measured)
    write = ON_TABLE[operation]
    names = {"ConditionExpression": "#c = :c", "ExpressionAttributeNames": {"#c": "color"}}
    for color, tell in (("red", "NONE"), ("red", "ALL_OLD")):
        values = {**write.get(VALUES, {}), ":c": text(color)}
        asked = {"TableName": "songs", **write, **names, VALUES: values}
        failed = await measured.refused(
            "dynamodb", operation, **asked, ReturnValuesOnConditionCheckFailure=tell
        )
        assert failed["code"] == "ConditionalCheckFailedException"
        assert failed.get("Item") == (before if tell == "ALL_OLD" else None)
        assert await item(measured) == before
    values = {**write.get(VALUES, {}), ":c": text("blue")}
    await measured.dynamodb(operation, **{"TableName": "songs", **write, **names, VALUES: values})
    after = await item(measured)
    assert (after or {}).get("n") == (None if operation == "DeleteItem" else {"N": "9"})


RETURNED = {
    "PutItem": {"NONE": None, "ALL_OLD": {*KEY, "color", "more"}},
    "DeleteItem": {"NONE": None, "ALL_OLD": {*KEY, "color", "more"}},
    "UpdateItem": {
        "NONE": None,
        "ALL_OLD": {*KEY, "color", "more"},
        "ALL_NEW": {*KEY, "color", "more", "n"},
        "UPDATED_NEW": {"n"},
    },
}


@MEASURED.of("PutItem", "ReturnValues")
@MEASURED.of("UpdateItem", "ReturnValues")
@MEASURED.of("DeleteItem", "ReturnValues")
@pytest.mark.parametrize(
    ("operation", "asked"), [(operation, asked) for operation in RETURNED for asked in RETURNED[operation]]
)
async def test_a_write_returns_what_was_asked_for(measured: MeasuredEdge, operation: str, asked: str) -> None:
    await items(measured, 1)
    answer = await measured.dynamodb(operation, TableName="songs", **ON_TABLE[operation], ReturnValues=asked)
    told = answer.get("Attributes")
    assert (set(told) if told else None) == RETURNED[operation][asked]


async def test_the_old_value_of_what_was_updated_is_returned(measured: MeasuredEdge) -> None:
    await items(measured, 1)
    answer = await measured.dynamodb(
        "UpdateItem",
        TableName="songs",
        Key=KEY,
        UpdateExpression="SET color = :c",
        ReturnValues="UPDATED_OLD",
        **{VALUES: {":c": text("green")}},
    )
    assert answer["Attributes"] == {"color": text("blue")}


@MEASURED.of("BatchWriteItem", "RequestItems.*.PutRequest.Item", "RequestItems.*.DeleteRequest.Key")
async def test_a_batch_puts_and_deletes(measured: MeasuredEdge) -> None:
    await items(measured, 1)
    other = {"pk": text("b"), "sk": {"N": "2"}}
    writes = [{"PutRequest": {"Item": other}}, {"DeleteRequest": {"Key": KEY}}]
    await measured.dynamodb("BatchWriteItem", RequestItems={"songs": writes})
    assert (await measured.dynamodb("Scan", TableName="songs"))["Items"] == [other]


@MEASURED.of("PutItem", "ReturnItemCollectionMetrics=NONE")
@MEASURED.of("UpdateItem", "ReturnItemCollectionMetrics=NONE")
@MEASURED.of("DeleteItem", "ReturnItemCollectionMetrics=NONE")
@MEASURED.of("BatchWriteItem", "ReturnItemCollectionMetrics=NONE")
@MEASURED.of("TransactWriteItems", "ReturnItemCollectionMetrics=NONE", "ReturnConsumedCapacity=NONE")
async def test_no_metrics_are_told_to_who_wants_none(measured: MeasuredEdge) -> None:
    await items(measured, 1)
    transaction = {"TransactItems": [{"Put": {"TableName": "songs", "Item": KEY}}]}
    writes = {name: CAPACITY[name] for name in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem")}
    for operation, asked in {**writes, "TransactWriteItems": transaction}.items():
        answer = await measured.dynamodb(operation, **asked, ReturnItemCollectionMetrics="NONE")
        assert not answer.get("ItemCollectionMetrics")
    answer = await measured.dynamodb("TransactWriteItems", **transaction, ReturnConsumedCapacity="NONE")
    assert "ConsumedCapacity" not in answer


@pytest.mark.parametrize("operation", sorted(CAPACITY.keys() & {*WRITES}))
async def test_consumed_capacity_is_told_to_who_asks(measured: MeasuredEdge, operation: str) -> None:
    await capacity_is_told_to_who_asks(measured, operation)


for _operation in sorted(CAPACITY.keys() & {*WRITES}):
    MEASURED.of(_operation, "ReturnConsumedCapacity")(test_consumed_capacity_is_told_to_who_asks)


@MEASURED.of("TransactWriteItems", "TransactItems.Update.UpdateExpression")
@MEASURED.of("TransactWriteItems", "TransactItems.Put.Item", "TransactItems.Delete.Key")
@MEASURED.of("TransactWriteItems", "TransactItems.Update.Key", "TransactItems.ConditionCheck.Key")
@MEASURED.of(
    "TransactWriteItems",
    *(f"TransactItems.{kind}.{member}" for kind in IN_TRANSACTION for member in ("TableName", *CONDITION)),
)
@TRANSACTED
async def test_a_transaction_is_done_if_every_condition_holds(measured: MeasuredEdge, kind: str) -> None:
    await items(measured, 1)
    before = await item(measured)
    write = IN_TRANSACTION[kind]
    beside = {"pk": text("beside"), "sk": {"N": "1"}}
    for color in ("red", "blue"):
        conditional = {
            "TableName": "songs",
            **write,
            "ConditionExpression": "#c = :c",
            "ExpressionAttributeNames": {"#c": "color"},
            VALUES: {**write.get(VALUES, {}), ":c": text(color)},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        asked = [{kind: conditional}, {"Put": {"TableName": "songs", "Item": beside}}]
        if color == "red":
            failed = await measured.refused("dynamodb", "TransactWriteItems", TransactItems=asked)
            assert failed["code"] == "TransactionCanceledException"
            reasons = failed["CancellationReasons"]
            assert [reason["Code"] for reason in reasons] == ["ConditionalCheckFailed", "None"]
            assert reasons[0]["Item"] == before
            assert (await item(measured), await item(measured, beside)) == (before, None)
        else:
            await measured.dynamodb("TransactWriteItems", TransactItems=asked)
    assert await item(measured, beside) == beside
    wanted = {"ConditionCheck": before, "Delete": None}
    after = await item(measured)
    assert (after == wanted[kind]) if kind in wanted else (after or {})["n"] == {"N": "9"}


@MEASURED.of("TransactWriteItems", "ClientRequestToken")
async def test_a_token_performs_one_transaction(measured: MeasuredEdge) -> None:
    """AWS: "multiple identical calls have the same effect as one single call"."""
    await items(measured, 1)

    def adding(amount: str) -> dict[str, Any]:
        update = {
            "TableName": "songs",
            "Key": KEY,
            "UpdateExpression": "ADD n :n",
            VALUES: {":n": {"N": amount}},
        }
        return {"TransactItems": [{"Update": update}]}

    for _ in range(2):
        await measured.dynamodb("TransactWriteItems", **adding("1"), ClientRequestToken="one")
    assert (await item(measured) or {})["n"] == {"N": "1"}
    other = await measured.refused("dynamodb", "TransactWriteItems", **adding("2"), ClientRequestToken="one")
    assert other["code"] == "IdempotentParameterMismatchException"
    await measured.dynamodb("TransactWriteItems", **adding("1"), ClientRequestToken="another")
    assert (await item(measured) or {})["n"] == {"N": "2"}


def test_every_accepted_member_of_these_operations_is_measured() -> None:
    accepted = {operation.name: set(operation.members.names) for operation in OPERATIONS}
    assert accepted.keys() == {*TABLES, *READS, *WRITES}
    assert MEASURED.measured == {name: accepted[name] for name in WRITES}
