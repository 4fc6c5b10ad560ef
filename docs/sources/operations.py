"""docs/operations.md: every operation, how it is performed, and the actions that it checks."""

from collections.abc import Mapping
from typing import assert_never

from sources.markdown import NOTICE, code, table
from tabard.edge.tables import OPERATIONS
from tabard.services.operation import (
    Forward,
    Minting,
    Opening,
    Operation,
    Read,
    Signing,
    StoreRead,
    Watch,
    Write,
    actions_of,
)
from tabard.wire.request import ServiceName

TITLES: Mapping[ServiceName, str] = {
    "iam": "IAM",
    "sts": "STS",
    "ec2": "EC2",
    "s3": "S3",
    "dynamodb": "DynamoDB",
    "sqs": "SQS",
    "hosts": "hosts",
    "tabard": "tabard",
}
_REFERENCES: Mapping[ServiceName, str] = {
    "iam": "https://docs.aws.amazon.com/IAM/latest/APIReference",
    "sts": "https://docs.aws.amazon.com/STS/latest/APIReference",
    "ec2": "https://docs.aws.amazon.com/AWSEC2/latest/APIReference",
    "s3": "https://docs.aws.amazon.com/AmazonS3/latest/API",
    "dynamodb": "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference",
    "sqs": "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference",
}
_INTRODUCTION = """# Operations

Tabard refuses every other operation of these services as not offered, for every caller: an operation without
a row here has no authorization. [Errors](errors.md) has the code for each service. It also refuses a
parameter that Tabard or the upstream would have to ignore, and names the parameter. The effect of each
parameter on the embedded DynamoDB and SQS was measured.

*Checked for* lists the actions that a request may need. One request can need several, each on its own
resource: which of them depends on the request (a copy reads its source, tags need their own
action, a launch with an instance profile needs `iam:PassRole`).
*Performed* shows how Tabard performs it: it *reads* the snapshot;
*writes* in one transaction; *mints* a session; *waits* for a change of the store; is *forwarded* to the
upstream. [Differences from AWS](differences-from-aws.md) lists operations that differ from AWS's.
"""


def operations_page() -> str:
    """The page."""
    parts = [NOTICE, "", _INTRODUCTION]
    for service, title in TITLES.items():
        parts.append(f"## {title}\n")
        if service == "hosts":
            parts.append(
                "Tabard's own service for agents. Its model is generated from `model/messages.py`.\n"
            )
        if service == "tabard":
            parts.append(
                "Tabard's own service for administrators: the audit, the organization, what a "
                "simulation needs. The commands `tabard audit`, `explain`, `organization`, "
                "`policy simulate --principal` and `identity-certificate` call it.\n"
            )
        rows = [
            (_linked(service, name), _performed(operation), _checked(service, operation))
            for name, operation in sorted(OPERATIONS[service].items())
        ]
        parts.append(table(("operation", "performed", "checked for"), rows))
    return "\n".join(parts).rstrip() + "\n"


def _linked(service: ServiceName, name: str) -> str:
    reference = _REFERENCES.get(service)
    return f"[{name}]({reference}/API_{name}.html)" if reference else name


def _performed(operation: Operation) -> str:
    match operation:
        case Read() | StoreRead():
            return "reads"
        case Write():
            return "writes"
        case Minting():
            return "mints"
        case Opening():
            return "opens"
        case Signing():
            return "signs"
        case Watch():
            return "waits"
        case Forward():
            return "forwarded, part by part" if operation.each_by_itself else "forwarded"
        case _:
            assert_never(operation)


def _checked(service: ServiceName, operation: Operation) -> str:
    return ", ".join(code(action) for action in sorted(actions_of(service, operation))) or "nothing"
