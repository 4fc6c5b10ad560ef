"""Every written item and every named key matches the key schema of its table and of its indexes."""

from typing import Any

import pytest

from tabard.names import Place
from tabard.services.dynamodb.errors import ValidationException
from tabard.services.dynamodb.key_checks import check_keys
from tabard.services.key_schema import KeyAttribute, TableSchema
from tests.support.one_account import Account

PARTITION, SORT = KeyAttribute("p", "S"), KeyAttribute("s", "N")
SCHEMA: TableSchema = {
    None: (PARTITION, SORT),
    "ggg": (KeyAttribute("g", "S"), KeyAttribute("h", "S")),
    "bbb": (KeyAttribute("b", "B"),),
}
KEY = {"p": {"S": "a"}, "s": {"N": "1"}}
NO_MATCH = "The provided key element does not match the schema"
Request = dict[str, Any]


def in_every_write(item: Request) -> list[Request]:
    """The requests that put an item."""
    return [
        {"TableName": "songs", "Item": item},
        {"RequestItems": {"songs": [{"PutRequest": {"Item": item}}]}},
        {"TransactItems": [{"Put": {"TableName": "songs", "Item": item}}]},
    ]


def in_every_place(key: Request) -> list[Request]:
    """The requests that name an item by its key."""
    named = {"TableName": "songs", "Key": key}
    return [
        named,
        {"RequestItems": {"songs": {"Keys": [KEY, key]}}},
        {"RequestItems": {"songs": [{"DeleteRequest": {"Key": key}}]}},
        *({"TransactItems": [{kind: named}]} for kind in ("Get", "Update", "Delete", "ConditionCheck")),
    ]


@pytest.fixture
def place(account: Account) -> Place:
    return account.facts()


def check(request: Request, place: Place) -> None:
    check_keys(request, place, {"songs": SCHEMA})


# AWS's sentences: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html and the
# messages that DynamoDB answers.
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"p": None}, "Missing the key p in the item"),
        ({"s": None}, "Missing the key s in the item"),
        ({"p": {"N": "1"}}, "Type mismatch for key p expected: S actual: N"),
        ({"s": {"S": "1"}}, "Type mismatch for key s expected: N actual: S"),
        ({"h": {"N": "5"}}, "Type mismatch for Index Key h Expected: S Actual: N IndexName: ggg"),
        ({"g": {"L": []}}, "Type mismatch for Index Key g Expected: S Actual: L IndexName: ggg"),
        ({"g": {"S": ""}}, "cannot contain an empty string value. IndexName: ggg, IndexKey: g"),
        ({"b": {"B": b""}}, "cannot contain an empty binary value. IndexName: bbb, IndexKey: b"),
    ],
)
def test_an_item_that_an_index_could_not_read_is_refused(
    place: Place, change: Request, sentence: str
) -> None:
    item = {name: value for name, value in {**KEY, **change}.items() if value is not None}
    for request in in_every_write(item):
        with pytest.raises(ValidationException) as refused:
            check(request, place)
        assert sentence in refused.value.message


def test_an_item_needs_no_attributes_but_its_key(place: Place) -> None:
    whole = {**KEY, "g": {"S": "x"}, "h": {"S": "y"}, "b": {"B": b"z"}, "other": {"NULL": True}}
    for item in (KEY, whole):
        for request in in_every_write(item):
            check(request, place)


@pytest.mark.parametrize(
    "key",
    [{**KEY, "z": {"N": "1"}}, {"p": KEY["p"]}, {**KEY, "p": {"N": "1"}}, {**KEY, "s": {"S": "1"}}, {}],
    ids=["one more", "one less", "another type", "another type of the sort key", "nothing"],
)
def test_a_key_has_the_attributes_of_the_schema_and_no_other(place: Place, key: Request) -> None:
    for request in in_every_place(key):
        with pytest.raises(ValidationException, match=NO_MATCH):
            check(request, place)
    for request in in_every_place(KEY):
        check(request, place)


@pytest.mark.parametrize("again", [{"PutRequest": {"Item": KEY}}, {"DeleteRequest": {"Key": KEY}}])
@pytest.mark.parametrize("number", ["1", "1.0", "10e-1"])
def test_a_batch_writes_each_item_once(place: Place, again: Request, number: str) -> None:
    first = {"PutRequest": {"Item": {**KEY, "s": {"N": number}}}}
    with pytest.raises(ValidationException, match="Provided list of item keys contains duplicates"):
        check({"RequestItems": {"songs": [first, again]}}, place)
    check({"RequestItems": {"songs": [{"PutRequest": {"Item": {**KEY, "s": {"N": "2"}}}}, again]}}, place)


def test_a_table_that_does_not_exist_is_left_to_the_engine(place: Place) -> None:
    for request in (*in_every_write({}), *in_every_place({})):
        check_keys(request, place, {})
