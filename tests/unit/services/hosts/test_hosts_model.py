"""The model that `wire` reads, the messages, the operations and the errors say the same."""

import types
from datetime import datetime
from typing import Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from botocore.model import Shape, StructureShape

from tabard.access.mint import InstanceRoleNotTrusted
from tabard.errors import AwsError
from tabard.model import messages
from tabard.services.hosts import errors
from tabard.services.hosts.operations import OPERATIONS
from tabard.wire.service_model import service_model

MODEL = service_model("hosts")
Hint: TypeAlias = object

PLAIN = {
    str: {"string"},
    int: {"integer", "long"},
    bool: {"boolean"},
    bytes: {"blob"},
    datetime: {"timestamp"},
}


def test_the_protocol_is_json_1_1_signed_as_hosts() -> None:
    assert MODEL.metadata["protocol"] == "json"
    assert MODEL.metadata["jsonVersion"] == "1.1"
    assert MODEL.metadata["targetPrefix"] == "TabardHosts_20261101"
    assert MODEL.signing_name == MODEL.endpoint_prefix == "hosts"


def test_model_and_table_have_the_same_operations() -> None:
    assert set(MODEL.operation_names) == {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize("name", MODEL.operation_names)
def test_each_operation_has_its_messages(name: str) -> None:
    operation = MODEL.operation_model(name)
    table = {each.name: each for each in OPERATIONS}
    assert operation.input_shape.name == f"{name}Request"
    assert table[name].request is getattr(messages, f"{name}Request")
    assert (operation.output_shape is not None) == hasattr(messages, f"{name}Result")
    if operation.output_shape is not None:
        assert operation.output_shape.name == f"{name}Result"


@pytest.mark.parametrize(
    "name", [name for name in MODEL.shape_names if isinstance(getattr(messages, name, None), type)]
)
def test_each_message_has_its_shape(name: str) -> None:
    shape, message = MODEL.shape_for(name), getattr(messages, name)
    assert isinstance(shape, StructureShape)
    fields = msgspec.structs.fields(message)
    hints = get_type_hints(message)
    assert list(shape.members) == [field.encode_name for field in fields]
    assert set(shape.required_members) == {field.encode_name for field in fields if field.required}
    for field in fields:
        agree(shape.members[field.encode_name], hints[field.name])


def agree(shape: Shape, hint: Hint) -> None:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        (hint,) = [each for each in get_args(hint) if each is not type(None)]
        origin = get_origin(hint)
    if origin is Literal:
        assert tuple(shape.enum) == get_args(hint)
    elif origin is tuple:
        assert shape.type_name == "list"
        agree(shape.member, get_args(hint)[0])
    elif isinstance(hint, type) and issubclass(hint, messages.Message):
        assert shape.name == hint.__name__
    else:
        assert isinstance(hint, type)
        assert shape.type_name in PLAIN[hint]


def test_every_message_is_in_the_model() -> None:
    said = {
        name
        for name, each in vars(messages).items()
        if isinstance(each, type) and issubclass(each, messages.Message) and each is not messages.Message
    }
    assert said == {name for name in MODEL.shape_names if MODEL.shape_for(name).type_name == "structure"} - {
        shape.name for shape in MODEL.error_shapes
    }


def test_every_error_is_modeled_with_its_code_and_status() -> None:
    raised = {
        each
        for each in (*vars(errors).values(), InstanceRoleNotTrusted)
        if isinstance(each, type) and issubclass(each, AwsError) and each is not AwsError
    }
    assert {error.code: error.status for error in raised} == {
        shape.name: shape.metadata["error"]["httpStatusCode"] for shape in MODEL.error_shapes
    }


def test_every_error_has_its_own_code() -> None:
    assert [shape.metadata["error"]["code"] for shape in MODEL.error_shapes] == [
        shape.name for shape in MODEL.error_shapes
    ]


@pytest.mark.parametrize(
    ("operation", "member", "bounds"),
    [
        ("DeregisterHost", "HostId", {"pattern": "h-[0-9a-f]{17}"}),
        ("DescribeHostInstances", "WaitSeconds", {"min": 0, "max": 60}),
        ("CreateJoinToken", "LifetimeSeconds", {"min": 60, "max": 604800}),
        ("PutConsoleOutput", "Output", {"max": 65536, "sensitive": True}),
        ("ReportInstances", "Reports", {"max": 1000}),
    ],
)
def test_the_bounds_of_a_member_are_in_the_model(
    operation: str, member: str, bounds: dict[str, object]
) -> None:
    shape = MODEL.operation_model(operation).input_shape.members[member]
    assert shape.metadata == bounds


@pytest.mark.parametrize("name", ["Secret", "UserData"])
def test_what_is_secret_is_marked_so(name: str) -> None:
    assert MODEL.shape_for(name).metadata["sensitive"] is True
