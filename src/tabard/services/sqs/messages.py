"""The rules for messages, so that a receiver gets exactly the sent message.

AWS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html and
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
"""

import re
from collections.abc import Mapping

from tabard.services.sqs.errors import (
    BatchEntryIdsNotDistinct,
    EmptyMessageAttribute,
    InvalidBatchEntryId,
    InvalidMessage,
    InvalidMessageContents,
    MissingMessageBody,
    NotForThisQueueType,
)
from tabard.wire.request import Value

# AWS: "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
_OUTSIDE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
# AWS: "alphanumeric characters (a-z, A-Z, 0-9) and punctuation"
_TOKEN = re.compile(r"[!-~]{1,128}")
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?")
_VALUE_MEMBERS = {"String": "StringValue", "Number": "StringValue", "Binary": "BinaryValue"}
_RESERVED = ("aws.", "amazon.")
MOST_ATTRIBUTES = 10
MOST_NAME_CHARACTERS = 256


def check_entries(arguments: Mapping[str, Value]) -> None:
    """Refuse a batch whose entries cannot be distinguished.

    Raises:
        InvalidBatchEntryId, BatchEntryIdsNotDistinct (400).
    """
    entries = arguments.get("Entries")
    seen: set[str] = set()
    for entry in entries if isinstance(entries, list) else ():
        entry_id = str(entry.get("Id", "")) if isinstance(entry, dict) else ""
        if not _ENTRY_ID.fullmatch(entry_id):
            raise InvalidBatchEntryId
        if entry_id in seen:
            raise BatchEntryIdsNotDistinct(entry_id=entry_id)
        seen.add(entry_id)


def check_messages(arguments: Mapping[str, Value]) -> None:
    """Refuse messages that no AWS queue accepts, after the decision.

    Raises:
        MissingMessageBody, InvalidMessageContents, EmptyMessageAttribute, InvalidMessage, NotForThisQueueType
        (400).
    Differs: one invalid message refuses its whole batch, not only its entry.
    """
    entries = arguments.get("Entries")
    is_fifo = str(arguments.get("QueueUrl", "")).endswith(".fifo")
    for message in entries if isinstance(entries, list) else (arguments,):
        if isinstance(message, Mapping):
            _check_message(message, is_fifo=is_fifo)


def _check_message(message: Mapping[str, Value], *, is_fifo: bool) -> None:
    # AWS: "DelaySeconds … When you set FifoQueue, you can't set DelaySeconds per message";
    # "MessageDeduplicationId … This parameter applies only to FIFO (first-in-first-out) queues."
    member = "DelaySeconds" if is_fifo else "MessageDeduplicationId"
    if message.get(member):
        raise NotForThisQueueType(value=message[member], member=member)
    for member in ("MessageGroupId", "MessageDeduplicationId"):
        if member in message and not _TOKEN.fullmatch(str(message[member])):
            raise InvalidMessage(
                reason=f"Value {message[member]!s} for parameter {member} is invalid. Reason: {member} can "
                "only include alphanumeric and punctuation characters. 1 to 128 in length."
            )
    body = message.get("MessageBody")
    if not isinstance(body, str) or not body:
        raise MissingMessageBody
    if _OUTSIDE.search(body):
        raise InvalidMessageContents
    attributes = message.get("MessageAttributes")
    if isinstance(attributes, dict):
        if len(attributes) > MOST_ATTRIBUTES:
            raise InvalidMessage(
                reason=f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum "
                f"[{MOST_ATTRIBUTES}]."
            )
        for name, attribute in attributes.items():
            _check_name(name)
            _check_attribute(name, attribute)


def _check_name(name: str) -> None:
    """Check a name: with a name that breaks these rules, the engine would never deliver the message.

    AWS: "The name must not start with an AWS-reserved prefix such as AWS. or Amazon. (or any casing
    variants). The name must not start or end with a period (.), and it should not have periods in succession
    (..). The name can be up to 256 characters long."
    """
    if not _ATTRIBUTE_NAME.fullmatch(name):
        raise InvalidMessage(
            reason=f"The message attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, "
            "0-9, underscore (_), hyphen (-), and period (.) characters."
        )
    if len(name) > MOST_NAME_CHARACTERS:
        raise InvalidMessage(
            reason=f"Length of message attribute name must be less than {MOST_NAME_CHARACTERS} bytes."
        )
    if name.lower().startswith(_RESERVED):
        raise InvalidMessage(
            reason="You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings "
            "are reserved for internal use."
        )
    if name.startswith(".") or name.endswith(".") or ".." in name:
        raise InvalidMessage(
            reason=f"The message attribute name '{name}' is invalid. It can't start or end with a period, "
            "nor have periods in succession."
        )


def _check_attribute(name: str, attribute: Value) -> None:
    data_type = attribute.get("DataType") if isinstance(attribute, dict) else None
    if not isinstance(attribute, dict) or not isinstance(data_type, str):
        raise InvalidMessage(reason=f"The message attribute '{name}' must contain a message attribute type.")
    kind = data_type.partition(".")[0]
    wanted = _VALUE_MEMBERS.get(kind)
    if wanted is None or len(data_type) > MOST_NAME_CHARACTERS or not _ATTRIBUTE_NAME.fullmatch(data_type):
        raise InvalidMessage(
            reason=f"The message attribute '{name}' has an invalid message attribute type, the set of "
            "supported type prefixes is Binary, Number, and String."
        )
    given = [member for member in ("StringValue", "BinaryValue") if member in attribute]
    if any(not attribute[member] for member in given) or not given:
        raise EmptyMessageAttribute(name=name, data_type=data_type)
    if given != [wanted]:
        raise InvalidMessage(
            reason=f"The message attribute '{name}' with type '{data_type}' must use field "
            f"'{wanted.removesuffix('Value')}'."
        )
    text = attribute[wanted]
    if isinstance(text, str) and _OUTSIDE.search(text):
        raise InvalidMessageContents
    if kind == "Number" and not _NUMBER.fullmatch(str(text)):
        raise InvalidMessage(reason=f"Can't cast the value of message (user) attribute '{name}' to a number.")
