"""What a forwarded operation accepts, and what it refuses before the decision."""

from collections.abc import Iterator

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape

from tabard.access.refusals import MemberNotOffered
from tabard.edge.tables import OPERATIONS
from tabard.services.accepted_members import EVERY, accepted
from tabard.services.operation import Forward
from tabard.wire.request import ServiceName
from tabard.wire.service_model import service_model

FORWARDED = [
    (service, operation)
    for service in OPERATIONS
    for operation in OPERATIONS[service].values()
    if isinstance(operation, Forward)
]
EACH = pytest.mark.parametrize(
    ("service", "operation"), FORWARDED, ids=[f"{service}-{forward.name}" for service, forward in FORWARDED]
)
WHOLE = frozenset(("AttributeValue",))
"""Structures that are one value."""


def leaves(shape: Shape, path: str = "") -> Iterator[str]:
    """The dotted name of every member that holds a value, as the lists of accepted members spell it."""
    if isinstance(shape, ListShape):
        yield from leaves(shape.member, path)
    elif isinstance(shape, MapShape):
        inner = shape.value
        while isinstance(inner, ListShape):
            inner = inner.member
        is_whole = not isinstance(inner, StructureShape) or inner.name in WHOLE
        yield from [path] if is_whole else leaves(inner, f"{path}.{EVERY}")
    elif isinstance(shape, StructureShape) and shape.name not in WHOLE:
        for name, member in shape.members.items():
            yield from leaves(member, f"{path}.{name}" if path else name)
    else:
        yield path


@EACH
def test_every_accepted_member_is_one_value_of_awss_model(service: ServiceName, operation: Forward) -> None:
    """A structure is never accepted whole: a member that AWS adds to it later is refused."""
    shape = service_model(service).operation_model(operation.name).input_shape
    known = set(leaves(shape)) if shape is not None else set()
    for name in operation.members.names:
        path, has_value, _ = name.partition("=")
        path = path.replace("MessageSystemAttributes.AWSTraceHeader", f"MessageSystemAttributes.{EVERY}")
        is_empty_alone = has_value and any(leaf.startswith(f"{path}.") for leaf in known)
        assert path in known or is_empty_alone, name


def test_a_member_is_accepted_with_everything_in_it() -> None:
    assert accepted("Key").refused({"Key": {"a": {"S": "x"}}}) == []
    assert accepted("Key").refused({"Key": {}, "Range": "bytes=0-1", "If": 1}) == ["Range", "If"]


def test_of_a_structure_its_named_members_alone_are_accepted() -> None:
    members = accepted("Delete.Objects.Key", "Delete.Quiet")
    assert members.refused({"Delete": {"Objects": [{"Key": "a"}, {"Key": "b"}], "Quiet": True}}) == []
    spoiled = {"Delete": {"Objects": [{"Key": "a"}, {"Key": "b", "Size": 1}], "More": 1}}
    assert members.refused(spoiled) == ["Delete.Objects.Size", "Delete.More"]


def test_every_value_of_a_map_is_held_to_the_same_members() -> None:
    members = accepted("Expected.*.Value")
    assert members.refused({"Expected": {"a": {"Value": {"S": "x"}}}}) == []
    assert members.refused({"Expected": {"a": {"Value": 1}, "b": {"Exists": False}}}) == ["Expected.Exists"]


def test_one_key_of_a_map_may_be_accepted() -> None:
    members = accepted("Attributes.Trace.Text")
    assert members.refused({"Attributes": {"Trace": {"Text": "x"}}}) == []
    assert members.refused({"Attributes": {"Other": {"Text": "x"}}}) == ["Attributes.Other"]


@pytest.mark.parametrize(
    ("value", "refused"), [("NONE", []), ("SIZE", ["Metrics"]), ("", ["Metrics"]), ("none", ["Metrics"])]
)
def test_single_values_may_be_accepted(value: str, refused: list[str]) -> None:
    assert accepted("Metrics=NONE").refused({"Metrics": value}) == refused


def test_a_truth_value_is_spelled_as_json_spells_it() -> None:
    assert accepted("Protected=false").refused({"Protected": False}) == []
    assert accepted("Protected=false").refused({"Protected": True}) == ["Protected"]


@pytest.mark.parametrize(
    ("value", "refused"), [([], []), ({}, []), ("", []), ([{}], []), ([{"K": 1}], ["T"])]
)
def test_a_member_may_be_accepted_while_it_is_empty(value: object, refused: list[str]) -> None:
    assert accepted("T=").refused({"T": value}) == refused


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("s3", "NotImplemented", 501),
        ("dynamodb", "ValidationException", 400),
        ("sqs", "UnsupportedOperation", 400),
    ],
)
def test_a_refused_member_is_named_once_in_the_services_code(
    service: ServiceName, code: str, status: int
) -> None:
    members = accepted("Key", advice={"Old": "use New"})
    with pytest.raises(MemberNotOffered) as caught:
        members.check(service, "Any", {"Key": "a", "Old": 1, "Entries": []})
    error = caught.value
    assert (error.error_code, error.http_status) == (code, status)
    assert "Entries, Old" in error.message
    assert service == "s3" or error.message.endswith("; use New.")
