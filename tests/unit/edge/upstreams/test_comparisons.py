"""A comparison of values of different types is false; it never makes a request fail."""

from typing import Any

import pytest

from tests.support.measured_dynamodb import KEY, VALUES, table
from tests.support.measured_engine import MeasuredEdge

# AWS: the values of every data type; each is the attribute `n` of one item.
OF_EVERY_TYPE: dict[str, dict[str, Any]] = {
    "S": {"S": "x"}, "N": {"N": "4"}, "B": {"B": "/w=="}, "SS": {"SS": ["x"]}, "NS": {"NS": ["4"]},
    "BS": {"BS": ["/w=="]}, "L": {"L": []}, "M": {"M": {}}, "BOOL": {"BOOL": True}, "NULL": {"NULL": True},
}  # fmt: skip


async def stored(measured: MeasuredEdge) -> None:
    await table(measured)
    for kind, value in OF_EVERY_TYPE.items():
        item = {**KEY, "pk": {"S": f"of-{kind}"}, "n": value}
        await measured.dynamodb("PutItem", TableName="songs", Item=item)


async def found(measured: MeasuredEdge, expression: str, **values: dict[str, Any]) -> set[str]:
    """The types of the items that match."""
    answer = await measured.dynamodb(
        "Scan",
        TableName="songs",
        FilterExpression=expression,
        **{VALUES: {f":{name}": value for name, value in values.items()}},
    )
    return {next(iter(item["n"])) for item in answer["Items"]}


@pytest.mark.parametrize("comparator", ["<", "<=", ">", ">="])
@pytest.mark.parametrize(("kind", "low", "high"), [("N", "0", "9"), ("S", "a", "z"), ("B", "AA==", "//8=")])
async def test_only_values_of_the_same_type_have_an_order(
    measured: MeasuredEdge, comparator: str, kind: str, low: str, high: str
) -> None:
    await stored(measured)
    bound = high if "<" in comparator else low
    assert await found(measured, f"n {comparator} :bound", bound={kind: bound}) == {kind}
    assert kind not in await found(measured, f"NOT n {comparator} :bound", bound={kind: bound})


async def test_a_value_is_between_two_of_its_own_type(measured: MeasuredEdge) -> None:
    await stored(measured)
    assert await found(measured, "n BETWEEN :low AND :high", low={"N": "0"}, high={"N": "9"}) == {"N"}


async def test_bytes_compare_as_unsigned_numbers(measured: MeasuredEdge) -> None:
    """Base64 sorts "/w==" (255) before "AA==" (0)."""
    await stored(measured)
    assert await found(measured, "n > :zero", zero={"B": "AA=="}) == {"B"}


async def test_a_value_without_a_size_matches_no_size(measured: MeasuredEdge) -> None:
    await stored(measured)
    zero = {"N": "-1"}
    assert await found(measured, "size(n) > :zero", zero=zero) == {"S", "B", "SS", "NS", "BS", "L", "M"}


async def test_a_condition_on_another_type_fails_as_a_condition(measured: MeasuredEdge) -> None:
    await stored(measured)
    key = {**KEY, "pk": {"S": "of-S"}}
    condition = {"ConditionExpression": "n < :one", VALUES: {":one": {"N": "1"}}}
    refused = await measured.refused("dynamodb", "PutItem", TableName="songs", Item=key, **condition)
    assert refused["code"] == "ConditionalCheckFailedException"
    cancelled = await measured.refused(
        "dynamodb",
        "TransactWriteItems",
        TransactItems=[{"ConditionCheck": {"TableName": "songs", "Key": key, **condition}}],
    )
    assert "[ConditionalCheckFailed]" in cancelled["Message"]
