"""The forwarded DynamoDB operations, each with the members that measurements of the upstream confirmed.

Any other operation, and any other member, is refused as not offered. The measurement is a test: it checks the
effect of every member of these lists in the embedded engine.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
Differs: members that the embedded engine would ignore are refused with a ValidationException: the legacy
    parameters Expected, AttributeUpdates, QueryFilter, ScanFilter, ConditionalOperator and AttributesToGet,
    and of CreateTable the streams, encryption, table class, on-demand and warm throughput.
"""

import dataclasses
from types import MappingProxyType

from tabard.services.accepted_members import accepted
from tabard.services.dynamodb.checks import (
    Checks,
    getting_batch,
    on_item,
    on_no_table,
    on_table,
    reading_many,
    tables_in,
    transacting,
    writing_batch,
)
from tabard.services.dynamodb.key_checks import check_keys
from tabard.services.dynamodb.tables import forget_keys
from tabard.services.dynamodb.validation import validate
from tabard.services.operation import Forward

_ADVICE = MappingProxyType(
    {
        "AttributesToGet": "use ProjectionExpression",
        "AttributeUpdates": "use UpdateExpression",
        "ConditionalOperator": "use ConditionExpression or FilterExpression",
        "DeletionProtectionEnabled": "no operation here could end the protection",
        "Expected": "use ConditionExpression",
        "QueryFilter": "use FilterExpression",
        "ResourcePolicy": "use identity-based policies",
        "ScanFilter": "use FilterExpression",
        "Tags": "table tags are not supported, because no policy would see them",
        "TransactItems.Get.ExpressionAttributeNames": "use GetItem or BatchGetItem",
        "TransactItems.Get.ProjectionExpression": (
            "ProjectionExpression is not supported in TransactGetItems; use GetItem or BatchGetItem"
        ),
    }
)


def _forward(name: str, checks: Checks, *members: str, actions: tuple[str, ...] | None = None) -> Forward:
    accepts = accepted(*members, advice=_ADVICE)
    return Forward(name, checks, accepts, validate, actions=actions, tables=tables_in, check_keys=check_keys)


def _changing_table(name: str, *members: str) -> Forward:
    row = _forward(name, on_table(f"dynamodb:{name}"), *members)
    return dataclasses.replace(row, after_success=forget_keys)


_NAMES = ("ExpressionAttributeNames",)
_CONDITION = (
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValuesOnConditionCheckFailure",
)
_WRITING = ("ReturnValues", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics=NONE", *_CONDITION)
_READING = (
    "TableName",
    "IndexName",
    "Select",
    "Limit",
    "ConsistentRead",
    "ExclusiveStartKey",
    "ReturnConsumedCapacity",
    "ProjectionExpression",
    "FilterExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
)
_INDEX = (
    "IndexName",
    "KeySchema.AttributeName",
    "KeySchema.KeyType",
    "Projection.ProjectionType",
    "Projection.NonKeyAttributes",
)
_THROUGHPUT = ("ProvisionedThroughput.ReadCapacityUnits", "ProvisionedThroughput.WriteCapacityUnits")


def _each(prefix: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}.{name}" for name in names)


OPERATIONS = (
    _changing_table(
        "CreateTable",
        "TableName",
        *_each("AttributeDefinitions", "AttributeName", "AttributeType"),
        *_each("KeySchema", "AttributeName", "KeyType"),
        *_each("LocalSecondaryIndexes", *_INDEX),
        *_each("GlobalSecondaryIndexes", *_INDEX, *_THROUGHPUT),
        "BillingMode",
        *_THROUGHPUT,
        "TableClass=STANDARD",
        "DeletionProtectionEnabled=false",
        "StreamSpecification.StreamEnabled=false",
        "SSESpecification.Enabled=false",
        "Tags=",
    ),
    _forward("DescribeTable", on_table("dynamodb:DescribeTable"), "TableName"),
    _forward("ListTables", on_no_table("dynamodb:ListTables"), "ExclusiveStartTableName", "Limit"),
    _changing_table("DeleteTable", "TableName"),
    _forward(
        "GetItem",
        on_item("dynamodb:GetItem"),
        "TableName",
        "Key",
        "ConsistentRead",
        "ReturnConsumedCapacity",
        "ProjectionExpression",
        *_NAMES,
    ),
    _forward("PutItem", on_item("dynamodb:PutItem"), "TableName", "Item", *_WRITING),
    _forward(
        "UpdateItem",
        on_item("dynamodb:UpdateItem"),
        "TableName",
        "Key",
        "UpdateExpression",
        *_WRITING,
    ),
    _forward("DeleteItem", on_item("dynamodb:DeleteItem"), "TableName", "Key", *_WRITING),
    _forward(
        "Query",
        reading_many("dynamodb:Query"),
        *_READING,
        "KeyConditionExpression",
        *_each("KeyConditions.*", "AttributeValueList", "ComparisonOperator"),
        "ScanIndexForward",
    ),
    _forward("Scan", reading_many("dynamodb:Scan"), *_READING, "TotalSegments", "Segment"),
    _forward(
        "BatchGetItem",
        getting_batch,
        *_each("RequestItems.*", "Keys", "ConsistentRead", "ProjectionExpression", *_NAMES),
        "ReturnConsumedCapacity",
    ),
    _forward(
        "BatchWriteItem",
        writing_batch,
        *_each("RequestItems.*", "PutRequest.Item", "DeleteRequest.Key"),
        "ReturnConsumedCapacity",
        "ReturnItemCollectionMetrics=NONE",
    ),
    _forward(
        "TransactGetItems",
        transacting("TransactGetItems"),
        *_each("TransactItems.Get", "TableName", "Key"),
        "ReturnConsumedCapacity",
        actions=("dynamodb:GetItem",),
    ),
    _forward(
        "TransactWriteItems",
        transacting("TransactWriteItems"),
        *_each("TransactItems.Put", "TableName", "Item", *_CONDITION),
        *_each("TransactItems.Update", "TableName", "Key", "UpdateExpression", *_CONDITION),
        *_each("TransactItems.Delete", "TableName", "Key", *_CONDITION),
        *_each("TransactItems.ConditionCheck", "TableName", "Key", *_CONDITION),
        "ClientRequestToken",
        "ReturnConsumedCapacity=NONE",
        "ReturnItemCollectionMetrics=NONE",
        actions=(
            "dynamodb:ConditionCheckItem",
            "dynamodb:DeleteItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
        ),
    ),
)
