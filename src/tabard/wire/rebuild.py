"""The client direction: requests to an upstream, built from typed input, and parsing of its answers.

INVARIANT: only the authorized typed input of the caller's request reaches an upstream.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import msgspec
from botocore.awsrequest import HeadersDict
from botocore.model import ServiceModel, StructureShape
from botocore.parsers import create_parser

from tabard.errors import RelayedError, UnreadableAnswer
from tabard.wire.input_errors import MalformedXML, SerializationException
from tabard.wire.json_values import JsonReaders, JsonWriters, Reader, decode_object, encode
from tabard.wire.rebuild_s3 import RestXmlRequest
from tabard.wire.request import Value
from tabard.wire.xml_input import local_name, parse_xml


class UpstreamRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request for an upstream, without Host, framing and signature, which the sender adds."""

    method: str
    raw_path: str
    raw_query: str
    headers: list[tuple[str, str]]
    body: bytes

    def __repr__(self) -> str:
        return f"UpstreamRequest(method={self.method!r}, raw_path={self.raw_path!r})"


_Plan: TypeAlias = Callable[[Mapping[str, Value]], UpstreamRequest]
_OutputReader: TypeAlias = Callable[[bytes, Sequence[tuple[str, str]]], dict[str, object]]

# Some emulators answer with the sentence that an SDK would build.
_AS_SDK_TELLS_IT: Final = re.compile(r"An error occurred \(\w+\) when calling the \w+ operation: ")
_NOT_DETAILS: Final = frozenset({"Code", "Message", "RequestId", "HostId", "Resource"})


def rebuild_request(
    model: ServiceModel,
    operation_name: str,
    input: Mapping[str, Value],  # noqa: A002  botocore's word
) -> UpstreamRequest:
    """Build the request of an operation in the service's own protocol, from known members only.

    A streamed body is not included; its streamer sends it. Raises ValueError if a value has no wire form.
    """
    return _plan(model, operation_name)(input)


@cache
def _plan(model: ServiceModel, operation_name: str) -> _Plan:
    operation = model.operation_model(operation_name)
    if model.protocol == "rest-xml":
        parts = RestXmlRequest(operation)

        def rest(members: Mapping[str, Value]) -> UpstreamRequest:
            raw_path, raw_query, headers, body = parts.build(members)
            return UpstreamRequest(
                method=parts.method, raw_path=raw_path, raw_query=raw_query, headers=headers, body=body
            )

        return rest
    if model.protocol != "json":
        raise ValueError(f"{model.service_name} is never forwarded")
    shape = operation.input_shape
    write = JsonWriters().structure(shape) if shape is not None else None
    headers = (
        ("content-type", f"application/x-amz-json-{model.metadata['jsonVersion']}"),
        ("x-amz-target", f"{model.metadata['targetPrefix']}.{operation_name}"),
    )

    def json(members: Mapping[str, Value]) -> UpstreamRequest:
        body = encode(write(members)) if write is not None else b"{}"
        return UpstreamRequest(method="POST", raw_path="/", raw_query="", headers=list(headers), body=body)

    return json


def parse_upstream_output(
    model: ServiceModel,
    operation_name: str,
    status: int,
    headers: Sequence[tuple[str, str]],
    body: bytes,
) -> dict[str, object] | RelayedError:
    """Parse an upstream's answer that is not streamed, into members by name.

    Returns:
        The output, or the upstream's error to raise. An unreadable answer is such an error too.
    """
    is_json = model.protocol == "json"
    if status >= 300:
        return _json_error(model, status, body) if is_json else _xml_error(status, body)
    try:
        if is_json:
            return _json_output(model, operation_name, headers, body)
        # CopyObject and similar operations send 200 before they know the result.
        body = body.lstrip()
        if b"<Error" in body[:1024] and local_name(parse_xml(body)) == "Error":
            return _xml_error(500, body)
        if operation_name == "GetBucketLocation":
            region = parse_xml(body).text
            return {"LocationConstraint": region} if region else {}
        return _parsed(model, operation_name, status, headers, body)
    except Exception as failure:  # noqa: BLE001 - botocore's parser fails in many ways on an odd answer
        unreadable = UnreadableAnswer()
        unreadable.__cause__ = failure
        return unreadable


def _parsed(
    model: ServiceModel, operation_name: str, status: int, headers: Sequence[tuple[str, str]], body: bytes
) -> dict[str, object]:
    """Parse by botocore's own parser, like an SDK."""
    shape = model.operation_model(operation_name).output_shape
    response = {"status_code": status, "headers": HeadersDict(headers), "body": body}
    parsed: dict[str, object] = create_parser(model.protocol).parse(response, shape)
    parsed.pop("ResponseMetadata", None)
    return parsed


def _json_output(
    model: ServiceModel, operation_name: str, headers: Sequence[tuple[str, str]], body: bytes
) -> dict[str, object]:
    reader = _output_reader(model, operation_name)
    if reader is None:
        return {}
    document = decode_object(body)
    try:
        members = reader(document, 0)
    except SerializationException:
        # An emulator may be lax about types; botocore's parser accepts that.
        return _parsed(model, operation_name, 200, headers, body)
    return dict(members) if isinstance(members, dict) else {}


@cache
def _output_reader(model: ServiceModel, operation_name: str) -> Reader | None:
    shape = model.operation_model(operation_name).output_shape
    return JsonReaders().compile(shape) if shape is not None else None


@cache
def _error_readers(model: ServiceModel) -> Mapping[str, Reader]:
    readers = JsonReaders()
    return {
        shape.name: readers.compile(shape)
        for shape in model.error_shapes
        if isinstance(shape, StructureShape)
    }


def _json_error(model: ServiceModel, status: int, body: bytes) -> RelayedError:
    document: dict[str, Any] = {}
    try:
        document = decode_object(body)
    except SerializationException:
        return _unreadable(status) if status >= 500 else UnreadableAnswer()
    code = str(document.get("__type") or document.get("code") or "").rpartition("#")[2].partition(":")[0]
    if not code:
        return _unreadable(status) if status >= 500 else UnreadableAnswer()
    message = document.get("message", document.get("Message", document.get("errorMessage")))
    message = _AS_SDK_TELLS_IT.sub("", str(message or ""))
    members: dict[str, object] = {}
    reader = _error_readers(model).get(code)
    if reader is not None:
        try:
            typed = reader(document, 0)
        except SerializationException:
            typed = {}
        if isinstance(typed, dict):
            members = {name: value for name, value in typed.items() if name.lower() != "message"}
    return RelayedError(code=code, status=status, message=message, members=members)


def _xml_error(status: int, body: bytes) -> RelayedError:
    if not body:
        return _unreadable(status)
    try:
        root = parse_xml(body.lstrip())
    except MalformedXML:
        return _unreadable(status)
    texts = {local_name(child): child.text or "" for child in root if not len(child)}
    if local_name(root) != "Error" or not texts.get("Code"):
        return _unreadable(status)
    return RelayedError(
        code=texts["Code"],
        status=status,
        message=texts.get("Message", ""),
        members={name: text for name, text in texts.items() if name not in _NOT_DETAILS},
    )


def _unreadable(status: int) -> RelayedError:
    """Make an error from the status alone, as in an answer to HEAD."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Service Unavailable"
    return RelayedError(code=phrase.replace(" ", ""), status=status, message=phrase)
