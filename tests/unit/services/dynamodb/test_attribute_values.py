"""A name or value that could not be read back is refused in DynamoDB's words; every other is let through."""

from typing import Any

import pytest

from tabard.errors import AwsError
from tabard.services.dynamodb.attribute_values import (
    MOST_ITEM_BYTES,
    MOST_NAME_BYTES,
    check_item,
    check_key,
    check_value,
)
from tabard.services.dynamodb.numbers import checked_number, number_size_bytes
from tabard.services.dynamodb.validation import validate
from tests.support.dynamodb_account import Tables, typed

Typed = dict[str, Any]


def text(value: str) -> Typed:
    return {"S": value}


def nested(wraps: int, kind: str = "M") -> Typed:
    value = text("leaf")
    for _ in range(wraps):
        value = {"M": {"n": value}} if kind == "M" else {"L": [value]}
    return value


ACCEPTED: list[Typed] = [
    {"S": ""}, {"S": "é\0\U0001f600"}, {"B": b""}, {"N": "0"}, {"N": "-1.5E-20"}, {"N": f"{'9' * 38}e87"},
    {"BOOL": False}, {"NULL": True}, {"SS": [""]}, {"SS": ["a", "A"]}, {"NS": ["1", "10"]},
    {"BS": [b"", b"a"]}, {"M": {}}, {"L": []}, {"M": {"M": {"M": {"S": text("x")}}}}, nested(31),
    nested(31, "L"),
]  # fmt: skip
_INVALID = "One or more parameter values were invalid: "
_ONE_TYPE = "must contain exactly one of the supported datatypes"
_NUMERIC = "The parameter cannot be converted to a numeric value"
REFUSED: list[tuple[Typed, str]] = [
    ({}, f"Supplied AttributeValue is empty, {_ONE_TYPE}"),
    ({"L": [{}]}, f"Supplied AttributeValue is empty, {_ONE_TYPE}"),
    ({"S": "a", "N": "1"}, f"Supplied AttributeValue has more than one datatypes set, {_ONE_TYPE}"),
    ({"N": ""}, _NUMERIC),
    ({"N": "seven"}, f"{_NUMERIC}: seven"),
    ({"N": "NaN"}, f"{_NUMERIC}: NaN"),
    ({"N": " 1"}, f"{_NUMERIC}:  1"),
    ({"N": "1" * 39}, "Attempting to store more than 38 significant digits in a Number"),
    (
        {"N": "1E126"},
        "Number overflow. Attempting to store a number with magnitude larger than supported range",
    ),
    (
        {"L": [{"N": "1E-131"}]},
        "Number underflow. Attempting to store a number with magnitude smaller than supported range",
    ),
    ({"NULL": False}, f"{_INVALID}Null attribute value types must have the value of true"),
    ({"SS": []}, f"{_INVALID}An string set  may not be empty"),
    ({"NS": []}, f"{_INVALID}An number set  may not be empty"),
    ({"M": {"a": {"BS": []}}}, f"{_INVALID}Binary sets should not be empty"),
    ({"SS": ["a", "b", "a"]}, f"{_INVALID}Input collection [a, b, a] contains duplicates."),
    ({"BS": [b"a", b"a"]}, f"{_INVALID}Input collection [YQ==, YQ==] contains duplicates."),
    ({"NS": ["1", "1.0"]}, f"{_INVALID}Input collection contains duplicates."),
    ({"M": {"": text("x")}}, "Empty attribute name"),
    ({"L": [{"M": {"": text("x")}}]}, "Empty attribute name"),
    (
        nested(32),
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond",
    ),
    (nested(33, "L"), "Nesting Levels have exceeded supported limits: "),
]


def refusal(check: Any, *arguments: Any) -> str:  # noqa: ANN401 - any check
    with pytest.raises(AwsError) as caught:
        check(*arguments)
    assert (caught.value.error_code, caught.value.http_status) == ("ValidationException", 400)
    return caught.value.message


@pytest.mark.parametrize("value", ACCEPTED)
def test_what_dynamodb_keeps_is_let_through(value: Typed) -> None:
    assert check_value(value) >= 0
    check_item({"name": value})


@pytest.mark.parametrize(("value", "sentence"), REFUSED)
def test_what_cannot_be_read_back_is_refused(value: Typed, sentence: str) -> None:
    assert refusal(check_value, value).startswith(sentence)
    assert refusal(check_item, {"name": value}).startswith(sentence)


def test_an_attribute_has_a_name_of_less_than_64_kilobytes() -> None:
    assert refusal(check_item, {"": text("x")}) == "Empty attribute name"
    check_item({"é" * (MOST_NAME_BYTES // 2): text("x")})
    too_long = {"é" * (MOST_NAME_BYTES // 2 + 1): text("x")}
    assert refusal(check_item, too_long) == "Attribute name is too large, must be less than 65536 bytes"


def test_an_item_is_no_larger_than_400_kilobytes() -> None:
    """Names count, in bytes of UTF-8."""
    check_item({"pk": text("a" * (MOST_ITEM_BYTES - 2))})
    check_item({"pk": {"B": b"a" * (MOST_ITEM_BYTES - 2)}})
    sentence = "Item size has exceeded the maximum allowed size"
    assert refusal(check_item, {"pk": text("a" * (MOST_ITEM_BYTES - 1))}) == sentence
    assert refusal(check_item, {"pk": text("é" * (MOST_ITEM_BYTES // 2))}) == sentence
    assert refusal(check_item, {"m": {"M": {"a": text("a" * MOST_ITEM_BYTES)}}}) == sentence


@pytest.mark.parametrize(("empty", "kind"), [({"S": ""}, "string"), ({"B": b""}, "binary")])
def test_a_keys_attribute_is_not_empty(empty: Typed, kind: str) -> None:
    assert refusal(check_key, {"pk": text("a"), "sk": empty}) == (
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain "
        f"an empty {kind} value. Key: sk"
    )


@pytest.mark.parametrize(
    ("spelled", "wanted", "size"),
    [("7.0", "7", 2), ("07", "7", 2), ("0.7E1", "7", 2), ("-0", "0", 1), ("123400", "123400", 3)],
)
def test_a_number_has_one_spelling_and_a_size(spelled: str, wanted: str, size: int) -> None:
    assert checked_number(spelled) == wanted
    assert number_size_bytes(wanted) == size


KEY = {"pk": {"S": "mine"}}
BAD_NAME = {**KEY, "": {"S": "x"}}
BAD_VALUE = {**KEY, "a": {"SS": ["x", "x"]}}
ON = {"TableName": "notes"}
SET = {"UpdateExpression": "SET #a = :a", "ExpressionAttributeNames": {"#a": "a"}}
PLACES: dict[str, tuple[str, dict[str, Any], str]] = {
    "PutItem": ("PutItem", {**ON, "Item": BAD_NAME}, "Empty attribute name"),
    "PutItem's value": ("PutItem", {**ON, "Item": BAD_VALUE}, "contains duplicates."),
    "a key": ("GetItem", {**ON, "Key": BAD_NAME}, "Empty attribute name"),
    "UpdateItem's name": (
        "UpdateItem",
        {
            **ON,
            "Key": KEY,
            **SET,
            "ExpressionAttributeNames": {"#a": ""},
            "ExpressionAttributeValues": {":a": {"S": "x"}},
        },
        "ExpressionAttributeNames contains invalid value: Empty attribute name for key #a",
    ),
    "UpdateItem's value": (
        "UpdateItem",
        {**ON, "Key": KEY, **SET, "ExpressionAttributeValues": {":a": {"M": {"": {"S": "x"}}}}},
        "ExpressionAttributeValues contains invalid value: Empty attribute name for key :a",
    ),
    "a put of a batch": (
        "BatchWriteItem",
        {"RequestItems": {"notes": [{"PutRequest": {"Item": BAD_NAME}}]}},
        "Empty attribute name",
    ),
    "a delete of a batch": (
        "BatchWriteItem",
        {"RequestItems": {"notes": [{"DeleteRequest": {"Key": BAD_NAME}}]}},
        "Empty attribute name",
    ),
    "a key of a batch": (
        "BatchGetItem",
        {"RequestItems": {"notes": {"Keys": [KEY, BAD_NAME]}}},
        "Empty attribute name",
    ),
    "a transaction's put": (
        "TransactWriteItems",
        {"TransactItems": [{"Put": {**ON, "Item": BAD_VALUE}}]},
        "contains duplicates.",
    ),
    "a transaction's update": (
        "TransactWriteItems",
        {
            "TransactItems": [
                {"Update": {**ON, "Key": KEY, **SET, "ExpressionAttributeValues": {":a": {"NULL": False}}}}
            ]
        },
        "ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: Null",
    ),
    "a transaction's get": (
        "TransactGetItems",
        {"TransactItems": [{"Get": {**ON, "Key": BAD_NAME}}]},
        "Empty attribute name",
    ),
    "where a scan starts": (
        "Scan",
        {**ON, "ExclusiveStartKey": {"pk": {"S": ""}}},
        "The provided starting key is invalid: One or more parameter values are not valid.",
    ),
    "a legacy condition": (
        "Query",
        {
            **ON,
            "KeyConditions": {
                "pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "mine"}]},
                "sk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"N": "one"}]},
            },
        },
        "The parameter cannot be converted to a numeric value: one",
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_rules_hold_wherever_a_name_or_value_may_stand(tables: Tables, place: str) -> None:
    operation, request, sentence = PLACES[place]
    caller = tables.account.admin
    permit = tables.permit(caller, operation, request)
    assert sentence in refusal(validate, typed(operation, request), permit)
