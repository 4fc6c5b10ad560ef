"""What a message may be, so that who receives it gets what was sent.

AWS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""

import re
from collections.abc import Iterator, Mapping

from tabard.services.sqs.errors import (
    EmptyMessageAttribute,
    InvalidMessageContents,
    MissingMessageBody,
    NotForThisQueueType,
)
from tabard.wire.request import Value

# AWS: "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
_OUTSIDE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


SENDING = frozenset(("SendMessage", "SendMessageBatch"))


def check_messages(arguments: Mapping[str, Value]) -> None:
    """Refuse messages that no queue of AWS's takes, once it is allowed to send any.

    Raises:
        MissingMessageBody, InvalidMessageContents, EmptyMessageAttribute, NotForThisQueueType (400).
    Differs: one message that is none refuses its whole batch, not its entry alone.
    """
    entries = arguments.get("Entries")
    is_fifo = str(arguments.get("QueueUrl", "")).endswith(".fifo")
    for message in entries if isinstance(entries, list) else (arguments,):
        if not isinstance(message, Mapping):
            continue
        # AWS: "DelaySeconds … When you set FifoQueue, you can't set DelaySeconds per message";
        # "MessageDeduplicationId … This parameter applies only to FIFO (first-in-first-out) queues."
        member = "DelaySeconds" if is_fifo else "MessageDeduplicationId"
        if message.get(member):
            raise NotForThisQueueType(value=message[member], member=member)
        body = message.get("MessageBody")
        if not isinstance(body, str) or not body:
            raise MissingMessageBody
        if any(_OUTSIDE.search(text) for text in (body, *_texts(message.get("MessageAttributes")))):
            raise InvalidMessageContents


def _texts(attributes: Value | None) -> Iterator[str]:
    """The texts among the message's attributes. Raises EmptyMessageAttribute."""
    for name, attribute in attributes.items() if isinstance(attributes, dict) else ():
        if not isinstance(attribute, dict):
            continue
        for kind in ("StringValue", "BinaryValue"):
            value = attribute.get(kind)
            if value is not None and not value:
                raise EmptyMessageAttribute(name=name, data_type=attribute.get("DataType"))
            if isinstance(value, str):
                yield value
