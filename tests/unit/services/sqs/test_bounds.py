"""Numbers out of SQS's bounds are refused, in a request and in each entry of a batch."""

import pytest

from tabard.services.sqs.bounds import check_bounds
from tabard.services.sqs.errors import InvalidMessage
from tabard.services.sqs.operations import OPERATIONS

# AWS: the API pages of ReceiveMessage, SendMessage, ChangeMessageVisibility and ListQueues.
BOUNDS = [
    ("DelaySeconds", 0, 900),
    ("MaxNumberOfMessages", 1, 10),
    ("MaxResults", 1, 1000),
    ("VisibilityTimeout", 0, 43_200),
    ("WaitTimeSeconds", 0, 20),
]


@pytest.mark.parametrize(("member", "low", "high"), BOUNDS)
def test_a_number_within_its_bounds_passes_and_the_next_one_does_not(
    member: str, low: int, high: int
) -> None:
    for value in (low, high):
        check_bounds({member: value, "Entries": [{"Id": "1", member: value}]})
    for value in (low - 1, high + 1):
        for arguments in (
            {member: value},
            {"Entries": [{"Id": "1", member: low}, {"Id": "2", member: value}]},
        ):
            with pytest.raises(InvalidMessage, match=f"Value {value} for parameter {member} is invalid"):
                check_bounds(arguments)


def test_every_operation_with_such_a_number_checks_it() -> None:
    bounded = {member for member, _, _ in BOUNDS}
    for row in OPERATIONS:
        members = {name.removeprefix("Entries.") for name in row.members.names}
        if members & bounded:
            assert row.validate.__name__ in ("check_numbers", "_check_messages", "_check_entries"), row.name
