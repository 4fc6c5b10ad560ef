"""Answers to requests for a service that Tabard does not have, in a form that the service's SDK can read.

AWS: https://smithy.io/2.0/aws/protocols/index.html describes each protocol's errors.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qsl

from tabard.errors import CodedError
from tabard.http1.answer import Answer
from tabard.wire.json_values import encode
from tabard.wire.request import RawRequest
from tabard.wire.xml_output import DECLARATION, escape

ForeignProtocol: TypeAlias = Literal["json", "rest-json", "cbor", "query", "rest-xml", "s3"]

KNOWN_SERVICES: Final = frozenset(("iam", "sts", "ec2", "s3", "dynamodb", "sqs", "hosts", "tabard"))
_FORM: Final = "application/x-www-form-urlencoded"
_REST_XML: Final = frozenset(("route53", "cloudfront"))
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
# https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html#requests
_SMITHY_PATH: Final = re.compile(r"/service/([A-Za-z0-9_.]{1,64})/operation/")
_CODES: Final[Mapping[ForeignProtocol, tuple[str, int]]] = MappingProxyType(
    {
        "json": ("UnknownOperationException", 400),
        "rest-json": ("UnknownOperationException", 400),
        "cbor": ("UnknownOperationException", 400),
        "query": ("InvalidAction", 400),
        "rest-xml": ("InvalidAction", 400),
        "s3": ("NotImplemented", 501),
    }
)


class ServiceNotOffered(CodedError):
    """The signature is for a service that Tabard does not have. No signature or policy was checked."""

    not_offered = True

    def __init__(self, service: str, protocol: ForeignProtocol) -> None:
        self.service = service if _NAME.fullmatch(service) else ""
        self.protocol = protocol
        code, status = _CODES[protocol]
        super().__init__(
            code=code,
            status=status,
            message=f"This installation does not offer the service '{self.service}'. "
            "It offers IAM, STS, EC2, S3, DynamoDB and SQS.",
        )


def foreign_service(raw: RawRequest, scope_service: str | None) -> str | None:
    """Return the name of a service that Tabard does not have; None if the request names none.

    Args: scope_service: the service in the scope; headers name the service of an unsigned request.
    """
    if scope_service is not None:
        return None if scope_service in KNOWN_SERVICES else scope_service
    target = raw.header("x-amz-target")
    if target is not None:
        return target.partition(".")[0]
    smithy = _SMITHY_PATH.match(raw.raw_path) if raw.header("smithy-protocol") is not None else None
    return smithy[1] if smithy is not None else None


def foreign_protocol(raw: RawRequest, service: str) -> ForeignProtocol:
    """Return a request's protocol: from its headers, or otherwise from the service's name."""
    if raw.header("smithy-protocol") == "rpc-v2-cbor":
        return "cbor"
    if raw.header("x-amz-target") is not None:
        return "json"
    content_type = (raw.header("content-type") or "").partition(";")[0].strip().lower()
    if content_type == _FORM or "Action" in dict(parse_qsl(raw.raw_query[:4096])):
        return "query"
    if service.startswith("s3"):
        return "s3"
    return "rest-xml" if service in _REST_XML else "rest-json"


def render_unknown_service(raw: RawRequest, error: ServiceNotOffered) -> Answer:
    """Render the error in the protocol of the requested service."""
    code, message = error.error_code, error.message
    headers = [("x-amzn-requestid", raw.request_id), ("x-amzn-errortype", code)]
    if error.protocol == "cbor":
        headers += [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
        body = b"\xa2" + b"".join(map(_cbor_text, ("__type", code, "message", message)))
    elif error.protocol in ("json", "rest-json"):
        given = (raw.header("content-type") or "").partition(";")[0].strip()
        content_type = given if given.startswith("application/x-amz-json-") else "application/json"
        headers.append(("content-type", content_type))
        body = encode({"__type": code, "message": message})
    else:
        headers.append(("content-type", "application/xml" if error.protocol == "s3" else "text/xml"))
        inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        request_id = f"<RequestId>{escape(raw.request_id)}</RequestId>"
        if error.protocol == "s3":
            text = f"{DECLARATION}<Error>{inner}{request_id}</Error>"
        else:
            text = f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error>{request_id}</ErrorResponse>"
        body = text.encode()
    return Answer(
        status=error.http_status, headers=tuple(headers), body=b"" if raw.method == "HEAD" else body
    )


def _cbor_text(text: str) -> bytes:
    """Encode a text by RFC 8949, section 3.1: major type 3, a length of 16 bits."""
    content = text.encode()
    return b"\x79" + len(content).to_bytes(2, "big") + content
