"""The members of SQS requests: the accepted ones, and those that several operations have in common."""

from collections.abc import Mapping
from types import MappingProxyType

from tabard.access.authorize import Permit
from tabard.services.accepted_members import AcceptedMembers, accepted
from tabard.services.sqs.bounds import check_bounds
from tabard.wire.request import Value

_ADVICE = MappingProxyType(
    {
        "tags": "queue tags are not supported, because no policy would see them",
        "Entries.MessageSystemAttributes": "use SendMessage",
    }
)


def members(*names: str) -> AcceptedMembers:
    """Accept these members."""
    return accepted(*names, advice=_ADVICE)


def each(prefix: str, *names: str) -> tuple[str, ...]:
    """Return the dotted names of members of `prefix`."""
    return tuple(f"{prefix}.{name}" for name in names)


def check_numbers(arguments: Mapping[str, Value], _permit: Permit) -> None:
    """Refuse numbers out of their bounds."""
    check_bounds(arguments)


QUEUE = ("QueueUrl",)
