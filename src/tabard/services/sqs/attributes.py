"""The supported attributes of a queue: those that the upstream enforces.

AWS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from tabard.names import Arn
from tabard.services.operation import Facts
from tabard.services.sqs.errors import (
    InvalidAttributeName,
    InvalidAttributeValue,
    QueueDoesNotExist,
    UnsupportedOperation,
)
from tabard.wire.request import Value

_RANGES = MappingProxyType(
    {
        "DelaySeconds": (0, 900),
        "MaximumMessageSize": (1024, 1_048_576),  # bytes
        "MessageRetentionPeriod": (60, 1_209_600),  # seconds
        "ReceiveMessageWaitTimeSeconds": (0, 20),
        "VisibilityTimeout": (0, 43_200),  # seconds
    }
)
_WORDS = MappingProxyType(
    {
        "ContentBasedDeduplication": frozenset(("true", "false")),
        "DeduplicationScope": frozenset(("messageGroup", "queue")),
        "FifoQueue": frozenset(("true", "false")),
        "FifoThroughputLimit": frozenset(("perQueue", "perMessageGroupId")),
    }
)
_UNSUPPORTED = frozenset(
    ("KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "Policy", "RedriveAllowPolicy", "SqsManagedSseEnabled")
)
_REMOVED_BY_EMPTY_TEXT = frozenset(("KmsMasterKeyId", "Policy"))
_NUMBER = re.compile(r"[0-9]{1,10}")
_RECEIVE_COUNTS = range(1, 1001)


def check_attributes(attributes: Value | None, facts: Facts, *, is_fifo: bool) -> None:
    """Refuse attributes that the upstream would store but not enforce.

    Raises:
        UnsupportedOperation (400): an attribute that the upstream does not honor.
        InvalidAttributeName (400): an attribute that callers cannot set, or only on FIFO queues.
        InvalidAttributeValue (400). QueueDoesNotExist (400): dead letters would leave the account or region.
    Differs: queues have no resource-based policy, no redrive allow policy and no encryption of their own; an
        attribute that the upstream would not enforce is refused.
    """
    for name, value in attributes.items() if isinstance(attributes, dict) else ():
        text = str(value)
        if name in _RANGES:
            low, high = _RANGES[name]
            if not _NUMBER.fullmatch(text) or not low <= int(text) <= high:
                raise InvalidAttributeValue(name=name)
        elif name in _WORDS and is_fifo:
            if text not in _WORDS[name]:
                raise InvalidAttributeValue(name=name)
        elif name == "RedrivePolicy":
            _check_redrive(text, facts)
        elif name not in _UNSUPPORTED:
            raise InvalidAttributeName(name=name)
        elif text or name not in _REMOVED_BY_EMPTY_TEXT:
            advice = "; use identity-based policies" if name == "Policy" else ""
            raise UnsupportedOperation(reason=f"The queue attribute {name} is not supported{advice}.")


def _check_redrive(text: str, facts: Facts) -> None:
    """Check that the dead-letter queue is in this account and region; an empty text removes the policy.

    AWS: "By default, Amazon SQS allows any source queue in the same account and Region to use the queue as a
    dead-letter queue"; it is sqs:SetQueueAttributes on the source alone that is asked for.
    """
    if not text:
        return
    try:
        policy = msgspec.json.decode(text.encode(), type=dict[str, str | int])
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise InvalidAttributeValue(name="RedrivePolicy") from None
    if policy.keys() != {"deadLetterTargetArn", "maxReceiveCount"} or not _is_receive_count(policy):
        raise InvalidAttributeValue(name="RedrivePolicy")
    arn = Arn.parse(str(policy["deadLetterTargetArn"]))
    if arn is None or arn.service != "sqs":
        raise InvalidAttributeValue(name="RedrivePolicy")
    if (arn.partition, arn.region, arn.account_id) != (facts.partition, facts.region, facts.account_id):
        raise QueueDoesNotExist


def _is_receive_count(policy: Mapping[str, str | int]) -> bool:
    text = str(policy["maxReceiveCount"])
    return _NUMBER.fullmatch(text) is not None and int(text) in _RECEIVE_COUNTS
