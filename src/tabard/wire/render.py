"""Renderer of an operation's typed output as its HTTP answer, by a plan compiled once for each operation."""

import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, TypeAlias

from botocore.model import OperationModel, ServiceModel

from tabard.http1.answer import Answer, Headers
from tabard.wire.json_values import JsonWriters, encode
from tabard.wire.render_errors import render_error
from tabard.wire.request import Protocol
from tabard.wire.rest_xml_output import RestXmlOutput
from tabard.wire.xml_output import DECLARATION, XmlWriters, escape

__all__ = ["render_error", "render_output"]

Output: TypeAlias = Mapping[str, object]
_Plan: TypeAlias = Callable[[Output, str], Answer]

_EC2_NAMESPACE: Final = "http://ec2.amazonaws.com/doc/2016-11-15/"


def render_output(
    model: ServiceModel,
    operation_name: str,
    output: Output,
    request_id: str,
    protocol: Protocol | None = None,
) -> Answer:
    """Render the answer for `output`, which has botocore's member names.

    It omits unknown members and those that are None; an empty list stays an empty element.
    """
    return _plan(model, operation_name, protocol or model.protocol)(output, request_id)


@cache
def _plan(model: ServiceModel, operation_name: str, protocol: Protocol) -> _Plan:
    operation = model.operation_model(operation_name)
    if protocol == "json":
        return _json_plan(operation)
    if protocol == "ec2":
        return _ec2_plan(operation)
    if protocol == "rest-xml":
        return RestXmlOutput(operation).render
    return _query_plan(operation)


def _json_plan(operation: OperationModel) -> _Plan:
    shape = operation.output_shape
    write = JsonWriters().structure(shape) if shape is not None else None
    content_type = ("content-type", f"application/x-amz-json-{operation.metadata.get('jsonVersion', '1.0')}")
    has_crc = operation.service_model.service_name == "dynamodb"

    def render(output: Output, request_id: str) -> Answer:
        body = encode(write(output)) if write is not None else (b"{}" if has_crc else b"")
        headers: Headers = (content_type, ("x-amzn-requestid", request_id))
        if has_crc:
            headers = (*headers, ("x-amz-crc32", str(zlib.crc32(body))))
        return Answer(status=200, headers=headers, body=body)

    return render


def _query_plan(operation: OperationModel) -> _Plan:
    shape = operation.output_shape
    name = operation.name
    namespace = operation.metadata.get("xmlNamespace", _default_namespace(operation))
    wrapper = shape.serialization.get("resultWrapper", f"{name}Result") if shape is not None else ""
    write = XmlWriters(operation.service_model.service_name).compile(shape) if shape is not None else None

    def render(output: Output, request_id: str) -> Answer:
        out = [f'<{name}Response xmlns="{namespace}">']
        if write is not None:
            out.append(f"<{wrapper}>")
            write(output, out)
            out.append(f"</{wrapper}>")
        out.append(
            f"<ResponseMetadata><RequestId>{escape(request_id)}</RequestId></ResponseMetadata></{name}Response>"
        )
        return _xml("".join(out), request_id)

    return render


def _default_namespace(operation: OperationModel) -> str:
    service = operation.service_model
    return f"http://queue.amazonaws.com/doc/{service.api_version}/"


def _ec2_plan(operation: OperationModel) -> _Plan:
    shape = operation.output_shape
    name = operation.name
    write = XmlWriters("ec2").compile(shape) if shape is not None else None

    def render(output: Output, request_id: str) -> Answer:
        out = [
            f'{DECLARATION}<{name}Response xmlns="{_EC2_NAMESPACE}">',
            f"<requestId>{escape(request_id)}</requestId>",
        ]
        if write is not None:
            write(output, out)
        else:
            out.append("<return>true</return>")
        out.append(f"</{name}Response>")
        return _xml("".join(out), request_id)

    return render


def _xml(text: str, request_id: str) -> Answer:
    return Answer(
        status=200,
        headers=(("content-type", "text/xml;charset=UTF-8"), ("x-amzn-requestid", request_id)),
        body=text.encode(),
    )
