"""Every operation is one of AWS's (or of `hosts`), and none is performed that no policy was asked about."""

import ast
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module

import msgspec
import pytest
from botocore.model import Shape

from tabard.access.check import Check
from tabard.edge.tables import OPERATIONS, by_name
from tabard.errors import AwsError, RelayedError
from tabard.policy import Multivalued
from tabard.services.iam.service_reference import aws_vocabulary
from tabard.services.operation import Forward, Operation, actions_of
from tabard.wire.request import ServiceName
from tabard.wire.service_model import service_model
from tests.support.one_account import ACCOUNT_ID, Account
from tests.support.package_contents import syntax_trees

ALL: list[tuple[ServiceName, Operation]] = [
    (service, operation) for service, table in OPERATIONS.items() for operation in table.values()
]
EACH = pytest.mark.parametrize(
    ("service", "operation"), ALL, ids=[f"{service}:{operation.name}" for service, operation in ALL]
)
NEEDS_NO_LEAVE = {("sts", "GetCallerIdentity")}
"""AWS: "No permissions are required to perform this operation."."""

_ANOTHER_ACTION = {
    ("s3", "HeadBucket"), ("s3", "HeadObject"), ("s3", "ListBuckets"), ("s3", "ListObjectsV2"),
    ("s3", "GetObject"), ("s3", "DeleteObject"), ("s3", "CopyObject"),
    ("s3", "DeleteObjects"), ("s3", "CreateMultipartUpload"), ("s3", "UploadPart"), ("s3", "UploadPartCopy"),
    ("s3", "CompleteMultipartUpload"), ("s3", "ListParts"), ("s3", "ListMultipartUploads"),
    ("dynamodb", "TransactGetItems"), ("dynamodb", "TransactWriteItems"),
    ("sqs", "SendMessageBatch"), ("sqs", "DeleteMessageBatch"), ("sqs", "ChangeMessageVisibilityBatch"),
}  # fmt: skip
"""Operations that AWS allows by an action of another name, or by one of another name for a version."""

EXAMPLES: dict[str, object] = {
    "RoleName": "web",
    "UserName": "admin",
    "GroupName": "devs",
    "PermissionsBoundary": f"arn:aws:iam::{ACCOUNT_ID}:policy/read",
    "InstanceProfileName": "box",
    "PolicyName": "read",
    "PolicyArn": f"arn:aws:iam::{ACCOUNT_ID}:policy/read",
    "RoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/web",
    "PolicySourceArn": f"arn:aws:iam::{ACCOUNT_ID}:role/web",
    "TableName": "notes",
    "IndexName": "by-owner",
    "QueueName": "jobs",
    "QueueUrl": f"http://127.0.0.1/{ACCOUNT_ID}/jobs",
    "QueueOwnerAWSAccountId": ACCOUNT_ID,
    "Bucket": "photos",
    "Key": "a/b.jpg",
    "CopySource": "photos/a",
    "InstanceId": "i-0123456789abcdef0",
    "Principal": "role/web",
    "CallerArn": f"arn:aws:iam::{ACCOUNT_ID}:role/web",
    "HostId": "h-0123456789abcdef0",
    "KeyConditionExpression": "pk = :v",
    "ACL": None,
    "ObjectOwnership": None,
    "CreateBucketConfiguration": None,
    "Tagging": "a=b",
    "Tags": None,
    "tags": None,
    "Attributes": None,
    "ResourcePolicy": None,
    "AttributesToGet": None,
    "KeyConditions": None,
    "Select": None,
    "Delete": {"Objects": [{"Key": "a"}]},
    "RequestItems": None,
    "TransactItems": None,
}
FOR_OPERATION: dict[str, dict[str, object]] = {
    "TagRole": {"Tags": [{"Key": "team", "Value": "a"}]},
    "TagUser": {"Tags": [{"Key": "team", "Value": "a"}]},
    "TagInstanceProfile": {"Tags": [{"Key": "team", "Value": "a"}]},
    "CreateRole": {"Tags": [{"Key": "team", "Value": "a"}]},
    "CreateUser": {"Tags": [{"Key": "team", "Value": "a"}]},
    "CreateTags": {"Resources": ["i-0123456789abcdef0"], "Tags": [{"Key": "team", "Value": "a"}]},
    "DeleteTags": {"Resources": ["i-0123456789abcdef0"], "Tags": [{"Key": "team", "Value": "a"}]},
    "RunInstances": {
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "a"}]}]
    },
    "GetItem": {"Key": {"pk": {"S": "a"}}},
    "DeleteItem": {"Key": {"pk": {"S": "a"}}},
    "UpdateItem": {"Key": {"pk": {"S": "a"}}},
    "BatchGetItem": {"RequestItems": {"notes": {"Keys": [{"pk": {"S": "a"}}]}}},
    "BatchWriteItem": {"RequestItems": {"notes": [{"DeleteRequest": {"Key": {"pk": {"S": "a"}}}}]}},
    "TransactGetItems": {"TransactItems": [{"Get": {"TableName": "notes", "Key": {"pk": {"S": "a"}}}}]},
    "TransactWriteItems": {"TransactItems": [{"Delete": {"TableName": "notes", "Key": {"pk": {"S": "a"}}}}]},
}


def _example(shape: Shape, depth: int = 0) -> object:
    """A value of this shape, as the wire reads it."""
    match shape.type_name:
        case "structure":
            return {} if depth > 1 else dict(_members(shape, depth + 1))
        case "list":
            return [_example(shape.member, depth + 1)]
        case "map":
            return {}
        case "boolean":
            return True
        case "integer" | "long":
            return 1
        case "float" | "double":
            return 1.0
        case "timestamp":
            return datetime(2026, 1, 31, tzinfo=UTC)
        case "blob":
            return b""
        case _:
            return (getattr(shape, "enum", None) or ["text"])[0]


def _members(shape: Shape, depth: int = 0) -> Iterator[tuple[str, object]]:
    for name, member in shape.members.items():
        value = EXAMPLES.get(name, _example(member, depth))
        if value is not None:
            yield name, value


def _inputs(service: str, operation: Operation) -> Iterator[dict[str, object]]:
    """The smallest input, and the largest."""
    shape = service_model(service).operation_model(operation.name).input_shape
    whole = dict(_members(shape)) if shape is not None else {}
    whole.update(FOR_OPERATION.get(operation.name, {}))
    required = shape.required_members if shape is not None else ()
    yield {name: whole[name] for name in required if name in whole}
    yield whole


def _checks(account: Account, service: str, operation: Operation) -> Iterator[Sequence[Check]]:
    facts = account.facts()
    for arguments in _inputs(service, operation):
        try:
            if isinstance(operation, Forward):
                yield operation.checks(arguments, facts)
            else:
                request = msgspec.convert(arguments, operation.request, builtin_types=(bytes, datetime))
                yield operation.checks(request, facts)
        except (AwsError, msgspec.ValidationError):
            continue  # refused: nothing is performed


@pytest.fixture(scope="module")
def account() -> Account:
    return Account()


@EACH
def test_every_operation_is_one_that_its_service_has(service: ServiceName, operation: Operation) -> None:
    assert operation.name in service_model(service).operation_names
    assert OPERATIONS[service][operation.name] is operation


@EACH
def test_a_row_stands_in_the_module_of_its_function(service: ServiceName, operation: Operation) -> None:
    module = f"tabard.services.{service}.operations"
    if not isinstance(operation, Forward):
        module = operation.perform.__module__
    assert operation in import_module(module).OPERATIONS


def test_a_service_cannot_list_one_operation_twice() -> None:
    rows = tuple(OPERATIONS["sts"].values())
    with pytest.raises(ValueError, match="AssumeRole stands twice"):
        by_name((*rows, OPERATIONS["sts"]["AssumeRole"]))


@EACH
def test_no_operation_is_performed_that_no_policy_was_asked_about(
    account: Account, service: ServiceName, operation: Operation
) -> None:
    found = list(_checks(account, service, operation))
    for checks in found:
        assert bool(checks) == ((service, operation.name) not in NEEDS_NO_LEAVE)
        for check in checks:
            assert re.fullmatch(r"[a-z0-9]+:[A-Z][A-Za-z]+", check.action)
            assert check.resource == "*" or re.fullmatch(r"arn:aws:[a-z0-9]+:[^:]*:[^:]*:.+", check.resource)
            assert all(key == key.lower() for key in check.context)
            assert all(isinstance(values, tuple) for values in check.context.values())
            for key, values in check.context.items():
                # AWS's reference says what kind of key it is, whatever this request has of it.
                is_multivalued = aws_vocabulary().is_multivalued(key)
                assert isinstance(values, Multivalued) is is_multivalued, key
                assert is_multivalued or len(values) == 1, key
        assert {check.action for check in checks} <= set(actions_of(service, operation))
        if checks and (service, operation.name) not in _ANOTHER_ACTION:
            actions = {check.action for check in checks}
            assert any(action.endswith(f":{operation.name}") for action in actions), actions


def test_every_action_that_a_check_names_is_on_the_row_of_an_operation() -> None:
    """No literal of the code that makes checks names an action that docs/operations.md leaves out."""
    listed = {action for service, operation in ALL for action in actions_of(service, operation)}
    services = "|".join(OPERATIONS)
    named = {
        node.value
        for name, tree in syntax_trees().items()
        if name.startswith("services/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.fullmatch(rf"({services}):[A-Z][A-Za-z]+", node.value)
    }
    assert named <= listed


@pytest.mark.parametrize("name", ["GetObject", "HeadObject", "CopyObject", "UploadPartCopy"])
def test_the_action_that_lets_a_caller_learn_of_an_absence_is_on_the_row(account: Account, name: str) -> None:
    operation = OPERATIONS["s3"][name]
    assert isinstance(operation, Forward)
    arguments = {"Bucket": "photos", "Key": "a", "CopySource": "photos/a"}
    absent = RelayedError(code="NoSuchKey", status=404, message="")
    check = operation.absence(arguments, absent, account.facts())
    assert check is not None
    assert check.action in actions_of("s3", operation)


def test_most_operations_were_really_asked(account: Account) -> None:
    """The examples above lead somewhere: few are refused before they come to a check."""
    silent = [
        f"{service}:{operation.name}"
        for service, operation in ALL
        if not list(_checks(account, service, operation))
    ]
    assert silent == []
