"""Parser of requests: typed input of an operation, by a plan that is compiled once for each operation."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, TypeAlias

from botocore.model import OperationModel, ServiceModel, StructureShape

from tabard.errors import AwsError, ValidationError
from tabard.wire.constraints import RequestRules, validation_sentence
from tabard.wire.input_errors import MissingParameter, ValidationException
from tabard.wire.json_values import JsonReaders, decode_object
from tabard.wire.query_input import QueryInput
from tabard.wire.request import Protocol, RawRequest, Value
from tabard.wire.required_members import RequiredMembers
from tabard.wire.rest_xml_input import RestXmlInput

_Plan: TypeAlias = Callable[[RawRequest, bytes, Mapping[str, str]], dict[str, Value]]
_Check: TypeAlias = Callable[[dict[str, Value]], None]

# Services that report all violations as "N validation errors detected: …", and the error that they use.
_VALIDATING: Final[Mapping[str, Callable[[str], AwsError]]] = {
    "iam": lambda reason: ValidationError(reason=reason),
    "sts": lambda reason: ValidationError(reason=reason),
    "dynamodb": lambda reason: ValidationException(reason=reason),
    "hosts": lambda reason: ValidationException(reason=reason),
    "tabard": lambda reason: ValidationException(reason=reason),
}


def parse_input(
    model: ServiceModel,
    operation_name: str,
    raw: RawRequest,
    body: bytes,
    uri_params: Mapping[str, str],
    protocol: Protocol | None = None,
) -> dict[str, Value]:
    """Parse the input of an operation: only members of the model, with the model's types.

    Args:
        body: bounded and already verified; empty for a streamed object, whose content is read elsewhere.
        uri_params: the parameters in the path of a REST operation.
        protocol: the caller's protocol; by default from the request's headers.
    Raises:
        The service's own error (400) for malformed, missing or invalid input.
    """
    if protocol is None:
        protocol = model.protocol
        if protocol == "json" and model.service_name == "sqs" and raw.header("x-amz-target") is None:
            protocol = "query"  # SQS's older protocol, which AWS still speaks
    return _plan(model, operation_name, protocol)(raw, body, uri_params)


@cache
def _plan(model: ServiceModel, operation_name: str, protocol: Protocol) -> _Plan:
    operation = model.operation_model(operation_name)
    check = _check(operation, protocol)
    if protocol == "rest-xml":
        return RestXmlInput(operation).read
    if protocol == "json":
        return _json_plan(operation, check)
    query = QueryInput(operation, protocol)
    shape = operation.input_shape
    takes_queue_url = model.service_name == "sqs" and shape is not None and "QueueUrl" in shape.members

    def read_form(raw: RawRequest, body: bytes, uri_params: Mapping[str, str]) -> dict[str, Value]:
        del uri_params
        members = query.read(raw, body)
        if takes_queue_url and "QueueUrl" not in members and raw.raw_path != "/":
            # Requests in the older protocol may also use the queue's own URL.
            scheme = "https" if raw.secure else "http"
            members["QueueUrl"] = f"{scheme}://{raw.header('host')}{raw.raw_path}"
        if check is not None:
            check(members)
        return members

    return read_form


def _json_plan(operation: OperationModel, check: _Check | None) -> _Plan:
    shape = operation.input_shape
    read_members = JsonReaders().compile(shape) if shape is not None else None

    def read_json(raw: RawRequest, body: bytes, uri_params: Mapping[str, str]) -> dict[str, Value]:
        del raw, uri_params
        document = decode_object(body)
        if read_members is None:
            return {}
        members = read_members(document, 0)
        if not isinstance(members, dict):
            return {}
        if check is not None:
            check(members)
        return members

    return read_json


def _check(operation: OperationModel, protocol: Protocol) -> _Check | None:
    shape = operation.input_shape
    if shape is None:
        return None
    service = operation.service_model.service_name
    refuse = _VALIDATING.get(service)
    if refuse is None:
        return _required_check(shape, service, protocol)
    rules = RequestRules(shape)

    def check(members: dict[str, Value]) -> None:
        violations = rules.violations(members)
        if violations:
            raise refuse(validation_sentence(violations))

    return check


def _required_check(shape: StructureShape, service: str, protocol: Protocol) -> _Check:
    """Check required members; EC2 and SQS name only the first missing parameter."""
    required = RequiredMembers(shape, service, protocol)
    end = "." if service == "sqs" else ""

    def check(members: dict[str, Value]) -> None:
        missing = required.first_missing(members)
        if missing is not None:
            raise MissingParameter(parameter=f"{missing}{end}")

    return check
