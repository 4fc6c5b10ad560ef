"""botocore's requests are read back to the same input, and botocore reads back the same output."""

from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.model import OperationModel, StructureShape
from botocore.parsers import create_parser

from tabard.wire.identify import identify, operation_of
from tabard.wire.parse import parse_input
from tabard.wire.rebuild import parse_upstream_output, rebuild_request
from tabard.wire.render import render_output
from tabard.wire.s3_routes import _ELSEWHERE
from tabard.wire.service_model import service_model
from tests.support.shape_values import NoValue, ShapeValues, botocore_request, raw_request

REQUEST_ID = "3f2b8f3a-0000-4000-a000-000000000000"
SERVICES = ("iam", "sts", "ec2", "s3", "dynamodb", "sqs")
EC2_SAMPLE = 12  # every twelfth of EC2's 700 operations, and those that are performed here
EC2_ALWAYS = frozenset(
    {
        "RunInstances",
        "DescribeInstances",
        "DescribeImages",
        "TerminateInstances",
        "AssociateIamInstanceProfile",
        "DisassociateIamInstanceProfile",
        "DescribeIamInstanceProfileAssociations",
        "ModifyInstanceMetadataOptions",
    }
)


def operations(service: str) -> list[OperationModel]:
    model = service_model(service)
    names = model.operation_names
    if service == "ec2":
        names = [name for i, name in enumerate(names) if i % EC2_SAMPLE == 0 or name in EC2_ALWAYS]
    return [
        model.operation_model(name)
        for name in names
        if name not in _ELSEWHERE
        and not model.operation_model(name).deprecated
        and not model.operation_model(name).has_event_stream_output
    ]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("full", [True, False])
def test_what_botocore_sends_is_read_back(service: str, full: bool) -> None:
    """Every operation: the same operation, the same members, the same types."""
    for seed, operation in enumerate(operations(service)):
        try:
            params = input_of(operation, seed, full=full)
        except NoValue:
            continue
        raw, body = botocore_request(operation, params)
        identified = identify(raw, service)
        assert operation_of(identified, raw, body) == operation.name, (operation.name, raw)
        read = parse_input(operation.service_model, operation.name, raw, body, identified.uri_params)
        read = {name: value for name, value in read.items() if name in params or name not in LENIENT}
        assert read == params, operation.name


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("full", [True, False])
def test_what_is_rendered_botocore_reads_back(service: str, full: bool) -> None:
    """Every operation: the same members, the same types, and the request id."""
    for seed, operation in enumerate(operations(service)):
        shape = operation.output_shape
        output = output_of(shape, seed, full=full)
        answer = render_output(operation.service_model, operation.name, output, REQUEST_ID)
        assert isinstance(answer.body, bytes)
        if operation.name == "GetBucketLocation":
            continue  # botocore's parser leaves it to a handler
        if shape is not None and {"Body", "AnnotationPayload"} & shape.members.keys():
            continue  # streamed
        response = {
            "status_code": answer.status,
            "headers": HeadersDict(answer.headers),
            "body": answer.body,
        }
        parsed = create_parser(operation.service_model.protocol).parse(response, shape)
        metadata = parsed.pop("ResponseMetadata")
        assert REQUEST_ID in (metadata.get("RequestId"), HeadersDict(answer.headers).get("x-amz-request-id"))
        parsed.pop("ExpiresString", None)
        if parsed.get("Metadata") == {}:
            del parsed["Metadata"]
        if empty_payload(shape, output):
            continue
        assert parsed == output, operation.name


@pytest.mark.parametrize("service", ["s3", "dynamodb", "sqs"])
@pytest.mark.parametrize("full", [True, False])
def test_what_is_rebuilt_for_an_upstream_is_what_was_asked(service: str, full: bool) -> None:
    """Rebuilt and read again: the same operation and the same input."""
    for seed, operation in enumerate(operations(service)):
        params = input_of(operation, seed, full=full)
        request = rebuild_request(operation.service_model, operation.name, params)
        raw = raw_request(request.method, request.raw_path, request.raw_query, tuple(request.headers))
        identified = identify(raw, service)
        assert identified.operation == operation.name
        read = parse_input(operation.service_model, operation.name, raw, request.body, identified.uri_params)
        read = {name: value for name, value in read.items() if name in params or name not in LENIENT}
        if "ContentMD5" in read:
            read.pop("ContentMD5")
            params.pop("ContentMD5", None)
        assert read == params, operation.name


@pytest.mark.parametrize("service", ["s3", "dynamodb", "sqs"])
@pytest.mark.parametrize("full", [True, False])
def test_what_an_upstream_answers_is_read_as_it_is_rendered(service: str, full: bool) -> None:
    for seed, operation in enumerate(operations(service)):
        shape = operation.output_shape
        if shape is not None and {"Body", "AnnotationPayload"} & shape.members.keys():
            continue  # streamed
        output = output_of(shape, seed, full=full)
        answer = render_output(operation.service_model, operation.name, output, REQUEST_ID)
        assert isinstance(answer.body, bytes)
        read = parse_upstream_output(
            operation.service_model, operation.name, answer.status, answer.headers, answer.body
        )
        assert isinstance(read, dict)
        read.pop("ExpiresString", None)
        if read.get("Metadata") == {}:
            del read["Metadata"]
        if empty_payload(shape, output):
            continue
        assert read == output, operation.name


LENIENT = frozenset({"ContentType", "ContentMD5"})
"""What a request for an upstream, or botocore, adds by itself."""


def input_of(operation: OperationModel, seed: int, *, full: bool) -> dict[str, Any]:
    shape = operation.input_shape
    if shape is None:
        return {}
    params: dict[str, Any] = ShapeValues(seed, full=full).of(shape)
    if "Bucket" in params:
        params["Bucket"] = "example-bucket"
    if "Metadata" in params and operation.service_model.service_name == "s3":
        params["Metadata"] = {"color": "blue and green"}
    params.pop("ContentLength", None)  # framing, which has a place of its own
    if "CopySource" in params:
        params["CopySource"] = "other-bucket/a%20key%2B?versionId=v1"
    return params


def output_of(shape: StructureShape | None, seed: int, *, full: bool) -> dict[str, Any]:
    if shape is None:
        return {}
    values: dict[str, Any] = ShapeValues(seed, full=full).of(shape)
    if "Metadata" in values and "x-amz-meta-" in str(shape.members["Metadata"].serialization):
        values["Metadata"] = {"color": "blue and green"}
    return values


def empty_payload(shape: StructureShape | None, output: dict[str, Any]) -> bool:
    """An XML payload that is absent is sent, and read, as an empty root."""
    payload = shape.serialization.get("payload") if shape is not None else None
    return payload is not None and payload not in output
