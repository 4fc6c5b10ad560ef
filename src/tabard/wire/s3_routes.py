"""Routing of S3 requests: method, path and query select an operation, by botocore's model.

The operation must know every key of the query. An unknown subresource is therefore no operation: it never
falls through to plain GetObject, PutObject or ListObjects.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

import msgspec
from botocore.model import OperationModel

from tabard.wire.input_errors import InvalidArgument, InvalidBucketName, InvalidURI, KeyTooLongError
from tabard.wire.request import RawRequest
from tabard.wire.service_model import service_model

KEY_LIMIT_BYTES: Final = 1024
IGNORED_QUERY_KEYS: Final = frozenset({"x-id"})
"""Query keys with the operation's name, which some SDKs add for logs."""
PRESIGNED_QUERY_KEYS: Final = frozenset(
    {
        "X-Amz-Algorithm",
        "X-Amz-Content-Sha256",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
    }
)

_NOT_THE_OPERATIONS: Final = IGNORED_QUERY_KEYS | PRESIGNED_QUERY_KEYS

# S3 Express and Object Lambda: other endpoints, whose operations share a path with S3's.
_ELSEWHERE: Final = frozenset({"ListDirectoryBuckets", "CreateSession", "WriteGetObjectResponse"})
_COPIES: Final = frozenset({"CopyObject", "UploadPartCopy"})
_COPIED: Final = frozenset({"PutObject", "UploadPart"})
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


class S3Route(msgspec.Struct, frozen=True, kw_only=True):
    """The operation, and the path's parameters: `Bucket`, or `Bucket` and `Key`, decoded once."""

    operation: str
    uri_params: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownOperation:
    """No operation of S3 has this method, kind of path and query."""

    reason: str
    uri_params: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    operation: str
    literals: Mapping[str, str | None]
    required: frozenset[str]
    known: frozenset[str] = field(repr=False)


_Table: TypeAlias = Mapping[tuple[str, str], tuple[_Candidate, ...]]


def match_s3_operation(raw: RawRequest) -> S3Route | UnknownOperation:
    """Find the operation of a path-style request, and the path's parameters.

    Raises:
        InvalidURI (400): an invalid percent escape, bytes that are not UTF-8, or a path without first slash.
        InvalidBucketName, KeyTooLongError (400). InvalidArgument (400): a duplicate query parameter.
    """
    uri_params = parse_s3_path(raw.raw_path)
    level = _LEVELS[len(uri_params)]
    is_copy = raw.header("x-amz-copy-source") is not None
    query = parse_s3_query(raw.raw_query) if raw.raw_query else {}
    keys = query.keys() - _NOT_THE_OPERATIONS
    if not keys and (plain := _plain_table().get((raw.method, level, is_copy))) is not None:
        return S3Route(operation=plain, uri_params=uri_params)
    for candidate in _table().get((raw.method, level), ()):
        if (
            keys <= candidate.known
            and candidate.required <= keys
            and candidate.operation not in (_COPIED if is_copy else _COPIES)
            and all(value is None or query[name] == value for name, value in candidate.literals.items())
        ):
            return S3Route(operation=candidate.operation, uri_params=uri_params)
    named = ", ".join(sorted(keys)) or "no query"
    return UnknownOperation(reason=f"{raw.method} with {named} on {level}", uri_params=uri_params)


_LEVELS: Final = ("the service", "a bucket", "an object")


def parse_s3_path(raw_path: str) -> dict[str, str]:
    """Split a path-style path into bucket and key, percent-decoded exactly once. A key has any characters."""
    if not raw_path.startswith("/"):
        raise InvalidURI
    raw_bucket, slash, raw_key = raw_path[1:].partition("/")
    if not raw_bucket:
        if raw_key or slash:
            raise InvalidURI
        return {}
    bucket = _decode(raw_bucket)
    if not _BUCKET.fullmatch(bucket):
        raise InvalidBucketName(bucket=bucket)
    if not raw_key:
        return {"Bucket": bucket}
    key = _decode(raw_key)
    if len(key) > KEY_LIMIT_BYTES or len(key.encode()) > KEY_LIMIT_BYTES:
        raise KeyTooLongError
    return {"Bucket": bucket, "Key": key}


def parse_s3_query(raw_query: str) -> dict[str, str]:
    """Parse the query's parameters, decoded once; `+` is a space. A duplicate name is refused."""
    parameters: dict[str, str] = {}
    for part in raw_query.split("&"):
        if not part:
            continue
        raw_name, _, raw_value = part.partition("=")
        name = _decode(raw_name.replace("+", " "))
        if name in parameters:
            raise InvalidArgument(
                reason="A query parameter is given more than once.", name=name, value=parameters[name]
            )
        parameters[name] = _decode(raw_value.replace("+", " "))
    return parameters


def _decode(text: str) -> str:
    if "%" not in text and text.isascii():
        return text
    if _BAD_ESCAPE.search(text):
        raise InvalidURI
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeError:
        raise InvalidURI from None


@cache
def _table() -> _Table:
    model = service_model("s3")
    table: dict[tuple[str, str], list[_Candidate]] = {}
    for name in model.operation_names:
        operation = model.operation_model(name)
        if name in _ELSEWHERE or operation.deprecated:
            continue
        candidate, level = _candidate(operation)
        table.setdefault((operation.http["method"], level), []).append(candidate)
    # The most specific comes first: an operation that requires more keys wins over one that permits them.
    return {
        key: tuple(sorted(found, key=lambda candidate: -len(candidate.required)))
        for key, found in table.items()
    }


@cache
def _plain_table() -> Mapping[tuple[str, str, bool], str]:
    """Return the operations without a query, which nearly every request uses."""
    return {
        (*key, is_copy): candidate.operation
        for key, found in _table().items()
        for is_copy in (True, False)
        for candidate in reversed(found)
        if not candidate.required and candidate.operation not in (_COPIED if is_copy else _COPIES)
    }


def _candidate(operation: OperationModel) -> tuple[_Candidate, str]:
    path, _, raw_query = operation.http["requestUri"].partition("?")
    level = _LEVELS[path.count("{")]
    literals: dict[str, str | None] = {}
    for part in filter(None, raw_query.split("&")):
        key, equals, value = part.partition("=")
        literals[key] = value if equals else None
    literals.pop("x-id", None)
    shape = operation.input_shape
    members = shape.members if shape is not None else {}
    in_query = {
        member: str(member_shape.serialization.get("name", member))
        for member, member_shape in members.items()
        if member_shape.serialization.get("location") == "querystring"
    }
    required_members = frozenset(shape.required_members) if shape is not None else frozenset()
    required = frozenset(name for member, name in in_query.items() if member in required_members)
    return (
        _Candidate(
            operation=operation.name,
            literals=literals,
            required=required | literals.keys(),
            known=frozenset(in_query.values()) | literals.keys(),
        ),
        level,
    )
