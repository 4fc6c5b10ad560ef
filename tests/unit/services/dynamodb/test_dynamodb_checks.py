"""From a request to what it needs to be allowed, operation by operation."""

import msgspec
import pytest

from tabard.access.refusals import MemberNotOffered
from tabard.services.dynamodb.checks import tables_in
from tabard.services.dynamodb.errors import ResourceNotFoundException, ValidationException
from tabard.services.dynamodb.tables import index_name, table_name, with_plain_table_names
from tests.support.dynamodb_account import INDEX, TABLE, Tables, accept, typed
from tests.support.one_account import ACCOUNT_ID, REGION

KEY = {"pk": {"S": "mine"}, "sk": {"S": "1"}}
NOTES = {"TableName": "notes"}
MINE = {"dynamodb:leadingkeys": ("mine",)}
NEW_TABLE = {
    **NOTES,
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
}

# operation: request, and each check as action, resource, context
CHECKS = {
    "CreateTable": (NEW_TABLE, [("CreateTable", TABLE, {})]),
    "DescribeTable": (NOTES, [("DescribeTable", TABLE, {})]),
    "DeleteTable": (NOTES, [("DeleteTable", TABLE, {})]),
    "ListTables": ({}, [("ListTables", "*", {})]),
    "GetItem": (
        {**NOTES, "Key": KEY, "ReturnConsumedCapacity": "TOTAL"},
        [
            (
                "GetItem",
                TABLE,
                MINE
                | {
                    "dynamodb:attributes": ("pk", "sk"),
                    "dynamodb:select": ("ALL_ATTRIBUTES",),
                    "dynamodb:returnconsumedcapacity": ("TOTAL",),
                },
            )
        ],
    ),
    "PutItem": (
        {**NOTES, "Item": {**KEY, "title": {"S": "x"}}, "ReturnValues": "ALL_OLD"},
        [
            (
                "PutItem",
                TABLE,
                MINE | {"dynamodb:attributes": ("pk", "sk", "title"), "dynamodb:returnvalues": ("ALL_OLD",)},
            )
        ],
    ),
    "UpdateItem": (
        {
            **NOTES,
            "Key": KEY,
            "UpdateExpression": "SET title = :t, #l[0].deep = list_append(tags, :t) REMOVE old ADD hits :n",
            "ConditionExpression": "attribute_exists(pk) AND NOT (size(body) > :n OR #s.owner = :t)",
            "ExpressionAttributeNames": {"#l": "log", "#s": "seen"},
        },
        [
            (
                "UpdateItem",
                TABLE,
                MINE
                | {
                    "dynamodb:attributes": (
                        *("pk", "sk", "body", "seen", "title", "log", "tags", "old", "hits"),
                    )
                },
            )
        ],
    ),
    "DeleteItem": (
        {**NOTES, "Key": KEY, "Expected": {"title": {"Exists": False}}},
        [("DeleteItem", TABLE, MINE | {"dynamodb:attributes": ("pk", "sk", "title")})],
    ),
    "Query": (
        {
            **NOTES,
            "IndexName": "by-owner",
            "KeyConditionExpression": "#o = :o AND begins_with(sk, :s)",
            "FilterExpression": "stars BETWEEN :a AND :b",
            "ProjectionExpression": "title, body.text",
            "ExpressionAttributeNames": {"#o": "owner"},
            "ExpressionAttributeValues": {":o": {"S": "mine"}, ":s": {"S": "2"}},
        },
        [
            (
                "Query",
                INDEX,
                MINE
                | {
                    "dynamodb:attributes": ("owner", "sk", "stars", "title", "body"),
                    "dynamodb:select": ("SPECIFIC_ATTRIBUTES",),
                },
            )
        ],
    ),
    "Scan": (
        {**NOTES, "IndexName": "by-owner", "ScanFilter": {"stars": {"ComparisonOperator": "NULL"}}},
        [
            (
                "Scan",
                INDEX,
                {"dynamodb:attributes": ("stars",), "dynamodb:select": ("ALL_PROJECTED_ATTRIBUTES",)},
            )
        ],
    ),
    "BatchGetItem": (
        {
            "RequestItems": {
                "notes": {"Keys": [KEY, {"pk": {"S": "yours"}}], "ProjectionExpression": "title"},
                "counts": {"Keys": [{"number": {"N": "7"}}]},
            },
            "ReturnConsumedCapacity": "INDEXES",
        },
        [
            (
                "BatchGetItem",
                TABLE,
                {
                    "dynamodb:leadingkeys": ("mine", "yours"),
                    "dynamodb:attributes": ("pk", "sk", "title"),
                    "dynamodb:select": ("SPECIFIC_ATTRIBUTES",),
                    "dynamodb:returnconsumedcapacity": ("INDEXES",),
                },
            ),
            (
                "BatchGetItem",
                TABLE.replace("notes", "counts"),
                {
                    "dynamodb:leadingkeys": ("7",),
                    "dynamodb:attributes": ("number",),
                    "dynamodb:select": ("ALL_ATTRIBUTES",),
                    "dynamodb:returnconsumedcapacity": ("INDEXES",),
                },
            ),
        ],
    ),
    "BatchWriteItem": (
        {
            "RequestItems": {
                "notes": [
                    {"PutRequest": {"Item": {**KEY, "title": {"S": "x"}}}},
                    {"DeleteRequest": {"Key": KEY}},
                ],
                "counts": [{"DeleteRequest": {"Key": {"number": {"N": "8"}}}}],
            }
        },
        [
            (
                "BatchWriteItem",
                TABLE,
                {
                    "dynamodb:leadingkeys": ("mine", "mine"),
                    "dynamodb:attributes": ("pk", "sk", "title"),
                },
            ),
            (
                "BatchWriteItem",
                TABLE.replace("notes", "counts"),
                {"dynamodb:leadingkeys": ("8",), "dynamodb:attributes": ("number",)},
            ),
        ],
    ),
    "TransactGetItems": (
        {"TransactItems": [{"Get": {**NOTES, "Key": KEY}}]},
        [
            (
                "GetItem",
                TABLE,
                MINE
                | {
                    "dynamodb:attributes": ("pk", "sk"),
                    "dynamodb:select": ("ALL_ATTRIBUTES",),
                    "dynamodb:enclosingoperation": ("TransactGetItems",),
                },
            )
        ],
    ),
    "TransactWriteItems": (
        {
            "TransactItems": [
                {"Put": {**NOTES, "Item": KEY}},
                {"Update": {**NOTES, "Key": KEY, "UpdateExpression": "REMOVE title"}},
                {"Delete": {**NOTES, "Key": KEY}},
                {"ConditionCheck": {**NOTES, "Key": KEY, "ConditionExpression": "hits > :n"}},
            ]
        },
        [
            (
                action,
                TABLE,
                MINE
                | {
                    "dynamodb:attributes": ("pk", "sk", *more),
                    "dynamodb:enclosingoperation": ("TransactWriteItems",),
                },
            )
            for action, more in (
                ("PutItem", ()),
                ("UpdateItem", ("title",)),
                ("DeleteItem", ()),
                ("ConditionCheckItem", ("hits",)),
            )
        ],
    ),
}


@pytest.mark.parametrize("operation", CHECKS)
def test_each_operation_asks_for_what_aws_asks_for(tables: Tables, operation: str) -> None:
    request, wanted = CHECKS[operation]
    checks = tables.checks(operation, request)
    found = [
        (check.action.removeprefix("dynamodb:"), check.resource, dict(check.context)) for check in checks
    ]
    assert found == wanted


def refused(tables: Tables, operation: str, request: dict[str, object]) -> str:
    """As the edge refuses it: first what the upstream would ignore, then what the checks refuse."""

    def ask() -> None:
        accept(operation, request)
        tables.checks(operation, request)

    with pytest.raises((ValidationException, MemberNotOffered)) as caught:
        ask()
    assert (caught.value.error_code, caught.value.http_status) == ("ValidationException", 400)
    return caught.value.message


def test_tags_that_no_policy_would_see_are_refused(tables: Tables) -> None:
    tags = [{"Key": "Team", "Value": "blue"}]
    assert "tags are not supported" in refused(tables, "CreateTable", {**NEW_TABLE, "Tags": tags})
    accept("CreateTable", {**NEW_TABLE, "Tags": []})
    assert len(tables.checks("CreateTable", {**NEW_TABLE, "Tags": []})) == 1


def test_an_expression_is_no_longer_than_awss(tables: Tables) -> None:
    request = {**NOTES, "Key": KEY, "UpdateExpression": f"REMOVE title{' ' * 4096}"}
    assert "exceeded the maximum allowed size" in refused(tables, "UpdateItem", request)


def test_a_resource_policy_that_nobody_would_enforce_is_refused(tables: Tables) -> None:
    assert "not supported" in refused(tables, "CreateTable", {**NEW_TABLE, "ResourcePolicy": "{}"})


@pytest.mark.parametrize(
    ("operation", "request_", "sentence"),
    [
        ("TransactWriteItems", {"TransactItems": [{}]}, "can only contain one of"),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Delete": {**NOTES, "Key": KEY}, "Put": {**NOTES, "Item": KEY}}]},
            "can only contain one of",
        ),
        ("BatchWriteItem", {"RequestItems": {"notes": [{}]}}, "exactly one of PutRequest and DeleteRequest"),
        (
            "BatchWriteItem",
            {"RequestItems": {"notes": [{"PutRequest": {"Item": KEY}, "DeleteRequest": {"Key": KEY}}]}},
            "exactly one of PutRequest and DeleteRequest",
        ),
        (
            "BatchGetItem",
            {"RequestItems": {"notes": {"Keys": [KEY]}, TABLE: {"Keys": [KEY]}}},
            "names the table notes more than once",
        ),
        ("GetItem", {**NOTES, "Key": KEY, "AttributesToGet": ["title"]}, "use ProjectionExpression"),
        (
            "TransactGetItems",
            {"TransactItems": [{"Get": {**NOTES, "Key": KEY, "ProjectionExpression": "title"}}]},
            "ProjectionExpression is not supported in TransactGetItems",
        ),
        (
            "Scan",
            {**NOTES, "Select": "SPECIFIC_ATTRIBUTES"},
            "Must specify the ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
        ),
    ],
)
def test_a_request_that_could_be_read_in_two_ways_is_refused(
    tables: Tables, operation: str, request_: dict[str, object], sentence: str
) -> None:
    assert sentence in refused(tables, operation, request_)


def test_a_request_about_no_table_needs_more_than_no_leave(tables: Tables) -> None:
    for operation, request in (
        ("BatchGetItem", {"RequestItems": {}}),
        ("BatchWriteItem", {"RequestItems": {}}),
        ("TransactGetItems", {"TransactItems": []}),
        ("TransactWriteItems", {"TransactItems": []}),
    ):
        with pytest.raises(Exception, match=r"."):
            tables.checks(operation, request)
    facts = tables.account.facts()
    for arguments in ({"RequestItems": {}}, {"TransactItems": []}, {"TransactItems": [{}]}):
        with pytest.raises(ValidationException):
            tables_in(arguments, facts)


@pytest.mark.parametrize(
    ("given", "select"),
    [
        ({}, "ALL_ATTRIBUTES"),
        ({"IndexName": "by-owner"}, "ALL_PROJECTED_ATTRIBUTES"),
        ({"ProjectionExpression": "title"}, "SPECIFIC_ATTRIBUTES"),
        ({"Select": "COUNT"}, "COUNT"),
        ({"Select": "ALL_ATTRIBUTES", "ProjectionExpression": "title"}, "ALL_ATTRIBUTES"),
        ({"Select": "SPECIFIC_ATTRIBUTES", "ProjectionExpression": "title"}, "SPECIFIC_ATTRIBUTES"),
    ],
)
def test_how_much_is_read_is_known_whether_it_is_said_or_not(
    tables: Tables, given: dict[str, object], select: str
) -> None:
    (context,) = tables.contexts("Scan", {**NOTES, **given})
    assert context["dynamodb:select"] == (select,)


def test_an_old_item_that_a_failed_condition_hands_out_counts_as_one(tables: Tables) -> None:
    request = {**NOTES, "Key": KEY, "ConditionExpression": "hits > :n", "ReturnValues": "UPDATED_NEW"}
    (context,) = tables.contexts("UpdateItem", request)
    assert context["dynamodb:returnvalues"] == ("UPDATED_NEW",)
    request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    (context,) = tables.contexts("UpdateItem", request)
    assert context["dynamodb:returnvalues"] == ("ALL_OLD",)


@pytest.mark.parametrize("name", ["notes", TABLE])
def test_a_table_is_the_same_by_name_and_by_arn(tables: Tables, name: str) -> None:
    for operation in ("DescribeTable", "DeleteTable"):
        assert [check.resource for check in tables.checks(operation, {"TableName": name})] == [TABLE]
    get = {"TableName": name, "Key": KEY}
    for operation, request in (
        ("GetItem", get),
        ("BatchGetItem", {"RequestItems": {name: {"Keys": [KEY]}}}),
        ("TransactGetItems", {"TransactItems": [{"Get": get}]}),
        ("TransactWriteItems", {"TransactItems": [{"Delete": get}]}),
    ):
        (check,) = tables.checks(operation, request)
        assert check.resource == TABLE
        assert check.context["dynamodb:leadingkeys"] == ("mine",)


NOT_A_TABLE = [
    None,
    "",
    "no",
    "notes/index/by-owner",
    "notes\n",
    "../notes",
    "notes table",
    "é" * 3,
    "x" * 256,
    "arn:aws:dynamodb",
    "arn:aws:s3:::notes",
    f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:table/notes",
    f"{TABLE}/index/by-owner",
    f"{TABLE}/stream/2026-01-31T12:00:00.000",
    f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:notes",
    f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/",
    f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table//notes",
    f" {TABLE}",
]
ELSEWHERE = [
    f"arn:aws:dynamodb:eu-west-3:{ACCOUNT_ID}:table/notes",
    f"arn:aws:dynamodb:{REGION}:999999999999:table/notes",
    f"arn:aws-cn:dynamodb:{REGION}:{ACCOUNT_ID}:table/notes",
    f"arn:aws:dynamodb::{ACCOUNT_ID}:table/notes",
]


@pytest.mark.parametrize("name", NOT_A_TABLE)
def test_what_names_no_table_is_refused(tables: Tables, name: str | None) -> None:
    with pytest.raises(ValidationException):
        table_name(name, tables.account.facts())


@pytest.mark.parametrize("name", ["by/owner", "..", "by owner", "by-owner\n", "", "x" * 256, INDEX])
def test_what_names_no_index_is_refused(name: str) -> None:
    with pytest.raises(ValidationException, match="'indexName' failed to satisfy constraint"):
        index_name(name)
    assert index_name(None) is None


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_table_of_another_place_is_not_found(tables: Tables, name: str) -> None:
    with pytest.raises(ResourceNotFoundException, match="Requested resource not found"):
        table_name(name, tables.account.facts())


def test_what_is_forwarded_names_tables_as_they_were_authorized(tables: Tables) -> None:
    facts = tables.account.facts()
    get = {"TableName": TABLE, "Key": KEY}
    plain = {"TableName": "notes", "Key": KEY}
    assert with_plain_table_names(typed("GetItem", get), facts) == plain
    batch = typed("BatchGetItem", {"RequestItems": {TABLE: {"Keys": [KEY]}, "counts": {"Keys": [KEY]}}})
    assert with_plain_table_names(batch, facts) == {
        "RequestItems": {"notes": {"Keys": [KEY]}, "counts": {"Keys": [KEY]}}
    }
    write = typed("TransactWriteItems", {"TransactItems": [{"Delete": get}, {"Put": {**NOTES, "Item": KEY}}]})
    assert with_plain_table_names(write, facts) == {
        "TransactItems": [{"Delete": plain}, {"Put": {**NOTES, "Item": KEY}}]
    }
    assert with_plain_table_names({"Limit": 3}, facts) == {"Limit": 3}
    assert with_plain_table_names(get, facts)["TableName"] == "notes"
    assert get["TableName"] == TABLE
    # a Permit says where as Facts do
    permit = tables.account.permit(tables.account.admin, service="dynamodb")
    assert with_plain_table_names(get, permit)["TableName"] == "notes"


def test_the_tables_to_look_up_are_those_that_are_touched(tables: Tables) -> None:
    facts = tables.account.facts()
    query = {"TableName": TABLE, "IndexName": "by-owner"}
    assert tables_in(query, facts) == {("notes", "by-owner")}
    batch = {"RequestItems": {TABLE: {}, "counts": {}}}
    assert tables_in(batch, facts) == {("notes", None), ("counts", None)}
    write = {"TransactItems": [{"Put": {"TableName": "notes"}}, {"Delete": {"TableName": "blobs"}}]}
    assert tables_in(write, facts) == {("notes", None), ("blobs", None)}
    assert tables_in({}, facts) == frozenset()
    assert msgspec.structs.replace(facts).partition_keys == {}


PATTERN = "satisfy regular expression pattern: [a-zA-Z0-9_.-]+"


@pytest.mark.parametrize(
    ("name", "count", "rules"),
    [
        ("ab", "1 validation error", ["have length greater than or equal to 3"]),
        ("a" * 256, "1 validation error", ["have length less than or equal to 255"]),
        ("no!tes", "1 validation error", [PATTERN]),
        ("a!", "2 validation errors", [PATTERN, "have length greater than or equal to 3"]),
    ],
    ids=["short", "long", "character", "short and character"],
)
def test_the_error_about_a_table_name_states_each_rule_that_it_breaks(
    tables: Tables, name: str, count: str, rules: list[str]
) -> None:
    """AWS's limits on names: 3 to 255 characters of a-z, A-Z, 0-9, `_`, `-` and `.`.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
    """
    with pytest.raises(ValidationException) as refused:
        tables.checks("GetItem", {"TableName": name, "Key": KEY})
    constraint = f"Value '{name}' at 'tableName' failed to satisfy constraint: Member must"
    sentences = "; ".join(f"{constraint} {rule}" for rule in rules)
    assert refused.value.message == f"{count} detected: {sentences}"
