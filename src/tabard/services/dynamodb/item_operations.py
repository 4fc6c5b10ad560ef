"""The forwarded operations on the items of one table."""

from tabard.services.dynamodb.checks import on_item, reading_many
from tabard.services.dynamodb.members import CONDITION, NAMES, each, forward
from tabard.services.operation import Operation

_WRITING = ("ReturnValues", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics=NONE", *CONDITION)
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
OPERATIONS: tuple[Operation, ...] = (
    forward(
        "GetItem",
        on_item("dynamodb:GetItem"),
        "TableName",
        "Key",
        "ConsistentRead",
        "ReturnConsumedCapacity",
        "ProjectionExpression",
        *NAMES,
    ),
    forward("PutItem", on_item("dynamodb:PutItem"), "TableName", "Item", *_WRITING),
    forward(
        "UpdateItem",
        on_item("dynamodb:UpdateItem"),
        "TableName",
        "Key",
        "UpdateExpression",
        *_WRITING,
    ),
    forward("DeleteItem", on_item("dynamodb:DeleteItem"), "TableName", "Key", *_WRITING),
    forward(
        "Query",
        reading_many("dynamodb:Query"),
        *_READING,
        "KeyConditionExpression",
        *each("KeyConditions.*", "AttributeValueList", "ComparisonOperator"),
        "ScanIndexForward",
    ),
    forward("Scan", reading_many("dynamodb:Scan"), *_READING, "TotalSegments", "Segment"),
)
