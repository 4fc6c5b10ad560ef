"""Input of S3's REST protocol, from path, query, headers and XML body, by tables compiled once.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAPI.html
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from botocore.model import ListShape, OperationModel, Shape, StructureShape

from tabard.wire.input_errors import (
    InvalidArgument,
    InvalidRequest,
    MalformedXML,
    MissingRequestBodyError,
)
from tabard.wire.request import RawRequest, Value
from tabard.wire.s3_routes import parse_s3_query
from tabard.wire.scalars import text_reader
from tabard.wire.xml_input import XmlReaders, local_name, parse_xml

_TextReader: TypeAlias = Callable[[str], Value]
_REQUIRED_ELSEWHERE: Final = frozenset({"uri", "querystring"})


class RestXmlInput:
    """The reader of one S3 operation's input. It does not read a streamed body."""

    __slots__ = (
        "_from_headers",
        "_from_query",
        "_payload",
        "_payload_is_required",
        "_prefixes",
        "_read_text",
        "_read_xml",
        "_required_headers",
        "_required_in_xml",
        "_root_name",
    )

    def __init__(self, operation: OperationModel) -> None:
        shape = operation.input_shape
        members = shape.members if shape is not None else {}
        self._from_query: dict[str, tuple[str, _TextReader]] = {}
        self._from_headers: dict[str, tuple[str, _TextReader]] = {}
        self._prefixes: list[tuple[str, str]] = []
        for member, inner in members.items():
            location = inner.serialization.get("location")
            name = str(inner.serialization.get("name", member))
            if location == "querystring":
                self._from_query[name] = (member, _reader(inner, "iso8601"))
            elif location == "header":
                self._from_headers[name.lower()] = (member, _reader(inner, "rfc822"))
            elif location == "headers":
                self._prefixes.append((name.lower(), member))
        required = frozenset(shape.required_members) if shape is not None else frozenset[str]()
        self._required_headers = [
            (member, name) for name, (member, _) in self._from_headers.items() if member in required
        ]
        self._payload: str | None = None
        self._read_xml: Callable[[bytes], Value] | None = None
        self._read_text = False
        self._payload_is_required = False
        if shape is not None:
            self._compile_payload(shape, required)

    def _compile_payload(self, shape: StructureShape, required: frozenset[str]) -> None:
        payload = shape.serialization.get("payload")
        if payload is None:
            return
        self._payload = payload
        inner = shape.members[payload]
        self._payload_is_required = payload in required
        if isinstance(inner, StructureShape):
            root_name = str(inner.serialization.get("name", inner.name))
            read = XmlReaders().compile(inner)
            check = _required_in(inner)

            def read_xml(body: bytes) -> Value:
                root = parse_xml(body)
                if local_name(root) != root_name:
                    raise MalformedXML
                value = read(root)
                check(value)
                return value

            self._read_xml = read_xml
        else:
            self._read_text = inner.type_name == "string"

    def read(self, raw: RawRequest, body: bytes, uri_params: Mapping[str, str]) -> dict[str, Value]:
        """Return typed members. InvalidArgument, InvalidRequest, MalformedXML, MissingRequestBodyError."""
        found: dict[str, Value] = dict(uri_params)
        from_headers, prefixes = self._from_headers, self._prefixes
        for name, text in raw.headers:
            entry = from_headers.get(name)
            if entry is not None:
                if entry[0] in found:
                    raise InvalidArgument(reason="A header is given more than once.", name=name, value=text)
                found[entry[0]] = _convert(entry[1], text, name)
            elif prefixes:
                for prefix, member in prefixes:
                    if name.startswith(prefix):
                        _collect(found, member, name[len(prefix) :], text)
        if raw.raw_query:
            for name, text in parse_s3_query(raw.raw_query).items():
                entry = self._from_query.get(name)
                if entry is not None:
                    found[entry[0]] = _convert(entry[1], text, name)
        for member, name in self._required_headers:
            if member not in found:
                raise InvalidRequest(reason=f"Missing required header for this request: {name}")
        if self._payload is not None:
            self._read_payload(found, body)
        return found

    def _read_payload(self, found: dict[str, Value], body: bytes) -> None:
        if self._payload is None or (self._read_xml is None and not self._read_text):
            return
        if not body:
            if self._payload_is_required:
                raise MissingRequestBodyError
            return
        if self._read_xml is not None:
            found[self._payload] = self._read_xml(body)
            return
        try:
            found[self._payload] = body.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidRequest(reason="The request body is not valid UTF-8.") from None


def _reader(shape: Shape, time_format: str) -> _TextReader:
    if isinstance(shape, ListShape):
        read_item = _reader(shape.member, time_format)
        return lambda text: [read_item(part.strip()) for part in text.split(",") if part.strip()]
    return text_reader(shape, "rfc822" if time_format == "rfc822" else "iso8601")


def _convert(reader: _TextReader, text: str, name: str) -> Value:
    try:
        return reader(text)
    except ValueError:
        raise InvalidArgument(
            reason=f"Provided {name} not of its type or within its range", name=name, value=text
        ) from None


def _collect(found: dict[str, Value], member: str, name: str, text: str) -> None:
    """Add a value; like S3, join the values of a repeated metadata header."""
    metadata = found.setdefault(member, {})
    if isinstance(metadata, dict):
        before = metadata.get(name)
        metadata[name] = f"{before},{text}" if isinstance(before, str) else text


def _required_in(shape: Shape) -> Callable[[Value], None]:
    """Make a check for the required members of an XML document: MalformedXML (400)."""

    def check_structure(inner: StructureShape, value: Value) -> None:
        if not isinstance(value, dict):
            return
        for member in inner.required_members:
            if member not in value:
                raise MalformedXML
        for member, member_shape in inner.members.items():
            if member in value:
                check(member_shape, value[member])

    def check(inner: Shape, value: Value) -> None:
        if isinstance(inner, StructureShape):
            check_structure(inner, value)
        elif isinstance(inner, ListShape) and isinstance(value, list):
            for item in value:
                check(inner.member, item)

    return lambda value: check(shape, value)
