"""The DynamoDB operations that are forwarded, each with the members that the upstream was measured to honor.

Any other operation, and any other member, is refused as not offered. The measurement is a test: it asks the
embedded engine for the effect of every member of these lists.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
Differs: members that the embedded engine would ignore are refused with a ValidationException: the legacy
    parameters Expected, AttributeUpdates, QueryFilter, ScanFilter, ConditionalOperator and AttributesToGet,
    and of CreateTable the streams, encryption, table class, on-demand and warm throughput.
"""

from types import MappingProxyType

from tabard.services.accepted_members import AcceptedMembers, accepted
from tabard.services.dynamodb.checks import (
    getting_batch,
    on_item,
    on_no_table,
    on_table,
    reading_many,
    transacting,
    writing_batch,
)
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


def _members(*names: str) -> AcceptedMembers:
    return accepted(*names, advice=_ADVICE)


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
    Forward(
        "CreateTable",
        on_table("dynamodb:CreateTable"),
        _members(
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
    ),
    Forward("DescribeTable", on_table("dynamodb:DescribeTable"), _members("TableName")),
    Forward("ListTables", on_no_table("dynamodb:ListTables"), _members("ExclusiveStartTableName", "Limit")),
    Forward("DeleteTable", on_table("dynamodb:DeleteTable"), _members("TableName")),
    Forward(
        "GetItem",
        on_item("dynamodb:GetItem"),
        _members(
            "TableName", "Key", "ConsistentRead", "ReturnConsumedCapacity", "ProjectionExpression", *_NAMES
        ),
    ),
    Forward("PutItem", on_item("dynamodb:PutItem"), _members("TableName", "Item", *_WRITING)),
    Forward(
        "UpdateItem",
        on_item("dynamodb:UpdateItem"),
        _members("TableName", "Key", "UpdateExpression", *_WRITING),
    ),
    Forward("DeleteItem", on_item("dynamodb:DeleteItem"), _members("TableName", "Key", *_WRITING)),
    Forward(
        "Query",
        reading_many("dynamodb:Query"),
        _members(
            *_READING,
            "KeyConditionExpression",
            *_each("KeyConditions.*", "AttributeValueList", "ComparisonOperator"),
            "ScanIndexForward",
        ),
    ),
    Forward("Scan", reading_many("dynamodb:Scan"), _members(*_READING, "TotalSegments", "Segment")),
    Forward(
        "BatchGetItem",
        getting_batch,
        _members(
            *_each("RequestItems.*", "Keys", "ConsistentRead", "ProjectionExpression", *_NAMES),
            "ReturnConsumedCapacity",
        ),
    ),
    Forward(
        "BatchWriteItem",
        writing_batch,
        _members(
            *_each("RequestItems.*", "PutRequest.Item", "DeleteRequest.Key"),
            "ReturnConsumedCapacity",
            "ReturnItemCollectionMetrics=NONE",
        ),
    ),
    Forward(
        "TransactGetItems",
        transacting("TransactGetItems"),
        _members(*_each("TransactItems.Get", "TableName", "Key"), "ReturnConsumedCapacity"),
    ),
    Forward(
        "TransactWriteItems",
        transacting("TransactWriteItems"),
        _members(
            *_each("TransactItems.Put", "TableName", "Item", *_CONDITION),
            *_each("TransactItems.Update", "TableName", "Key", "UpdateExpression", *_CONDITION),
            *_each("TransactItems.Delete", "TableName", "Key", *_CONDITION),
            *_each("TransactItems.ConditionCheck", "TableName", "Key", *_CONDITION),
            "ClientRequestToken",
            "ReturnConsumedCapacity=NONE",
            "ReturnItemCollectionMetrics=NONE",
        ),
    ),
)
