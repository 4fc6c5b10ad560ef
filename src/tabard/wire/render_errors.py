"""Renderer of errors in the caller's protocol, in each service's form.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html,
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
"""

import zlib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from botocore.model import ServiceModel, Shape, StructureShape

from tabard.errors import AwsError, RelayedError
from tabard.http1.answer import Answer, Headers
from tabard.wire.json_values import JsonWriters, encode
from tabard.wire.request import Protocol, ServiceName
from tabard.wire.rest_xml_output import s3_host_id
from tabard.wire.service_model import service_model
from tabard.wire.sqs_codes import sqs_query_code, sqs_shape_name
from tabard.wire.xml_output import DECLARATION, escape

_NAMESPACES: Final = MappingProxyType(
    {
        "dynamodb": "com.amazonaws.dynamodb.v20120810",
        "sqs": "com.amazonaws.sqs",
        "hosts": "tabard.hosts.v20261101",
        "tabard": "tabard.v20261101",
    }
)
_UNMODELED_NAMESPACE: Final = "com.amazon.coral.service"
_CAPITAL_MESSAGE: Final = frozenset({"AccessDeniedException"})


def render_error(
    service: ServiceName,
    protocol: Protocol,
    error: AwsError,
    request_id: str,
    *,
    head: bool = False,
    resource: str = "",
) -> Answer:
    """Render the answer for an error.

    Args:
        head: whether it answers a HEAD request, without a body.
        resource: the path in S3's errors.
    """
    if protocol == "json":
        return _json(service_model(service), error, request_id)
    if protocol == "ec2":
        return _ec2(error, request_id)
    if protocol == "rest-xml":
        return _s3(error, request_id, head=head, resource=resource)
    return _query(service_model(service), error, request_id)


def _json(model: ServiceModel, error: AwsError, request_id: str) -> Answer:
    service = model.service_name
    code = sqs_shape_name(error.error_code) if service == "sqs" else error.error_code
    shape = _error_shapes(model).get(code)
    namespace = _NAMESPACES.get(service, "") if shape is not None else _UNMODELED_NAMESPACE
    document: dict[str, Any] = {"__type": f"{namespace}#{code}"}
    document[_message_member(shape, code)] = error.message
    if shape is not None and error.members:
        document.update(JsonWriters().structure(shape)(error.members))
    body = encode(document)
    status = error.http_status
    headers = [
        ("content-type", f"application/x-amz-json-{model.metadata.get('jsonVersion', '1.0')}"),
        ("x-amzn-requestid", request_id),
        ("x-amzn-errortype", code),
    ]
    if service == "dynamodb":
        headers.append(("x-amz-crc32", str(zlib.crc32(body))))
    if service == "sqs":
        headers.append(("x-amzn-query-error", f"{sqs_query_code(code)};{_fault(error)}"))
    return Answer(status=status, headers=tuple(headers), body=body)


def _message_member(shape: Shape | None, code: str) -> str:
    if isinstance(shape, StructureShape):
        return next((name for name in shape.members if name.lower() == "message"), "message")
    return "Message" if code in _CAPITAL_MESSAGE else "message"


@cache
def _error_shapes(model: ServiceModel) -> Mapping[str, StructureShape]:
    return {shape.name: shape for shape in model.error_shapes if isinstance(shape, StructureShape)}


def _fault(error: AwsError) -> str:
    return error.relayed_fault if isinstance(error, RelayedError) else error.fault


def _query(model: ServiceModel, error: AwsError, request_id: str) -> Answer:
    default = f"http://queue.amazonaws.com/doc/{model.api_version}/"
    code = sqs_query_code(error.error_code) if model.service_name == "sqs" else error.error_code
    text = (
        f'<ErrorResponse xmlns="{model.metadata.get("xmlNamespace", default)}"><Error>'
        f"<Type>{_fault(error)}</Type><Code>{escape(code)}</Code><Message>{escape(error.message)}</Message>"
        f"{_members(error.members)}</Error><RequestId>{escape(request_id)}</RequestId></ErrorResponse>"
    )
    return _xml(error, request_id, text, "text/xml")


def _ec2(error: AwsError, request_id: str) -> Answer:
    text = (
        f"{DECLARATION}<Response><Errors><Error><Code>{escape(error.error_code)}</Code>"
        f"<Message>{escape(error.message)}</Message></Error></Errors>"
        f"<RequestID>{escape(request_id)}</RequestID></Response>"
    )
    return _xml(error, request_id, text, "text/xml;charset=UTF-8")


def _xml(error: AwsError, request_id: str, text: str, content_type: str) -> Answer:
    headers = (("content-type", content_type), ("x-amzn-requestid", request_id))
    return Answer(status=error.http_status, headers=headers, body=text.encode())


def _s3(error: AwsError, request_id: str, *, head: bool, resource: str) -> Answer:
    host_id = s3_host_id(request_id)
    headers: Headers = (
        ("x-amz-id-2", host_id),
        ("x-amz-request-id", request_id),
        ("content-type", "application/xml"),
    )
    if "Region" in error.members:  # an answer to HEAD has no body to say so
        headers += (("x-amz-bucket-region", str(error.members["Region"])),)
    status = error.http_status
    if head or status == 304:
        return Answer(status=status, headers=headers, body=b"")
    text = (
        f"{DECLARATION}<Error><Code>{escape(error.error_code)}</Code><Message>{escape(error.message)}</Message>"
        f"{_members(error.members)}{f'<Resource>{escape(resource)}</Resource>' if resource else ''}"
        f"<RequestId>{escape(request_id)}</RequestId><HostId>{host_id}</HostId></Error>"
    )
    return Answer(status=status, headers=headers, body=text.encode())


def _members(members: Mapping[str, object]) -> str:
    return "".join(
        f"<{name}>{escape(str(value))}</{name}>" for name, value in members.items() if value is not None
    )
