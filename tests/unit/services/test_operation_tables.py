"""The tables of the performed services against AWS's own models and reference.

Set TABARD_REFERENCE_DATA to a folder with `service-reference/*.json` for the last of them.
"""

import json
import os
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from botocore.model import Shape

from tabard.access.check import Check
from tabard.services.operation import Operation, Performed
from tabard.services.sts.caller_identity import no_permission_needed
from tests.support.answer_shapes import operation_model
from tests.support.one_account import ACCOUNT_ID, Account

Reference = dict[str, Any]

SERVICES = ("iam", "sts")
OPERATIONS = [
    (service, operation)
    for service in SERVICES
    for operation in import_module(f"tabard.services.{service}.operations").OPERATIONS
]
EACH = pytest.mark.parametrize(
    ("service", "operation"), OPERATIONS, ids=lambda value: getattr(value, "name", value)
)

EXAMPLES: dict[str, object] = {
    "AccountAlias": "finance",
    "RoleName": "web",
    "UserName": "admin",
    "GroupName": "devs",
    "PermissionsBoundary": f"arn:aws:iam::{ACCOUNT_ID}:policy/read",
    "InstanceProfileName": "box",
    "PolicyName": "read",
    "PolicyArn": f"arn:aws:iam::{ACCOUNT_ID}:policy/read",
    "RoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/web",
    "RoleSessionName": "session",
    "SourceIdentity": "alice",
    "EncodedMessage": "AgAA",
    "AssumeRolePolicyDocument": "{}",
    "PolicyDocument": "{}",
    "Description": "",
    "VersionId": "v1",
    "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
    "Status": "Active",
    "Tags": [{"Key": "team", "Value": "a"}],
    "TagKeys": ["team"],
    "PolicySourceArn": f"arn:aws:iam::{ACCOUNT_ID}:role/web",
    "PolicyInputList": ["{}"],
    "ActionNames": ["s3:GetObject"],
}


@pytest.mark.parametrize("service", SERVICES)
def test_no_operation_is_there_twice(service: str) -> None:
    names = [operation.name for owner, operation in OPERATIONS if owner == service]
    assert len(names) == len(set(names))


@EACH
def test_a_request_has_exactly_the_members_of_awss_shape(service: str, operation: Operation) -> None:
    """A member that AWS knows and Tabard does not would be dropped in silence."""
    assert isinstance(operation, Performed)
    shape = operation_model(service, operation.name).input_shape
    fields = msgspec.structs.fields(operation.request)
    assert {field.encode_name for field in fields} == set(shape.members)
    assert {field.encode_name for field in fields if field.required} == set(shape.required_members)
    for field in fields:
        for struct in _structs_in(field.type):
            nested = getattr(shape.members[field.encode_name], "member", shape.members[field.encode_name])
            assert set(struct.__struct_encode_fields__) == set(nested.members)


@EACH
def test_a_request_takes_every_member_as_the_wire_reads_it(service: str, operation: Operation) -> None:
    assert isinstance(operation, Performed)
    shape = operation_model(service, operation.name).input_shape
    whole = {name: _example(member) for name, member in shape.members.items()}
    msgspec.convert(whole, operation.request)


@EACH
def test_every_operation_asks_for_leave(account: Account, service: str, operation: Operation) -> None:
    """GetCallerIdentity alone needs none, and says so."""
    checks = _checks(account, service, operation)
    assert (len(checks) == 0) == (operation.checks is no_permission_needed)
    assert (operation.checks is no_permission_needed) == (operation.name == "GetCallerIdentity")
    if checks:
        assert checks[0].action == f"{service}:{operation.name}"


@cache
def _reference(service: str) -> Reference:
    folder = os.environ.get("TABARD_REFERENCE_DATA")
    if not folder:
        pytest.skip("TABARD_REFERENCE_DATA is not set")
    whole = json.loads((Path(folder) / "service-reference" / f"{service}.json").read_text())
    actions = {f"{service}:{name}".lower(): action for name, action in whole["actions"].items()}
    return {"actions": actions, "resourceTypes": whole["resourceTypes"]}


@EACH
def test_every_check_is_one_that_the_service_reference_knows(
    account: Account, service: str, operation: Operation
) -> None:
    checks = _checks(account, service, operation)
    keys: set[str] = set()
    for check in checks:
        reference = _reference(check.action[:3])
        action = reference["actions"][check.action.lower()]
        kinds = [kind["name"] for kind in action["resourceTypes"]]
        if kinds:
            assert check.resource.split(":", 5)[5].split("/")[0] in kinds
        else:
            assert check.resource == "*"
        keys.update(_keys(action, reference, kinds))
    assert {key for check in checks for key in check.context} <= keys


def _keys(action: Reference, reference: Reference, kinds: list[str]) -> Iterator[str]:
    """The condition keys of an action and of its resource types, with the tag key of the examples."""
    named = list(action["conditionKeys"])
    for kind in kinds:
        named += reference["resourceTypes"][kind].get("conditionKeys", [])
    for key in named:
        yield key.replace("${TagKey}", "team").lower()


def _structs_in(annotation: object) -> Iterator[type[msgspec.Struct]]:
    """The request structures that a member's type speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield annotation
    for part in get_args(annotation):
        yield from _structs_in(part)


def _checks(account: Account, service: str, operation: Operation) -> Sequence[Check]:
    assert isinstance(operation, Performed)
    shape = operation_model(service, operation.name).input_shape
    wire_input = {name: EXAMPLES[name] for name in shape.members if name in EXAMPLES}
    return account.checks(service, operation.name, wire_input)


def _example(shape: Shape) -> object:
    """A value of this shape, as the wire reads it."""
    if shape.type_name == "structure":
        return {name: _example(member) for name, member in shape.members.items()}
    if shape.type_name == "list":
        return [_example(shape.member)]
    if shape.type_name == "boolean":
        return True
    if shape.type_name in ("integer", "long"):
        return 1
    return (shape.enum or ["text"])[0]
