"""The forwarded SQS operations, each with the members that measurements of the upstream confirmed.

Any other operation, and any other member, is refused as not offered. The measurement is a test: it checks the
effect of every member of these lists in the embedded engine.

AWS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
Differs: members that the embedded engine would ignore are refused with UnsupportedOperation:
    ReceiveRequestAttemptId, message system attributes in SendMessageBatch, and queue tags.
"""

from tabard.services.operation import Operation
from tabard.services.sqs import message_operations, queue_operations

OPERATIONS: tuple[Operation, ...] = (*queue_operations.OPERATIONS, *message_operations.OPERATIONS)
