"""The tables of the performed services against AWS's own models and reference.

Set TABARD_REFERENCE_DATA to a folder with `service-reference/*.json` for the second half.
"""

import json
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import msgspec
import pytest
from answer_shapes import operation_model
from one_account import ACCOUNT_ID, Account

from tabard.services.operation import Minting, Operation, Read, Write
from tabard.services.sts.caller_identity import no_permission_needed

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
    "RoleName": "web",
    "UserName": "admin",
    "InstanceProfileName": "box",
    "PolicyName": "read",
    "PolicyArn": f"arn:aws:iam::{ACCOUNT_ID}:policy/read",
    "RoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/web",
    "RoleSessionName": "session",
    "SourceIdentity": "alice",
    "AssumeRolePolicyDocument": "{}",
    "PolicyDocument": "{}",
    "Description": "",
    "VersionId": "v1",
    "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
    "Status": "Active",
    "Tags": [{"Key": "team", "Value": "a"}],
    "TagKeys": ["team"],
}


@pytest.mark.parametrize("service", SERVICES)
def test_no_operation_is_there_twice(service: str) -> None:
    names = [operation.name for owner, operation in OPERATIONS if owner == service]
    assert len(names) == len(set(names))


@EACH
def test_a_request_has_exactly_the_members_of_awss_shape(service: str, operation: Operation) -> None:
    """A member that AWS knows and Tabard does not would be dropped in silence."""
    assert isinstance(operation, (Read, Write, Minting))
    shape = operation_model(service, operation.name).input_shape
    fields = msgspec.structs.fields(operation.request)
    assert {field.encode_name for field in fields} == set(shape.members)
    assert {field.encode_name for field in fields if field.required} == set(shape.required_members)


@EACH
def test_a_request_takes_every_member_as_the_wire_reads_it(service: str, operation: Operation) -> None:
    assert isinstance(operation, (Read, Write, Minting))
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


def _reference(service: str) -> dict[str, dict[str, object]]:
    folder = os.environ.get("TABARD_REFERENCE_DATA")
    if folder is None:
        pytest.skip("TABARD_REFERENCE_DATA is not set")
    whole = json.loads((Path(folder) / "service-reference" / f"{service}.json").read_text())
    return {
        "actions": {f"{service}:{name}".lower(): action for name, action in whole["actions"].items()},
        "resourceTypes": whole["resourceTypes"],
    }


@EACH
def test_every_check_is_one_that_the_service_reference_knows(
    account: Account, service: str, operation: Operation
) -> None:
    known = _reference(service)
    for check in _checks(account, service, operation):
        reference = known if check.action.startswith(f"{service}:") else _reference(check.action[:3])
        action = reference["actions"][check.action.lower()]
        kinds = [kind["name"] for kind in action["resourceTypes"]]  # type: ignore[index]
        if not kinds:
            assert check.resource == "*"
            continue
        shown = check.resource.split(":", 5)[5].split("/")[0]
        assert shown in kinds
        for key in check.context:
            assert key in set(_keys(action, reference, kinds)), key


def _keys(
    action: dict[str, object], reference: dict[str, dict[str, object]], kinds: list[str]
) -> Iterator[str]:
    """The condition keys of an action and of its resource types, with the tag key of the examples."""
    named = list(action["conditionKeys"])  # type: ignore[call-overload]
    for kind in kinds:
        named += reference["resourceTypes"][kind].get("conditionKeys", [])  # type: ignore[attr-defined]
    for key in named:
        yield key.replace("${TagKey}", "team").lower()


def _checks(account: Account, service: str, operation: Operation) -> list[object]:
    assert isinstance(operation, (Read, Write, Minting))
    shape = operation_model(service, operation.name).input_shape
    wire_input = {name: EXAMPLES[name] for name in shape.members if name in EXAMPLES}
    return list(account.checks(service, operation.name, wire_input))


def _example(shape: object) -> object:
    """A value of this shape, as the wire reads it."""
    kind = shape.type_name  # type: ignore[attr-defined]
    if kind == "structure":
        return {name: _example(member) for name, member in shape.members.items()}  # type: ignore[attr-defined]
    if kind == "list":
        return [_example(shape.member)]  # type: ignore[attr-defined]
    if kind == "boolean":
        return True
    if kind in ("integer", "long"):
        return 1
    return (shape.enum or ["text"])[0]  # type: ignore[attr-defined]
