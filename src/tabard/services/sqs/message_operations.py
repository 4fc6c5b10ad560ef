"""The forwarded operations on messages."""

from collections.abc import Mapping

from tabard.access.authorize import Permit
from tabard.services.operation import Forward, Operation
from tabard.services.sqs.bounds import check_bounds
from tabard.services.sqs.checks import on_queue
from tabard.services.sqs.members import QUEUE, check_numbers, each, members
from tabard.services.sqs.messages import check_entries, check_messages
from tabard.wire.request import Value


def _check_messages(arguments: Mapping[str, Value], _permit: Permit) -> None:
    check_entries(arguments)
    check_bounds(arguments)
    check_messages(arguments)


def _check_entries(arguments: Mapping[str, Value], _permit: Permit) -> None:
    check_entries(arguments)
    check_bounds(arguments)


_MESSAGE = (
    "MessageBody",
    "DelaySeconds",
    *each("MessageAttributes.*", "StringValue", "BinaryValue", "DataType"),
    "MessageDeduplicationId",
    "MessageGroupId",
)

OPERATIONS: tuple[Operation, ...] = (
    Forward(
        "SendMessage",
        on_queue("sqs:SendMessage"),
        members(
            *QUEUE, *_MESSAGE, *each("MessageSystemAttributes.AWSTraceHeader", "StringValue", "DataType")
        ),
        _check_messages,
    ),
    Forward(
        "SendMessageBatch",
        on_queue("sqs:SendMessage"),
        members(*QUEUE, *each("Entries", "Id", *_MESSAGE)),
        _check_messages,
        actions=("sqs:SendMessage",),
    ),
    Forward(
        "ReceiveMessage",
        on_queue("sqs:ReceiveMessage"),
        members(
            *QUEUE,
            "AttributeNames",
            "MessageSystemAttributeNames",
            "MessageAttributeNames",
            "MaxNumberOfMessages",
            "VisibilityTimeout",
            "WaitTimeSeconds",
        ),
        check_numbers,
    ),
    Forward("DeleteMessage", on_queue("sqs:DeleteMessage"), members(*QUEUE, "ReceiptHandle")),
    Forward(
        "DeleteMessageBatch",
        on_queue("sqs:DeleteMessage"),
        members(*QUEUE, *each("Entries", "Id", "ReceiptHandle")),
        _check_entries,
        actions=("sqs:DeleteMessage",),
    ),
    Forward(
        "ChangeMessageVisibility",
        on_queue("sqs:ChangeMessageVisibility"),
        members(*QUEUE, "ReceiptHandle", "VisibilityTimeout"),
        check_numbers,
    ),
    Forward(
        "ChangeMessageVisibilityBatch",
        on_queue("sqs:ChangeMessageVisibility"),
        members(*QUEUE, *each("Entries", "Id", "ReceiptHandle", "VisibilityTimeout")),
        _check_entries,
        actions=("sqs:ChangeMessageVisibility",),
    ),
)
