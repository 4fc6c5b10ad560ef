"""The forwarded SQS operations, each with the members that measurements of the upstream confirmed.

Any other operation, and any other member, is refused as not offered. The measurement is a test: it checks the
effect of every member of these lists in the embedded engine.

AWS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
Differs: members that the embedded engine would ignore are refused with UnsupportedOperation:
    ReceiveRequestAttemptId, message system attributes in SendMessageBatch, and queue tags.
"""

from collections.abc import Mapping
from types import MappingProxyType

from tabard.access.authorize import Permit
from tabard.services.accepted_members import AcceptedMembers, accepted
from tabard.services.operation import Forward
from tabard.services.sqs.bounds import check_bounds
from tabard.services.sqs.checks import on_named_queue, on_no_queue, on_queue
from tabard.services.sqs.messages import check_entries, check_messages
from tabard.wire.request import Value

_ADVICE = MappingProxyType(
    {
        "tags": "queue tags are not supported, because no policy would see them",
        "Entries.MessageSystemAttributes": "use SendMessage",
    }
)


def _members(*names: str) -> AcceptedMembers:
    return accepted(*names, advice=_ADVICE)


def _each(prefix: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}.{name}" for name in names)


def _check_numbers(arguments: Mapping[str, Value], _permit: Permit) -> None:
    check_bounds(arguments)


def _check_messages(arguments: Mapping[str, Value], _permit: Permit) -> None:
    check_entries(arguments)
    check_bounds(arguments)
    check_messages(arguments)


def _check_entries(arguments: Mapping[str, Value], _permit: Permit) -> None:
    check_entries(arguments)
    check_bounds(arguments)


_QUEUE = ("QueueUrl",)
_MESSAGE = (
    "MessageBody",
    "DelaySeconds",
    *_each("MessageAttributes.*", "StringValue", "BinaryValue", "DataType"),
    "MessageDeduplicationId",
    "MessageGroupId",
)

OPERATIONS = (
    Forward("CreateQueue", on_named_queue("sqs:CreateQueue"), _members("QueueName", "Attributes", "tags=")),
    Forward(
        "GetQueueUrl", on_named_queue("sqs:GetQueueUrl"), _members("QueueName", "QueueOwnerAWSAccountId")
    ),
    Forward(
        "ListQueues",
        on_no_queue("sqs:ListQueues"),
        _members("QueueNamePrefix", "NextToken", "MaxResults"),
        _check_numbers,
    ),
    Forward("DeleteQueue", on_queue("sqs:DeleteQueue"), _members(*_QUEUE)),
    Forward("PurgeQueue", on_queue("sqs:PurgeQueue"), _members(*_QUEUE)),
    Forward("GetQueueAttributes", on_queue("sqs:GetQueueAttributes"), _members(*_QUEUE, "AttributeNames")),
    Forward("SetQueueAttributes", on_queue("sqs:SetQueueAttributes"), _members(*_QUEUE, "Attributes")),
    Forward(
        "SendMessage",
        on_queue("sqs:SendMessage"),
        _members(
            *_QUEUE, *_MESSAGE, *_each("MessageSystemAttributes.AWSTraceHeader", "StringValue", "DataType")
        ),
        _check_messages,
    ),
    Forward(
        "SendMessageBatch",
        on_queue("sqs:SendMessage"),
        _members(*_QUEUE, *_each("Entries", "Id", *_MESSAGE)),
        _check_messages,
        actions=("sqs:SendMessage",),
    ),
    Forward(
        "ReceiveMessage",
        on_queue("sqs:ReceiveMessage"),
        _members(
            *_QUEUE,
            "AttributeNames",
            "MessageSystemAttributeNames",
            "MessageAttributeNames",
            "MaxNumberOfMessages",
            "VisibilityTimeout",
            "WaitTimeSeconds",
        ),
        _check_numbers,
    ),
    Forward("DeleteMessage", on_queue("sqs:DeleteMessage"), _members(*_QUEUE, "ReceiptHandle")),
    Forward(
        "DeleteMessageBatch",
        on_queue("sqs:DeleteMessage"),
        _members(*_QUEUE, *_each("Entries", "Id", "ReceiptHandle")),
        _check_entries,
        actions=("sqs:DeleteMessage",),
    ),
    Forward(
        "ChangeMessageVisibility",
        on_queue("sqs:ChangeMessageVisibility"),
        _members(*_QUEUE, "ReceiptHandle", "VisibilityTimeout"),
        _check_numbers,
    ),
    Forward(
        "ChangeMessageVisibilityBatch",
        on_queue("sqs:ChangeMessageVisibility"),
        _members(*_QUEUE, *_each("Entries", "Id", "ReceiptHandle", "VisibilityTimeout")),
        _check_entries,
        actions=("sqs:ChangeMessageVisibility",),
    ),
)
