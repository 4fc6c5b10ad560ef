"""The forwarded DynamoDB operations, each with the members that measurements of the upstream confirmed.

Any other operation, and any other member, is refused as not offered. The measurement is a test: it checks the
effect of every member of these lists in the embedded engine.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
Differs: members that the embedded engine would ignore are refused with a ValidationException: the legacy
    parameters Expected, AttributeUpdates, QueryFilter, ScanFilter, ConditionalOperator and AttributesToGet,
    and of CreateTable the streams, encryption, table class, on-demand and warm throughput.
"""

from tabard.services.dynamodb import batch_operations, item_operations, table_operations
from tabard.services.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *table_operations.OPERATIONS,
    *item_operations.OPERATIONS,
    *batch_operations.OPERATIONS,
)
