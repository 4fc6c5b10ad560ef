"""A raw HTTP request, and the API call that it contains: the values that the packages exchange."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, Union

import msgspec

from tabard.http1.answer import Headers
from tabard.model.client_certificate import ClientCertificate
from tabard.model.network_path import NetworkPath
from tabard.sigv4.canonical import values_by_name

ServiceName: TypeAlias = Literal["iam", "sts", "ec2", "s3", "dynamodb", "sqs", "hosts", "tabard"]
Protocol: TypeAlias = Literal["query", "ec2", "json", "rest-xml"]

# Recursive, and usable at run time.
Value: TypeAlias = Union[str, int, float, bool, bytes, datetime, "list[Value]", "dict[str, Value]"]
"""One typed input value, with name and type of botocore's model."""

_MADE_OF_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class RawRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One received HTTP request without its body. It is a `sigv4` Signable.

    `raw_path` and `raw_query` (without the question mark) are as on the wire; header names are in lower case,
    in the order of arrival. `values` are always those of `headers` by name; repeated ones are joined by
    commas, as for the signature. `network_path` comes from the listener, or is None. The listener's TLS layer
    has verified `client_certificate`. `relayed`: an enrolled machine forwarded it from a local application,
    which sent plain HTTP.
    The repr omits every part that may contain a signature or a session token.
    """

    method: str
    raw_path: str
    raw_query: str
    headers: Headers
    peer_ip: str
    secure: bool
    request_id: str
    received_at: datetime
    values: Mapping[str, str] = _MADE_OF_HEADERS
    network_path: NetworkPath | None = None
    client_certificate: ClientCertificate | None = None
    relayed: bool = False

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "values", values_by_name(self.headers))

    def __repr__(self) -> str:
        return (
            f"RawRequest(method={self.method!r}, raw_path={self.raw_path!r}, request_id={self.request_id!r})"
        )

    def header(self, name: str) -> str | None:
        """Return the value of the header `name` (lower case); repeated ones are joined by commas."""
        return self.values.get(name)

    def header_values(self, name: str) -> tuple[str, ...]:
        """Return every value of the header `name` (lower case), in order."""
        return tuple([value for candidate, value in self.headers if candidate == name])


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One requested API operation, with typed input under botocore's member names."""

    service: ServiceName
    operation: str
    input: Mapping[str, Value]
    protocol: Protocol

    def __repr__(self) -> str:
        return f"Call(service={self.service!r}, operation={self.operation!r}, protocol={self.protocol!r})"
