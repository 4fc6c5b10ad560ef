"""`dynamodb:Attributes` by the real policy engine: every attribute that a request names is seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.dynamodb.responses import ProjectionExpressionParser

from tabard.access.caller import Caller
from tabard.services.dynamodb.errors import ValidationException
from tabard.services.dynamodb.expressions import EXPRESSIONS, attributes_named, placeholders_of, tokens_of
from tests.support.dynamodb_account import ONLY_TITLES, Tables, statement

KEY = {"pk": {"S": "mine"}, "sk": {"S": "1"}}
GET = {"TableName": "notes", "Key": KEY}


def named(member: str, expression: str, **placeholders: str) -> list[str]:
    names = {f"#{name}": value for name, value in placeholders.items()}
    return list(attributes_named(member, expression, names))


@pytest.mark.parametrize(
    ("member", "expression", "names"),
    [
        ("ProjectionExpression", "a", ["a"]),
        ("ProjectionExpression", "a,b , c", ["a", "b", "c"]),
        ("ProjectionExpression", "a.b.c, d[0].e[1][2].f", ["a", "d"]),
        ("ProjectionExpression", "#x.#y, b", ["ex", "b"]),
        ("ProjectionExpression", "a . b", ["a"]),
        ("ProjectionExpression", "set, size, and", ["set", "size", "and"]),
        ("ProjectionExpression", "a.size, a.set", ["a", "a"]),
        ("ConditionExpression", "attribute_exists(a)", ["a"]),
        ("ConditionExpression", "attribute_not_exists (a.b)", ["a"]),
        ("ConditionExpression", "contains(#x, :v) AND NOT begins_with(b, :v)", ["ex", "b"]),
        ("ConditionExpression", "a = b OR c <> d", ["a", "b", "c", "d"]),
        ("ConditionExpression", "a BETWEEN b AND c", ["a", "b", "c"]),
        ("ConditionExpression", "a in (b, :v, c)", ["a", "b", "c"]),
        ("ConditionExpression", "size(a) > size", ["a", "size"]),
        ("ConditionExpression", "attribute_type(a, :t)", ["a"]),
        ("ConditionExpression", "unheard_of(a)", ["unheard_of", "a"]),
        ("ConditionExpression", "SIZE(a) > :v", ["SIZE", "a"]),
        ("FilterExpression", "a[0] = :v and b.and = :v", ["a", "b"]),
        ("UpdateExpression", "SET a = a + :v, b = c-d", ["a", "a", "b", "c", "d"]),
        ("UpdateExpression", "SET a = if_not_exists(b, :v)", ["a", "b"]),
        ("UpdateExpression", "SET a=list_append(b,c)", ["a", "b", "c"]),
        ("UpdateExpression", "set a = :v remove b, c[3] add d :v delete e :v", ["a", "b", "c", "d", "e"]),
        ("KeyConditionExpression", "a = :v AND begins_with(b, :v)", ["a", "b"]),
    ],
)
def test_the_top_level_attributes_are_named(member: str, expression: str, names: list[str]) -> None:
    assert named(member, expression, x="ex", y="why") == names


@pytest.mark.parametrize("member", EXPRESSIONS)
@pytest.mark.parametrize(
    "expression",
    [
        "", " ", "a.", ".a", "a..b", "a.[0]", "[0]", "a,.b", "a.:v", ":v.b", ":v[0]", "a.(b)", "a = .b",
        "(.a)", "a[b]", "a[:v]", "a[", "a[-1]", "a[0", "1a", "a$", "a;b", "é", "a\u00a0b", "`a`",
        '"a"', "a\\b", "a^b", "a*b", "a/b", "a#b", "a:v", "#", "##x", "#x#y", "#x:v", ":", ":v:w", ":v#x",
        "#é", "a\x00", "a\u2028b", "#unknown",
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused(member: str, expression: str) -> None:
    with pytest.raises(ValidationException) as caught:
        named(member, expression, x="ex", y="why")
    assert caught.value.message.startswith(f"Invalid {member}: ")


@pytest.mark.parametrize("member", [member for member in EXPRESSIONS if member != "UpdateExpression"])
@pytest.mark.parametrize("expression", ["a-b", "a+b", "a - :v"])
def test_only_updates_reckon(member: str, expression: str) -> None:
    """Where `-` is no sign, an upstream might take it for a letter, and read an attribute nobody saw."""
    with pytest.raises(ValidationException, match="Syntax error"):
        named(member, expression)


def test_a_refusal_says_where() -> None:
    with pytest.raises(ValidationException) as caught:
        tokens_of("ProjectionExpression", "a, b-c")
    assert caught.value.message == 'Invalid ProjectionExpression: Syntax error; token: "-", near: "-c"'


@pytest.mark.parametrize("key", ["id", "#", "", "#a-b", "#a.b", "# a", "#é", ":a", "#a\n", "##a"])
def test_a_placeholder_that_is_none_is_refused(key: str) -> None:
    """moto would take the plain name `id` for a placeholder, and read another attribute."""
    with pytest.raises(ValidationException, match="ExpressionAttributeNames contains invalid key"):
        placeholders_of({"ExpressionAttributeNames": {key: "secret"}})


@pytest.fixture
def reader(tables: Tables) -> Caller:
    return tables.account.add_user("reader", ONLY_TITLES)


@pytest.fixture
def careful(tables: Tables) -> Caller:
    """May everything but name the attribute `secret`."""
    deny = statement("Deny", {"ForAnyValue:StringEquals": {"dynamodb:Attributes": ["secret"]}})
    return tables.account.add_user("careful", statement("Allow", {}), deny)


def test_named_titles_are_read_and_written(tables: Tables, reader: Caller) -> None:
    for operation, request in (
        ("GetItem", {**GET, "ProjectionExpression": "title"}),
        ("PutItem", {"TableName": "notes", "Item": {**KEY, "title": {"S": "x"}}}),
        ("UpdateItem", {**GET, "UpdateExpression": "SET title = :t", "ReturnValues": "UPDATED_NEW"}),
        ("BatchGetItem", {"RequestItems": {"notes": {"Keys": [KEY], "ProjectionExpression": "title"}}}),
        ("Scan", {"TableName": "notes", "ProjectionExpression": "pk, title"}),
    ):
        assert tables.is_allowed(reader, operation, request)


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("GetItem", GET),
        ("Scan", {"TableName": "notes"}),
        ("Scan", {"TableName": "notes", "Select": "ALL_ATTRIBUTES", "ProjectionExpression": "title"}),
        ("Scan", {"TableName": "notes", "IndexName": "by-owner"}),
        ("BatchGetItem", {"RequestItems": {"notes": {"Keys": [KEY]}}}),
        ("TransactGetItems", {"TransactItems": [{"Get": GET}]}),
        ("PutItem", {"TableName": "notes", "Item": KEY, "ReturnValues": "ALL_OLD"}),
        ("UpdateItem", {**GET, "UpdateExpression": "SET title = :t", "ReturnValues": "ALL_NEW"}),
        (
            "UpdateItem",
            {
                **GET,
                "UpdateExpression": "SET title = :t",
                "ConditionExpression": "title = :t",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            },
        ),
        ("DeleteItem", {**GET, "ReturnValues": "ALL_OLD"}),
    ],
)
def test_whole_items_are_not_read_by_saying_nothing(
    tables: Tables, reader: Caller, operation: str, request_: dict[str, object]
) -> None:
    assert not tables.is_allowed(reader, operation, request_)


UPDATE = {**GET, "ExpressionAttributeNames": {"#s": "secret", "#t": "title"}}
QUERY = {
    "TableName": "notes",
    "KeyConditionExpression": "pk = :v",
    "ExpressionAttributeValues": {":v": {"S": "mine"}},
}
NAMES_SECRET = [
    ("GetItem", {**GET, "ProjectionExpression": "title, secret"}),
    ("GetItem", {**GET, "ProjectionExpression": "#s", "ExpressionAttributeNames": {"#s": "secret"}}),
    ("GetItem", {**GET, "ProjectionExpression": "secret.part"}),
    ("GetItem", {**GET, "ProjectionExpression": "secret[0]"}),
    ("PutItem", {"TableName": "notes", "Item": {**KEY, "secret": {"S": "x"}}}),
    ("PutItem", {"TableName": "notes", "Item": KEY, "Expected": {"secret": {"Exists": False}}}),
    ("PutItem", {"TableName": "notes", "Item": KEY, "ConditionExpression": "begins_with(secret, :a)"}),
    ("UpdateItem", {**UPDATE, "UpdateExpression": "SET title = secret-:zero"}),
    ("UpdateItem", {**UPDATE, "UpdateExpression": "SET #t=#s"}),
    ("UpdateItem", {**UPDATE, "UpdateExpression": "REMOVE secret[1]"}),
    ("UpdateItem", {**UPDATE, "UpdateExpression": "SET title = if_not_exists(secret, :v)"}),
    ("UpdateItem", {**GET, "AttributeUpdates": {"secret": {"Action": "DELETE"}}}),
    ("DeleteItem", {**GET, "ConditionExpression": "size(secret) > :n"}),
    ("Query", {**QUERY, "FilterExpression": "secret = :v"}),
    ("Query", {**QUERY, "QueryFilter": {"secret": {"ComparisonOperator": "NULL"}}}),
    ("Query", {**QUERY, "ProjectionExpression": "secret"}),
    ("Scan", {"TableName": "notes", "ScanFilter": {"secret": {"ComparisonOperator": "NULL"}}}),
    ("Scan", {"TableName": "notes", "FilterExpression": "NOT(secret = :v)"}),
    ("BatchGetItem", {"RequestItems": {"notes": {"Keys": [KEY], "ProjectionExpression": "secret"}}}),
    (
        "BatchWriteItem",
        {"RequestItems": {"notes": [{"PutRequest": {"Item": {**KEY, "secret": {"S": "x"}}}}]}},
    ),
    ("TransactWriteItems", {"TransactItems": [{"Update": {**UPDATE, "UpdateExpression": "REMOVE #s"}}]}),
    (
        "TransactWriteItems",
        {"TransactItems": [{"ConditionCheck": {**GET, "ConditionExpression": "attribute_exists(secret)"}}]},
    ),
]


@pytest.mark.parametrize(("operation", "request_"), NAMES_SECRET)
def test_an_attribute_is_not_touched_under_any_name(
    tables: Tables, careful: Caller, reader: Caller, operation: str, request_: dict[str, object]
) -> None:
    assert not tables.is_allowed(careful, operation, request_)
    assert not tables.is_allowed(reader, operation, request_)


_words = st.sampled_from(("title", "secret", "#s", "#t", ".", ",", "[0]", "size", "(", ")", "-", " "))


@given(st.lists(_words, min_size=1, max_size=7).map("".join))
def test_the_embedded_upstream_projects_no_attribute_that_was_not_seen(expression: str) -> None:
    names = {"#s": "secret", "#t": "title"}
    try:
        seen = set(attributes_named("ProjectionExpression", expression, names))
    except ValidationException:
        return
    try:
        paths = ProjectionExpressionParser(expression, names).parse()
    except Exception:  # noqa: BLE001 - whatever moto refuses it does not read
        return
    assert {path[0] for path in paths if path[0] in ("title", "secret")} <= seen
