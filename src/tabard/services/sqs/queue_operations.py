"""The forwarded operations on queues."""

from tabard.services.operation import Forward, Operation
from tabard.services.sqs.checks import on_named_queue, on_no_queue, on_queue
from tabard.services.sqs.members import QUEUE, check_numbers, members

OPERATIONS: tuple[Operation, ...] = (
    Forward("CreateQueue", on_named_queue("sqs:CreateQueue"), members("QueueName", "Attributes", "tags=")),
    Forward("GetQueueUrl", on_named_queue("sqs:GetQueueUrl"), members("QueueName", "QueueOwnerAWSAccountId")),
    Forward(
        "ListQueues",
        on_no_queue("sqs:ListQueues"),
        members("QueueNamePrefix", "NextToken", "MaxResults"),
        check_numbers,
    ),
    Forward("DeleteQueue", on_queue("sqs:DeleteQueue"), members(*QUEUE)),
    Forward("PurgeQueue", on_queue("sqs:PurgeQueue"), members(*QUEUE)),
    Forward("GetQueueAttributes", on_queue("sqs:GetQueueAttributes"), members(*QUEUE, "AttributeNames")),
    Forward("SetQueueAttributes", on_queue("sqs:SetQueueAttributes"), members(*QUEUE, "Attributes")),
)
