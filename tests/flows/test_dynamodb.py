"""DynamoDB, by plain boto3 that acts as an instance."""

from decimal import Decimal
from typing import Any

import boto3
import pytest
from boto3.dynamodb.conditions import Key
from botocore.client import BaseClient

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.refusal import refusal, refusal_in_full
from tests.support.running_system import RunningSystem, allow, deny, fresh

pytestmark = pytest.mark.flow

DENIED = ("AccessDeniedException", 400)
SONGS: dict[str, Any] = {
    "KeySchema": [
        {"AttributeName": "artist", "KeyType": "HASH"},
        {"AttributeName": "title", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "artist", "AttributeType": "S"},
        {"AttributeName": "title", "AttributeType": "S"},
        {"AttributeName": "year", "AttributeType": "N"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-year",
            "KeySchema": [{"AttributeName": "year", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture(scope="module")
def dynamodb(instance_of: InstanceOf) -> BaseClient:
    return instance_of(allow("dynamodb:*")).client("dynamodb")


@pytest.fixture
def table(admin: AdminClient) -> str:
    name = fresh("songs")
    admin("dynamodb").create_table(TableName=name, **SONGS)
    return name


def song(artist: str, title: str, **more: dict[str, str]) -> dict[str, dict[str, str]]:
    return {"artist": {"S": artist}, "title": {"S": title}, **more}


def test_a_tables_life(dynamodb: BaseClient, system: RunningSystem) -> None:
    name = fresh("life")
    made = dynamodb.create_table(TableName=name, **SONGS)["TableDescription"]
    assert made["TableArn"] == f"arn:aws:dynamodb:{system.region}:{system.account_id}:table/{name}"
    again = refusal(dynamodb.create_table, TableName=name, **SONGS)
    assert again == ("ResourceInUseException", 400)
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    described = dynamodb.describe_table(TableName=name)["Table"]
    assert (described["TableStatus"], described["TableName"]) == ("ACTIVE", name)
    assert dynamodb.describe_table(TableName=made["TableArn"])["Table"]["TableName"] == name
    pages = dynamodb.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 1})
    assert name in [table for page in pages for table in page["TableNames"]]
    dynamodb.delete_table(TableName=name)
    waiter = dynamodb.get_waiter("table_not_exists")
    waiter.wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    absent = ("ResourceNotFoundException", 400)
    assert refusal(dynamodb.describe_table, TableName=name) == absent
    assert refusal(dynamodb.put_item, TableName=name, Item=song("a", "b")) == absent


def test_an_items_life(dynamodb: BaseClient, table: str) -> None:
    item = song("a", "t", year={"N": "1999"}) | {
        "data": {"B": b"\x00\xff"},
        "tags": {"SS": ["x", "y"]},
        "nested": {"M": {"list": {"L": [{"NULL": True}, {"BOOL": False}, {"N": "1.5"}]}}},
    }
    dynamodb.put_item(TableName=table, Item=item)
    key = song("a", "t")
    got = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    assert {**got, "tags": {"SS": sorted(got["tags"]["SS"])}} == item
    projected = dynamodb.get_item(
        TableName=table,
        Key=key,
        ProjectionExpression="#y, nested",
        ExpressionAttributeNames={"#y": "year"},
    )["Item"]
    assert projected == {"year": {"N": "1999"}, "nested": item["nested"]}
    updated = dynamodb.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET #y = #y + :one REMOVE tags",
        ExpressionAttributeNames={"#y": "year"},
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="UPDATED_NEW",
    )
    assert updated["Attributes"] == {"year": {"N": "2000"}}
    deleted = dynamodb.delete_item(TableName=table, Key=key, ReturnValues="ALL_OLD")
    assert deleted["Attributes"]["year"] == {"N": "2000"}
    assert "Item" not in dynamodb.get_item(TableName=table, Key=key)


def test_a_failed_condition_is_told_as_it_is(dynamodb: BaseClient, table: str) -> None:
    dynamodb.put_item(TableName=table, Item=song("a", "t", year={"N": "1"}))
    condition = {"ConditionExpression": "attribute_not_exists(artist)"}
    failed = ("ConditionalCheckFailedException", 400)
    assert refusal(dynamodb.put_item, TableName=table, Item=song("a", "t"), **condition) == failed
    assert refusal(dynamodb.delete_item, TableName=table, Key=song("a", "t"), **condition) == failed
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as error:
        dynamodb.put_item(
            TableName=table, Item=song("a", "t"), **condition, ReturnValuesOnConditionCheckFailure="ALL_OLD"
        )
    assert error.value.response["Item"] == song("a", "t", year={"N": "1"})


def test_a_bad_expression_is_told_as_it_is(dynamodb: BaseClient, table: str) -> None:
    code, status, message = refusal_in_full(
        dynamodb.update_item, TableName=table, Key=song("a", "t"), UpdateExpression="SETTLE x"
    )
    assert (code, status) == ("ValidationException", 400)
    assert message
    missing_key = refusal(dynamodb.get_item, TableName=table, Key={"artist": {"S": "a"}})
    assert missing_key == ("ValidationException", 400)


def test_queries_and_scans(dynamodb: BaseClient, table: str) -> None:
    for number in range(7):
        dynamodb.put_item(TableName=table, Item=song("q", f"t{number}", year={"N": str(2000 + number % 2)}))
    dynamodb.put_item(TableName=table, Item=song("other", "t"))
    by_key: dict[str, Any] = {
        "KeyConditionExpression": "artist = :a AND begins_with(title, :t)",
        "ExpressionAttributeValues": {":a": {"S": "q"}, ":t": {"S": "t"}},
    }
    pages = list(
        dynamodb.get_paginator("query").paginate(TableName=table, **by_key, PaginationConfig={"PageSize": 3})
    )
    titles = [item["title"]["S"] for page in pages for item in page["Items"]]
    assert titles == [f"t{number}" for number in range(7)]
    assert len(pages) == 3
    backwards = dynamodb.query(TableName=table, **by_key, ScanIndexForward=False, Limit=1)
    assert backwards["Items"][0]["title"] == {"S": "t6"}
    assert backwards["LastEvaluatedKey"] == song("q", "t6")
    by_year = dynamodb.query(
        TableName=table,
        IndexName="by-year",
        KeyConditionExpression="#y = :y",
        FilterExpression="title <> :not",
        ExpressionAttributeNames={"#y": "year"},
        ExpressionAttributeValues={":y": {"N": "2001"}, ":not": {"S": "t1"}},
        Select="COUNT",
    )
    assert (by_year["Count"], by_year["ScannedCount"]) == (2, 3)
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, PaginationConfig={"PageSize": 3})
    assert len([item for page in pages for item in page["Items"]]) == 8


def test_batches(dynamodb: BaseClient, table: str) -> None:
    puts = [{"PutRequest": {"Item": song("b", str(number))}} for number in range(25)]
    assert dynamodb.batch_write_item(RequestItems={table: puts})["UnprocessedItems"] == {}
    keys = [song("b", str(number)) for number in range(30)]
    got = dynamodb.batch_get_item(RequestItems={table: {"Keys": keys}})
    assert len(got["Responses"][table]) == 25
    assert got["UnprocessedKeys"] == {}
    deletes = [{"DeleteRequest": {"Key": song("b", str(number))}} for number in range(25)]
    dynamodb.batch_write_item(RequestItems={table: deletes})
    assert dynamodb.scan(TableName=table)["Count"] == 0


def test_transactions(dynamodb: BaseClient, table: str) -> None:
    dynamodb.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": table, "Item": song("t", "1")}},
            {"Put": {"TableName": table, "Item": song("t", "2")}},
        ]
    )
    changes: list[dict[str, Any]] = [
        {"Put": {"TableName": table, "Item": song("t", "3")}},
        {
            "ConditionCheck": {
                "TableName": table,
                "Key": song("t", "9"),
                "ConditionExpression": "attribute_exists(artist)",
            }
        },
        {
            "Update": {
                "TableName": table,
                "Key": song("t", "1"),
                "UpdateExpression": "SET n = :n",
                "ExpressionAttributeValues": {":n": {"N": "1"}},
            }
        },
        {"Delete": {"TableName": table, "Key": song("t", "2")}},
    ]
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as error:
        dynamodb.transact_write_items(TransactItems=changes)
    reasons = [reason["Code"] for reason in error.value.response["CancellationReasons"]]
    assert reasons == ["None", "ConditionalCheckFailed", "None", "None"]
    gets = [{"Get": {"TableName": table, "Key": song("t", title)}} for title in ("1", "2", "3")]
    responses = dynamodb.transact_get_items(TransactItems=gets)["Responses"]
    assert [response.get("Item") for response in responses] == [song("t", "1"), song("t", "2"), None]
    dynamodb.transact_write_items(TransactItems=[changes[0], *changes[2:]])
    assert dynamodb.scan(TableName=table)["Count"] == 2


def test_boto3s_resource_layer(system: RunningSystem, instance_of: InstanceOf, table: str) -> None:
    client = instance_of(allow("dynamodb:*")).client("dynamodb")
    credentials = client._request_signer._credentials
    resource = boto3.resource(
        "dynamodb",
        endpoint_url=system.endpoint,
        region_name=system.region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
    )
    songs = resource.Table(table)
    with songs.batch_writer() as batch:
        for number in range(30):
            batch.put_item(Item={"artist": "r", "title": f"{number:02}", "year": Decimal("1.5")})
    found = songs.query(KeyConditionExpression=Key("artist").eq("r") & Key("title").lt("10"))
    assert [item["title"] for item in found["Items"]] == [f"{number:02}" for number in range(10)]


def test_an_instance_is_held_to_its_tables(instance_of: InstanceOf, table: str) -> None:
    here = f"arn:aws:dynamodb:*:*:table/{table}"
    reading = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:ConditionCheckItem")
    client = instance_of(allow(*reading, on=here)).client("dynamodb")
    key = song("a", "t")
    client.get_item(TableName=table, Key=key)
    code, status, message = refusal_in_full(client.put_item, TableName=table, Item=key)
    assert (code, status) == DENIED
    assert "is not authorized to perform: dynamodb:PutItem on resource: " in message
    assert f":table/{table}" in message
    assert refusal(client.scan, TableName=table) == DENIED
    assert refusal(client.list_tables) == DENIED
    assert refusal(client.get_item, TableName=fresh("other"), Key=key) == DENIED
    by_artist = {"KeyConditionExpression": "artist = :v", "ExpressionAttributeValues": {":v": {"S": "a"}}}
    client.query(TableName=table, **by_artist)
    # An index is a resource of its own: table/NAME/index/INDEX.
    by_year: dict[str, Any] = {
        "IndexName": "by-year",
        "KeyConditionExpression": "#y = :v",
        "ExpressionAttributeNames": {"#y": "year"},
        "ExpressionAttributeValues": {":v": {"N": "1"}},
    }
    assert refusal(client.query, TableName=table, **by_year) == DENIED
    both = {table: {"Keys": [key]}, fresh("other"): {"Keys": [key]}}
    assert refusal(client.batch_get_item, RequestItems=both) == DENIED
    write = {table: [{"DeleteRequest": {"Key": key}}]}
    assert refusal(client.batch_write_item, RequestItems=write) == DENIED
    mixed = [
        {"ConditionCheck": {"TableName": table, "Key": key, "ConditionExpression": "attribute_exists(x)"}},
        {"Put": {"TableName": table, "Item": song("a", "u")}},
    ]
    assert refusal(client.transact_write_items, TransactItems=mixed) == DENIED


def test_an_instance_is_held_to_its_own_items(
    instance_of: InstanceOf, admin: AdminClient, table: str
) -> None:
    """AWS: dynamodb:LeadingKeys with ForAllValues.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]}}
    client = instance_of(
        allow("dynamodb:*", on=f"arn:aws:dynamodb:*:*:table/{table}", Condition=condition),
        deny("dynamodb:Scan"),
    ).client("dynamodb")
    for artist in ("mine", "yours"):
        admin("dynamodb").put_item(TableName=table, Item=song(artist, "t"))
    assert client.get_item(TableName=table, Key=song("mine", "t"))["Item"]
    assert refusal(client.get_item, TableName=table, Key=song("yours", "t")) == DENIED
    client.put_item(TableName=table, Item=song("mine", "new"))
    assert refusal(client.put_item, TableName=table, Item=song("yours", "new")) == DENIED
    assert refusal(client.delete_item, TableName=table, Key=song("yours", "t")) == DENIED

    def query(artist: str) -> dict[str, Any]:
        return {
            "TableName": table,
            "KeyConditionExpression": "#a = :a",
            "ExpressionAttributeNames": {"#a": "artist"},
            "ExpressionAttributeValues": {":a": {"S": artist}},
        }

    assert client.query(**query("mine"))["Count"] == 2
    assert refusal(client.query, **query("yours")) == DENIED
    both = {"RequestItems": {table: {"Keys": [song("mine", "t"), song("yours", "t")]}}}
    assert refusal(client.batch_get_item, **both) == DENIED
    write = {"RequestItems": {table: [{"PutRequest": {"Item": song("yours", "b")}}]}}
    assert refusal(client.batch_write_item, **write) == DENIED
    transaction = [
        {"Put": {"TableName": table, "Item": song("mine", "c")}},
        {"Delete": {"TableName": table, "Key": song("yours", "t")}},
    ]
    assert refusal(client.transact_write_items, TransactItems=transaction) == DENIED
    assert refusal(client.scan, TableName=table) == DENIED
    assert admin("dynamodb").scan(TableName=table)["Count"] == 3


def test_a_region_has_its_own_tables(system: RunningSystem, table: str) -> None:
    other = system.client("dynamodb", region_name="eu-central-1")
    assert refusal(other.describe_table, TableName=table) == ("ResourceNotFoundException", 400)
    made = other.create_table(TableName=table, **SONGS)["TableDescription"]
    assert made["TableArn"].startswith("arn:aws:dynamodb:eu-central-1:")


def test_what_is_not_offered_is_refused(admin: AdminClient, table: str) -> None:
    dynamodb = admin("dynamodb")
    assert refusal(dynamodb.execute_statement, Statement=f'SELECT * FROM "{table}"') == (
        "UnknownOperationException",
        400,
    )
    assert refusal(dynamodb.list_backups) == ("UnknownOperationException", 400)
    expiry = {"Enabled": True, "AttributeName": "x"}
    refused = refusal(dynamodb.update_time_to_live, TableName=table, TimeToLiveSpecification=expiry)
    assert refused == ("UnknownOperationException", 400)
