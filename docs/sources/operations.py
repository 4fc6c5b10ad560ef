"""docs/operations.md: every operation, how it is performed, and the actions that it checks."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from types import CodeType, FunctionType
from typing import assert_never

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sources.markdown import NOTICE, code, table
from tabard.edge.tables import OPERATIONS
from tabard.services.operation import (
    Forward,
    Minting,
    Operation,
    Read,
    StoreRead,
    Vouching,
    Watch,
    Write,
)
from tabard.wire.request import ServiceName
from tabard.wire.service_model import service_model

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
_ACTION = re.compile(r"[a-z0-9-]+:[A-Z][A-Za-z]+")
_TAGGING = re.compile(r"[a-z0-9-]+:(Tag|CreateTags|PutObjectTagging)[A-Za-z]*")
_TAGS = frozenset(("Tags", "tags", "Tagging", "TagSpecifications"))


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


def actions_of(service: ServiceName, operation: Operation) -> frozenset[str]:
    """The actions that the operation's row can check, read from the code that makes its checks."""
    members = frozenset(_members(service_model(service).operation_model(operation.name).input_shape))
    found = frozenset(_actions_in(operation.checks, members, set()))
    own = frozenset(each for each in _closed_over(operation.checks) if _ACTION.fullmatch(each))
    if own:  # what makes checks for several operations compares with the actions of the others
        found -= frozenset(f"{service}:{name}" for name in OPERATIONS[service]) - own
    if not members & _TAGS:
        found = frozenset(each for each in found if not _TAGGING.fullmatch(each))
    return found


def _closed_over(checks: object) -> Iterator[str]:
    for cell in getattr(checks, "__closure__", None) or ():
        if isinstance(cell.cell_contents, str):
            yield cell.cell_contents


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
        case Vouching():
            return "signs"
        case Watch():
            return "waits"
        case Forward():
            return "forwarded, part by part" if operation.each_by_itself else "forwarded"
        case _:
            assert_never(operation)


def _checked(service: ServiceName, operation: Operation) -> str:
    return ", ".join(code(action) for action in sorted(actions_of(service, operation))) or "nothing"


def _members(shape: Shape | None, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    if shape is None or shape.name in seen:
        return
    seen |= {shape.name}
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            yield name
            yield from _members(member, seen)
    elif isinstance(shape, ListShape):
        yield from _members(shape.member, seen)
    elif isinstance(shape, MapShape):
        yield from _members(shape.value, seen)


def _actions_in(value: object, members: frozenset[str], seen: set[int]) -> Iterator[str]:
    """Actions in a string, a table, or a function with what it closes over, calls and names.

    Of a table by member names only what the operation's input can name counts.
    """
    if isinstance(value, str):
        if _ACTION.fullmatch(value):
            yield value
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name in members:
                yield from _actions_in(each, members, seen)
    elif isinstance(value, tuple | frozenset | list):
        for each in value:
            yield from _actions_in(each, members, seen)
    elif isinstance(value, partial):
        for each in (value.func, value.args, tuple(value.keywords.values())):
            yield from _actions_in(each, members, seen)
    elif isinstance(value, FunctionType) and value.__module__.startswith("tabard.services"):
        for cell in value.__closure__ or ():
            yield from _actions_in(cell.cell_contents, members, seen)
        for compiled in _codes(value.__code__):
            yield from _actions_in(compiled.co_consts, members, seen)
            for name in compiled.co_names:
                yield from _actions_in(value.__globals__.get(name), members, seen)


def _codes(compiled: CodeType) -> Iterator[CodeType]:
    yield compiled
    for constant in compiled.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
