"""The SQS operations that are forwarded; any other is refused as not authorized.

AWS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
"""

from tabard.services.operation import Forward
from tabard.services.sqs.checks import on_named_queue, on_no_queue, on_queue

OPERATIONS = (
    Forward("CreateQueue", on_named_queue("sqs:CreateQueue")),
    Forward("GetQueueUrl", on_named_queue("sqs:GetQueueUrl")),
    Forward("ListQueues", on_no_queue("sqs:ListQueues")),
    Forward("DeleteQueue", on_queue("sqs:DeleteQueue")),
    Forward("PurgeQueue", on_queue("sqs:PurgeQueue")),
    Forward("GetQueueAttributes", on_queue("sqs:GetQueueAttributes")),
    Forward("SetQueueAttributes", on_queue("sqs:SetQueueAttributes")),
    Forward("SendMessage", on_queue("sqs:SendMessage")),
    Forward("SendMessageBatch", on_queue("sqs:SendMessage")),
    Forward("ReceiveMessage", on_queue("sqs:ReceiveMessage")),
    Forward("DeleteMessage", on_queue("sqs:DeleteMessage")),
    Forward("DeleteMessageBatch", on_queue("sqs:DeleteMessage")),
    Forward("ChangeMessageVisibility", on_queue("sqs:ChangeMessageVisibility")),
    Forward("ChangeMessageVisibilityBatch", on_queue("sqs:ChangeMessageVisibility")),
)
