"""`dynamodb:LeadingKeys` by the real policy engine: nobody walks around it."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.parsing.key_condition_expression import parse_expression

from tabard.access.caller import Caller
from tabard.services.dynamodb.checks import refuse_unreadable_keys
from tabard.services.dynamodb.errors import ValidationException
from tabard.services.dynamodb.key_condition import key_conditions
from tabard.services.dynamodb.leading_keys import (
    UNKNOWN_KEY,
    UNREADABLE_KEY,
    key_text,
    leading_keys,
    queried_keys,
)
from tests.support.dynamodb_account import ONLY_MINE, Tables, statement

NOTES = {"TableName": "notes"}
VALUES = {":mine": {"S": "mine"}, ":yours": {"S": "yours"}, ":s": {"S": "x"}}


@pytest.fixture
def me(tables: Tables) -> Caller:
    return tables.account.add_user("me", ONLY_MINE)


@pytest.fixture
def careful(tables: Tables) -> Caller:
    """May everything but what touches `yours`."""
    deny = statement("Deny", {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": ["yours"]}})
    return tables.account.add_user("careful", statement("Allow", {}), deny)


def key(owner: str, sort: str = "1") -> dict[str, object]:
    return {"pk": {"S": owner}, "sk": {"S": sort}}


def query(expression: str, **more: object) -> dict[str, object]:
    return {**NOTES, "KeyConditionExpression": expression, "ExpressionAttributeValues": VALUES, **more}


@pytest.mark.parametrize("operator", ["StringEquals", "StringLike", "StringEqualsIfExists"])
@pytest.mark.parametrize("owners", [["mine"], ["mine", "yours"]])
def test_a_scalar_operator_never_allows_a_leading_key(
    tables: Tables, operator: str, owners: list[str]
) -> None:
    """AWS: `dynamodb:LeadingKeys` is an ArrayOfString, and such keys "require a condition set operator"."""
    scalar = statement("Allow", {operator: {"dynamodb:LeadingKeys": ["mine"]}})
    caller = tables.account.add_user("scalar", scalar)
    of_a_set = tables.account.add_user("of-a-set", ONLY_MINE)
    batch = {"RequestItems": {"notes": {"Keys": [key(owner) for owner in owners]}}}
    assert not tables.is_allowed(caller, "BatchGetItem", batch)
    assert tables.is_allowed(of_a_set, "BatchGetItem", batch) is (owners == ["mine"])
    writes = [{"DeleteRequest": {"Key": key(owner)}} for owner in owners]
    assert not tables.is_allowed(caller, "BatchWriteItem", {"RequestItems": {"notes": writes}})
    assert not tables.is_allowed(caller, "GetItem", {**NOTES, "Key": key(owners[0])})


# each request, for one owner
REQUESTS = {
    "GetItem": lambda owner: {**NOTES, "Key": key(owner)},
    "PutItem": lambda owner: {**NOTES, "Item": key(owner)},
    "UpdateItem": lambda owner: {**NOTES, "Key": key(owner), "UpdateExpression": "REMOVE title"},
    "DeleteItem": lambda owner: {**NOTES, "Key": key(owner)},
    "Query": lambda owner: query(f"pk = :{owner}"),
    "Query by legacy conditions": lambda owner: {
        **NOTES,
        "KeyConditions": {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": owner}]}},
    },
    "Query of an index": lambda owner: query(f"owner = :{owner}", IndexName="by-owner"),
    "BatchGetItem": lambda owner: {"RequestItems": {"notes": {"Keys": [key("mine", "2"), key(owner)]}}},
    "BatchWriteItem put": lambda owner: {
        "RequestItems": {
            "notes": [
                {"PutRequest": {"Item": key("mine", "2")}},
                {"PutRequest": {"Item": key(owner)}},
            ]
        }
    },
    "BatchWriteItem delete": lambda owner: {
        "RequestItems": {
            "notes": [
                {"PutRequest": {"Item": key("mine", "2")}},
                {"DeleteRequest": {"Key": key(owner)}},
            ]
        }
    },
    "TransactGetItems": lambda owner: {
        "TransactItems": [{"Get": {**NOTES, "Key": key("mine", "2")}}, {"Get": {**NOTES, "Key": key(owner)}}]
    },
    **{
        f"TransactWriteItems {kind}": lambda owner, kind=kind, member=member: {
            "TransactItems": [
                {"Put": {**NOTES, "Item": key("mine", "2")}},
                {
                    kind: {
                        **NOTES,
                        member: key(owner),
                        **({"UpdateExpression": "REMOVE title"} if kind == "Update" else {}),
                        **({"ConditionExpression": "title = :s"} if kind == "ConditionCheck" else {}),
                    }
                },
            ]
        }
        for kind, member in (("Put", "Item"), ("Update", "Key"), ("Delete", "Key"), ("ConditionCheck", "Key"))
    },
}


@pytest.mark.parametrize("name", REQUESTS)
def test_my_own_items_are_mine_and_no_others(tables: Tables, me: Caller, careful: Caller, name: str) -> None:
    operation, request = name.partition(" ")[0], REQUESTS[name]
    for caller in (me, careful):
        assert tables.is_allowed(caller, operation, request("mine"))
        assert not tables.is_allowed(caller, operation, request("yours"))


# What an upstream that is laxer than DynamoDB might answer with the items of another.
WALKS_AROUND: dict[str, dict[str, Any]] = {
    "two conditions on the key": query("pk = :mine AND pk = :yours"),
    "two conditions under two names": query(
        "#a = :mine AND #b = :yours", ExpressionAttributeNames={"#a": "pk", "#b": "pk"}
    ),
    "a bare word for a value": query("pk = yours AND sk = :s"),
    "a name that poses as a placeholder": query(
        "pk = :mine AND sk = :yours", ExpressionAttributeNames={"sk": "pk"}
    ),
    "another comparison": query("pk >= :mine"),
    "a range": query("pk BETWEEN :mine AND :yours"),
    "a prefix": query("begins_with(pk, :mine)"),
    "no condition on the key": query("sk = :s"),
    "the value first": query(":mine = pk"),
    "either": query("pk = :mine OR pk = :yours"),
    "not": query("NOT pk = :mine"),
    "a list of values": query("pk IN (:mine, :yours)"),
    "a path into the key": query("pk.x = :mine AND pk = :yours"),
    "a key of a list": query("pk[0] = :mine"),
    "an unfinished condition": query("pk = :mine AND"),
    "a bracket that is open": query("(pk = :mine"),
    "a bracket that is closed": query("pk = :mine)"),
    "brackets around nothing": query("() pk = :mine"),
    "one condition after another": query("pk = :mine sk = :s"),
    "another character": query("pk = :mine; pk = :yours"),
    "a value that is not there": query("pk = :nobody"),
    "no values": {**NOTES, "KeyConditionExpression": "pk = :mine"},
    "a name that is not there": query("#pk = :mine"),
    "names run together": query("#a#b = :mine", ExpressionAttributeNames={"#a": "pk"}),
    "a value run into a name": query("pk = :mine#x"),
    "an empty expression": query(""),
    "blanks": query(" \t\n"),
    "nothing": dict(NOTES),
    "both forms": query(
        "pk = :mine",
        KeyConditions={"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "yours"}]}},
    ),
    "filters alone": {
        **NOTES,
        "QueryFilter": {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "mine"}]}},
    },
    "legacy conditions on another attribute": {
        **NOTES,
        "KeyConditions": {"sk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "x"}]}},
    },
    "legacy conditions of another kind": {
        **NOTES,
        "KeyConditions": {"pk": {"ComparisonOperator": "BEGINS_WITH", "AttributeValueList": [{"S": "mine"}]}},
    },
    "legacy conditions of two values": {
        **NOTES,
        "KeyConditions": {
            "pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "mine"}, {"S": "yours"}]}
        },
    },
    "legacy conditions on nothing": {**NOTES, "KeyConditions": {}},
    "legacy conditions of no value": {**NOTES, "KeyConditions": {"pk": {"ComparisonOperator": "EQ"}}},
    "a value of two types": query(
        "pk = :mine", ExpressionAttributeValues={":mine": {"S": "mine", "B": "eW91cnM="}}
    ),
    "a value of no key's type": query("pk = :mine", ExpressionAttributeValues={":mine": {"BOOL": True}}),
    "an empty value": query("pk = :mine", ExpressionAttributeValues={":mine": {"S": ""}}),
}


@pytest.mark.parametrize("name", WALKS_AROUND)
def test_a_query_that_does_not_plainly_say_whose_items_it_wants_is_refused(tables: Tables, name: str) -> None:
    with pytest.raises(ValidationException):
        refuse_unreadable_keys(tables.checks("Query", WALKS_AROUND[name]))


@pytest.mark.parametrize(
    "item",
    [
        {"sk": {"S": "1"}},
        {"PK": {"S": "mine"}},
        {"pk": {"S": "mine", "N": "1"}},
        {"pk": {"BOOL": True}},
        {"pk": {"SS": ["mine"]}},
        {"pk": {"M": {"S": {"S": "mine"}}}},
        {"pk": {"S": ""}},
        {"pk": {"B": ""}},
        {"pk": {"N": "mine"}},
        {"pk": {}},
    ],
)
def test_an_item_without_a_plain_key_is_refused(tables: Tables, me: Caller, item: dict[str, object]) -> None:
    for operation, request in (
        ("PutItem", {**NOTES, "Item": item}),
        ("GetItem", {**NOTES, "Key": item}),
        ("UpdateItem", {**NOTES, "Key": item}),
        ("DeleteItem", {**NOTES, "Key": item}),
        ("BatchGetItem", {"RequestItems": {"notes": {"Keys": [key("mine"), item]}}}),
        ("BatchWriteItem", {"RequestItems": {"notes": [{"PutRequest": {"Item": item}}]}}),
        ("BatchWriteItem", {"RequestItems": {"notes": [{"DeleteRequest": {"Key": item}}]}}),
        ("TransactWriteItems", {"TransactItems": [{"Put": {**NOTES, "Item": item}}]}),
        ("TransactGetItems", {"TransactItems": [{"Get": {**NOTES, "Key": item}}]}),
    ):
        with pytest.raises(ValidationException):
            refuse_unreadable_keys(tables.checks(operation, request))
        assert not tables.is_allowed(me, operation, request)


def test_what_the_key_is_learns_only_who_is_allowed(tables: Tables) -> None:
    """Whether a key can be read or not, who is not allowed is told no more than that."""
    nobody = tables.account.add_user("nobody")
    updating = {**NOTES, "Key": key("mine"), "AttributeUpdates": {"pk": {"Value": {"S": "yours"}}}}
    for operation, request in (
        ("GetItem", {**NOTES, "Key": {"guess": {"S": "x"}}}),
        ("GetItem", {**NOTES, "Key": {"pk": {"BOOL": True}}}),
        ("Query", query("guess = :mine")),
        ("Query", query("pk > :mine")),
        ("UpdateItem", updating),
    ):
        assert not tables.is_allowed(nobody, operation, request)
        with pytest.raises(ValidationException) as caught:
            refuse_unreadable_keys(tables.permit(tables.account.admin, operation, request).checks)
        assert "pk" not in caught.value.message
    assert not tables.is_allowed(tables.account.add_user("held", ONLY_MINE), "UpdateItem", updating)
    refuse_unreadable_keys(tables.checks("GetItem", {**NOTES, "Key": key("mine")}))


@pytest.mark.parametrize("operation", ["GetItem", "DeleteItem"])
def test_of_a_table_that_is_not_known_nobody_has_an_item_of_their_own(
    tables: Tables, me: Caller, operation: str
) -> None:
    """Whoever is held to their own items cannot use the moment before a table is there."""
    request = {"TableName": "later", "Key": key("mine")}
    assert tables.contexts(operation, request)[0]["dynamodb:leadingkeys"] == UNKNOWN_KEY
    assert not tables.is_allowed(me, operation, request)
    assert tables.is_allowed(tables.account.admin, operation, request)
    for more in (
        {"TableName": "later"},
        {"IndexName": "later"},
    ):
        assert not tables.is_allowed(me, "Query", query("pk = :mine", **more))
    legacy = {"TableName": "later", "KeyConditions": {"pk": {"ComparisonOperator": "EQ"}}}
    assert not tables.is_allowed(me, "Query", legacy)
    assert not tables.is_allowed(
        me, "BatchWriteItem", {"RequestItems": {"later": [{"PutRequest": {"Item": key("mine")}}]}}
    )


def test_a_scan_has_no_leading_key_as_aws_has_it(tables: Tables) -> None:
    assert "dynamodb:leadingkeys" not in tables.contexts("Scan", NOTES)[0]


@pytest.mark.parametrize(
    ("expression", "conditions"),
    [
        ("pk = :v", {"pk": ("=", ":v")}),
        ("pk=:v", {"pk": ("=", ":v")}),
        ("#0 = :0 AND #1 > :1", {"pk": ("=", ":0"), "sk": (">", ":1")}),
        ("(#0 = :0 AND begins_with (#1, :1))", {"pk": ("=", ":0"), "sk": ("begins_with", ":1")}),
        ("(pk = :a) and (sk <= :b)", {"pk": ("=", ":a"), "sk": ("<=", ":b")}),
        ("sk between :a and :b and pk = :c", {"sk": ("between", ":a"), "pk": ("=", ":c")}),
        ("((pk = :a)) AND\n\tsk < :b", {"pk": ("=", ":a"), "sk": ("<", ":b")}),
        ("a = :a AND b = :b AND c >= :c", {"a": ("=", ":a"), "b": ("=", ":b"), "c": (">=", ":c")}),
    ],
)
def test_every_form_of_a_key_condition_is_read(
    expression: str, conditions: dict[str, tuple[str, str]]
) -> None:
    found = key_conditions(expression, {"#0": "pk", "#1": "sk"})
    assert {name: (one.operator, one.value) for name, one in found.items()} == conditions


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("pk = :a AND pk = :b", "KeyConditionExpressions must only contain one condition per key"),
        ("pk ! :a", 'Invalid KeyConditionExpression: Syntax error; token: "!", near: "! :a"'),
        ("pk = :a AND", 'Invalid KeyConditionExpression: Syntax error; token: "<EOF>", near: "pk = :a AND"'),
        ("", "Invalid KeyConditionExpression: The expression can not be empty;"),
        (
            "#x = :a",
            "Invalid KeyConditionExpression: An expression attribute name used in the document path is",
        ),
        ("(" * 4000 + "pk = :a", 'Invalid KeyConditionExpression: Syntax error; token: "<EOF>", near: '),
    ],
)
def test_a_refused_key_condition_says_why(expression: str, sentence: str) -> None:
    with pytest.raises(ValidationException) as caught:
        key_conditions(expression, {})
    assert caught.value.message.startswith(sentence)


SCHEMA = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
_words = st.sampled_from(
    ("pk", "sk", "#p", "#s", "=", "=", "<", ">=", ":mine", ":yours", ":s", "AND", "and", "BETWEEN", "(", ")",
     "begins_with", ",", "yours", "OR", "NOT", ".", "[0]")
)  # fmt: skip
_expressions = st.builds(
    lambda words, glue: glue.join(words),
    st.lists(_words, min_size=3, max_size=9),
    st.sampled_from((" ", "", "  ")),
) | st.sampled_from([str(one.get("KeyConditionExpression", "")) for one in WALKS_AROUND.values()])


@given(_expressions)
def test_the_embedded_upstream_reads_the_same_key_or_none(expression: str) -> None:
    """What was authorized is what is asked: whatever moto makes of an expression that was let through."""
    names = {"#p": "pk", "#s": "sk"}
    request = {
        "KeyConditionExpression": expression,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": VALUES,
    }
    try:
        (authorized,) = queried_keys(request, "pk")
    except ValidationException:
        return
    if (authorized,) == UNREADABLE_KEY:
        return
    try:
        found, _, _ = parse_expression(expression, VALUES, names, SCHEMA)
    except (MockValidationException, ValueError, KeyError):
        return
    assert [value for _, value in found] == [{"S": authorized}]


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("7", "7"), ("7.0", "7"), ("07", "7"), ("+7", "7"), ("0.7E1", "7"), ("70e-1", "7"), ("-7.50", "-7.5"),
        ("0", "0"), ("-0", "0"), ("0e5", "0"), (".5", "0.5"), ("5.", "5"), ("1e3", "1000"), ("1E-3", "0.001"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("1" + "0" * 100, "1" + "0" * 100),
    ],
)  # fmt: skip
def test_a_number_has_one_spelling(text: str, spelling: str) -> None:
    assert key_text("number", {"N": text}) == spelling


@pytest.mark.parametrize(
    "text",
    [
        "",
        "seven",
        "1_000",
        "0x7",
        "1e",
        "NaN",
        "Infinity",
        " 7",
        "7\n",
        "٧",
        "1e126",
        "1e-131",
        "1e9999",
        "1" * 39,
    ],
)
def test_what_is_no_number_of_dynamodbs_is_refused(text: str) -> None:
    with pytest.raises(ValidationException):
        key_text("number", {"N": text})


def test_a_long_text_that_is_no_number_is_refused_in_linear_time() -> None:
    """In quadratic time, an item of DynamoDB's largest size would stop the edge for hours."""
    with pytest.raises(ValidationException):
        key_text("number", {"N": "1" * 400_000 + "x"})


def test_a_number_does_not_escape_a_deny_by_another_spelling(tables: Tables) -> None:
    deny = statement("Deny", {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": ["7"]}})
    caller = tables.account.add_user("counter", statement("Allow", {}), deny)
    for text in ("7", "7.0", "+7", "0.7e1"):
        assert not tables.is_allowed(
            caller, "GetItem", {"TableName": "counts", "Key": {"number": {"N": text}}}
        )
    assert tables.is_allowed(caller, "GetItem", {"TableName": "counts", "Key": {"number": {"N": "8"}}})


@given(st.binary(min_size=1, max_size=40))
def test_binary_keys_are_compared_in_base64(raw: bytes) -> None:
    assert leading_keys([{"raw": {"B": raw}}], "raw") == (base64.b64encode(raw).decode(),)


def test_nothing_to_read_is_a_key_that_no_item_has() -> None:
    assert leading_keys([], "pk") == leading_keys([{}], None) == UNKNOWN_KEY
    (unknown,) = UNKNOWN_KEY
    assert len(unknown.encode()) > 2048  # the most that a partition key can have
