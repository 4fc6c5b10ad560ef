"""The forwarded operations on items of several tables: batches and transactions."""

from tabard.services.dynamodb.checks import getting_batch, transacting, writing_batch
from tabard.services.dynamodb.members import CONDITION, NAMES, each, forward
from tabard.services.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    forward(
        "BatchGetItem",
        getting_batch,
        *each("RequestItems.*", "Keys", "ConsistentRead", "ProjectionExpression", *NAMES),
        "ReturnConsumedCapacity",
    ),
    forward(
        "BatchWriteItem",
        writing_batch,
        *each("RequestItems.*", "PutRequest.Item", "DeleteRequest.Key"),
        "ReturnConsumedCapacity",
        "ReturnItemCollectionMetrics=NONE",
    ),
    forward(
        "TransactGetItems",
        transacting("TransactGetItems"),
        *each("TransactItems.Get", "TableName", "Key"),
        "ReturnConsumedCapacity",
        actions=("dynamodb:GetItem",),
    ),
    forward(
        "TransactWriteItems",
        transacting("TransactWriteItems"),
        *each("TransactItems.Put", "TableName", "Item", *CONDITION),
        *each("TransactItems.Update", "TableName", "Key", "UpdateExpression", *CONDITION),
        *each("TransactItems.Delete", "TableName", "Key", *CONDITION),
        *each("TransactItems.ConditionCheck", "TableName", "Key", *CONDITION),
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
