"""A required member that is missing, at any depth, is the service's own 4xx."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from tabard.edge.tables import OPERATIONS
from tabard.http1.answer import Answer
from tabard.wire.service_model import service_model
from tests.support.edge_in_memory import EdgeInMemory, text_of
from tests.support.shape_values import ShapeValues, botocore_request

Path = tuple[str | int, ...]

CODES: dict[str, frozenset[str]] = {
    "iam": frozenset(("ValidationError",)),
    "sts": frozenset(("ValidationError",)),
    "ec2": frozenset(("MissingParameter",)),
    "sqs": frozenset(("MissingParameter",)),
    "dynamodb": frozenset(("ValidationException",)),
    "hosts": frozenset(("ValidationException",)),
    "tabard": frozenset(("ValidationException",)),
    "s3": frozenset(("MalformedXML", "InvalidRequest", "MissingRequestBodyError", "InvalidArgument")),
}
FORMS = frozenset(("iam", "sts", "ec2"))
EXAMPLES = {
    "Bucket": "photos",
    "HostId": "h-0123456789abcdef0",
    "InstanceId": "i-0123456789abcdef0",
    "JoinTokenId": "jt-0123456789abcdef0",
    "Principal": "role/web",
}
ON_THE_PATH = frozenset(("uri", "querystring"))
"""S3's members that, with CopySource, make an operation what it is; without, the request is another's."""


def required(shape: Shape, path: Path, seen: frozenset[str] = frozenset()) -> Iterator[Path]:
    """The places of every required member; one item of each list and one value of each map stand for all."""
    if shape.name in seen:
        return
    seen |= {shape.name}
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            location = member.serialization.get("location")
            if name in shape.required_members and location not in ON_THE_PATH and name != "CopySource":
                yield (*path, name)
            yield from required(member, (*path, name), seen)
    elif isinstance(shape, ListShape):
        yield from required(shape.member, (*path, 0), seen)
    elif isinstance(shape, MapShape):
        yield from required(shape.value, (*path, ""), seen)


def whole(shape: Shape, values: ShapeValues, leading: Path) -> Any:  # noqa: ANN401 - any input
    """An input with every required member and with every member on the way to one place."""
    if isinstance(shape, StructureShape):
        names = dict.fromkeys(map(str, (*shape.required_members, *leading[:1])))
        if not names:
            return {}
        return {
            name: EXAMPLES[name]
            if name in EXAMPLES
            else whole(shape.members[name], values, leading[1:] if leading[:1] == (name,) else ())
            for name in names
        }
    if isinstance(shape, ListShape):
        return [whole(shape.member, values, leading[1:])]
    if isinstance(shape, MapShape):
        return {"key": whole(shape.value, values, leading[1:])}
    return values.of(shape)


def without(given: dict[str, Any], path: Path) -> tuple[dict[str, Any], object]:
    """The same input with the member at a place left out, and what is left at that place."""
    spoiled = deepcopy(given)
    place: Any = spoiled
    for part in path[:-1]:
        place = place["key" if part == "" else part]
    del place[path[-1]]
    return spoiled, place


async def answered(edge: EdgeInMemory, operation: OperationModel, given: dict[str, Any]) -> Answer:
    model = operation.service_model
    service = model.service_name
    if model.protocol == "json":
        document = json.loads(json.dumps(given, default=lambda value: "AAAA"))
        return await edge.target(service, f"{model.metadata['targetPrefix']}.{operation.name}", document)
    raw, content = botocore_request(operation, given)
    if service != "s3":
        return await edge.ask(service, body=content)
    headers = [(name, value) for name, value in raw.headers if name.startswith("x-amz-")]
    target = f"{raw.raw_path}?{raw.raw_query}" if raw.raw_query else raw.raw_path
    return await edge.ask("s3", method=raw.method, target=target, headers=headers, body=content)


OPERATIONS_WITH_REQUIRED = [
    (service, name)
    for service, operations in OPERATIONS.items()
    for name in operations
    if (shape := service_model(service).operation_model(name).input_shape) is not None
    and list(required(shape, ()))
]


@pytest.mark.parametrize(("service", "name"), OPERATIONS_WITH_REQUIRED)
async def test_a_required_member_that_is_missing_is_refused(
    edge: EdgeInMemory, service: str, name: str
) -> None:
    operation = service_model(service).operation_model(name)
    for path in required(operation.input_shape, ()):
        values = ShapeValues(7)
        spoiled, left = without(whole(operation.input_shape, values, path), path)
        if left == {} and service in FORMS and path[:-1]:
            continue  # a form cannot tell an empty structure from none
        answer = await answered(edge, operation, spoiled)
        text = text_of(answer)
        assert 400 <= answer.status < 500, (path, text)
        assert any(code in text for code in CODES[service]), (path, text)
    assert edge.json.bodies == edge.s3.bodies == []


def test_the_members_above_are_those_that_aws_requires() -> None:
    """Nested ones among them, of each service that has any."""
    nested = {
        service
        for service, name in OPERATIONS_WITH_REQUIRED
        for path in required(service_model(service).operation_model(name).input_shape, ())
        if len(path) > 1
    }
    assert nested == {"iam", "sts", "ec2", "hosts", "s3", "dynamodb", "sqs"}
