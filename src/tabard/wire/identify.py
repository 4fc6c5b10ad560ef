"""Identification of a request's service, protocol and operation.

`X-Amz-Target` identifies JSON services; `Action` and `Version` identify query services; all other requests
are S3. A request has only one reading: the signature's scope must name the same service as the request.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from tabard.errors import AwsError, InvalidAction
from tabard.wire.form import parse_form
from tabard.wire.input_errors import (
    InvalidQueryParameter,
    MethodNotAllowed,
    MissingAction,
    UnknownOperationException,
    UnsupportedS3Request,
    WrongServiceScope,
)
from tabard.wire.request import Protocol, RawRequest, ServiceName
from tabard.wire.s3_routes import UnknownOperation, match_s3_operation
from tabard.wire.service_model import service_model
from tabard.wire.unknown_service import ServiceNotOffered, foreign_protocol, foreign_service

FORM: Final = "application/x-www-form-urlencoded"
_QUERY_PROTOCOLS: Final[Mapping[ServiceName, Protocol]] = MappingProxyType(
    {"iam": "query", "sts": "query", "ec2": "ec2", "sqs": "query"}
)
_JSON_SERVICES: Final[tuple[ServiceName, ...]] = ("dynamodb", "sqs", "hosts", "tabard")


_NO_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType({})


class Identified(msgspec.Struct, frozen=True, kw_only=True):
    """The service, protocol and operation. `operation` is None if only the unread body names it."""

    service: ServiceName
    protocol: Protocol
    operation: str | None
    uri_params: Mapping[str, str] = _NO_PARAMETERS


def identify(raw: RawRequest, scope_service: str | None) -> Identified:
    """Identify the request before its body is read.

    Args:
        scope_service: the service in the signature's scope; None for an unsigned request, which the edge then
            refuses in its own protocol.
    Raises:
        ServiceNotOffered: the scope or, without one, a header names a service that Tabard does not have.
        WrongServiceScope (403): scope and request differ. UnknownOperationException, MissingAction (400).
        S3: NotImplemented (501) or MethodNotAllowed (405) without an operation; InvalidURI and the like.
    """
    service, protocol = identify_service(raw, scope_service)
    foreign = foreign_service(raw, scope_service) if protocol != "json" else None
    if foreign is not None:
        raise ServiceNotOffered(foreign, foreign_protocol(raw, foreign))
    if scope_service is not None and scope_service != service:
        raise WrongServiceScope(service=service)
    if protocol == "json":
        target = raw.header("x-amz-target") or ""
        prefix, _, operation = target.partition(".")
        if prefix != _target_prefix(service) or operation not in _operations(service):
            raise UnknownOperationException(operation=operation)
        return Identified(service=service, protocol=protocol, operation=operation)
    if protocol == "rest-xml":
        route = match_s3_operation(raw)
        if isinstance(route, UnknownOperation):
            raise _refuse_s3(raw, route)
        return Identified(
            service=service, protocol=protocol, operation=route.operation, uri_params=route.uri_params
        )
    if raw.method == "POST":
        return Identified(service=service, protocol=protocol, operation=None)
    if raw.method != "GET":
        raise MissingAction
    return Identified(
        service=service, protocol=protocol, operation=_action(service, parse_form(raw.raw_query.encode()))
    )


def identify_service(raw: RawRequest, scope_service: str | None) -> tuple[ServiceName, Protocol]:
    """Identify only service and protocol, for the answer to a refused request. Never raises."""
    target = raw.header("x-amz-target")
    if target is None and scope_service == "s3":  # the rules below do not concern S3
        return "s3", "rest-xml"
    if target is not None:
        prefix = target.partition(".")[0]
        for service in _JSON_SERVICES:
            if prefix == _target_prefix(service):
                return service, "json"
    for service in _JSON_SERVICES:
        if scope_service == service and (target is not None or service not in _QUERY_PROTOCOLS):
            return service, "json"
    for service, protocol in _QUERY_PROTOCOLS.items():
        if scope_service == service:
            return service, protocol
    if scope_service is None:
        version = dict(parse_qsl(raw.raw_query[:4096])).get("Version", "")
        for service, protocol in _QUERY_PROTOCOLS.items():
            if version == service_model(service).api_version:
                return service, protocol
        content_type = (raw.header("content-type") or "").partition(";")[0].strip().lower()
        if raw.method == "POST" and raw.raw_path == "/" and content_type == FORM:
            return "sts", "query"
    return "s3", "rest-xml"


def operation_of(identified: Identified, raw: RawRequest, body: bytes) -> str:
    """Return the operation's name, from the body.

    Raises:
        MissingAction, InvalidAction, InvalidQueryParameter (400).
    """
    if identified.operation is not None:
        return identified.operation
    if raw.raw_query:
        raise InvalidQueryParameter(reason="a POST request carries its parameters in the body")
    content_type = (raw.header("content-type") or "").partition(";")[0].strip().lower()
    if content_type != FORM:
        raise InvalidQueryParameter(reason=f"the content type of a POST request is {FORM}")
    return _action(identified.service, parse_form(body))


def _action(service: ServiceName, form: Mapping[str, str]) -> str:
    operation = form.get("Action")
    if not operation:
        raise MissingAction
    version = form.get("Version", "NO_VERSION_SPECIFIED")
    if operation not in _operations(service) or version != service_model(service).api_version:
        raise InvalidAction(operation=operation, version=version)
    return operation


def _refuse_s3(raw: RawRequest, route: UnknownOperation) -> AwsError:
    if raw.raw_query:
        return UnsupportedS3Request(reason=f"This request is no operation of S3 known here: {route.reason}.")
    return MethodNotAllowed()


@cache
def _operations(service: str) -> frozenset[str]:
    return frozenset(service_model(service).operation_names)


@cache
def _target_prefix(service: str) -> str:
    return str(service_model(service).metadata["targetPrefix"])
