"""The bounds of numbers in SQS requests, which the engine does not enforce or words differently.

AWS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html, and the
pages of SendMessage, ChangeMessageVisibility and ListQueues.
"""

from collections.abc import Mapping
from types import MappingProxyType

from tabard.services.sqs.errors import InvalidMessage
from tabard.wire.request import Value

_BOUNDS = MappingProxyType(
    {
        "DelaySeconds": (0, 900, "DelaySeconds must be >= 0 and <= 900."),
        "MaxNumberOfMessages": (1, 10, "Must be between 1 and 10, if provided."),
        "MaxResults": (1, 1000, "MaxResults must be an integer between 1 and 1000."),
        "VisibilityTimeout": (0, 43_200, "VisibilityTimeout must be an integer between 0 and 43200."),
        "WaitTimeSeconds": (0, 20, "Must be >= 0 and <= 20, if provided."),
    }
)


def check_bounds(arguments: Mapping[str, Value]) -> None:
    """Refuse a number out of bounds, in the request or in an entry of a batch.

    Raises:
        InvalidMessage (400: InvalidParameterValue).
    """
    entries = arguments.get("Entries")
    for part in (arguments, *(entries if isinstance(entries, list) else ())):
        for member, (low, high, reason) in _BOUNDS.items():
            value = part.get(member) if isinstance(part, Mapping) else None
            if isinstance(value, int) and not low <= value <= high:
                raise InvalidMessage(
                    reason=f"Value {value} for parameter {member} is invalid. Reason: {reason}"
                )
