"""JSON bodies of the json protocols ⇄ typed values: compiled readers and writers for each shape.

AWS: https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
For a duplicate key, the last value counts; only that one is checked and forwarded.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec
from botocore.model import ListShape, MapShape, Shape, StructureShape

from tabard.wire.input_errors import SerializationException
from tabard.wire.request import Value
from tabard.wire.scalars import (
    INTEGER_RANGES,
    epoch_seconds,
    from_epoch_seconds,
    read_blob,
    timestamp_format,
    write_iso8601,
)

MAX_DEPTH: Final = 100

Json: TypeAlias = Any  # what a JSON document may be; the readers make it typed
Reader: TypeAlias = Callable[[Json, int], Value]
"""Converts decoded JSON at a depth to a typed value."""
Writer: TypeAlias = Callable[[Any], Json]

_DECODE: Final = msgspec.json.Decoder().decode


def decode_object(body: bytes) -> dict[str, Json]:
    """Decode a JSON object. Raises SerializationException (400) for any other body."""
    try:
        document = _DECODE(body) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SerializationException(reason="The body is not valid JSON.") from None
    except RecursionError:
        raise SerializationException(reason="The JSON is nested too deeply.") from None
    if not isinstance(document, dict):
        raise SerializationException(reason="Start of structure or map expected, but not found.")
    return document


class JsonReaders:
    """Readers by shape."""

    def __init__(self) -> None:
        self._readers: dict[str, Reader] = {}

    def compile(self, shape: Shape) -> Reader:
        name = shape.name
        if name not in self._readers:
            self._readers[name] = lambda value, depth: self._readers[name](value, depth)
            self._readers[name] = self._compile(shape)
        return self._readers[name]

    def _compile(self, shape: Shape) -> Reader:
        if isinstance(shape, StructureShape):
            return self._structure(shape)
        if isinstance(shape, ListShape):
            return _list(self.compile(shape.member))
        if isinstance(shape, MapShape):
            return _map(self.compile(shape.value))
        return _SCALARS.get(shape.type_name) or _timestamp

    def _structure(self, shape: StructureShape) -> Reader:
        known = {
            str(inner.serialization.get("name", member)): (member, self.compile(inner))
            for member, inner in shape.members.items()
        }

        def read(value: Json, depth: int) -> Value:
            if not isinstance(value, dict):
                raise _unexpected(value, "structure")
            if depth > MAX_DEPTH:
                raise SerializationException(reason="The JSON is nested too deeply.")
            depth += 1
            found: dict[str, Value] = {}
            for name, inner in value.items():
                entry = known.get(name)
                if entry is not None and inner is not None:
                    found[entry[0]] = entry[1](inner, depth)
            return found

        return read


def _list(read_member: Reader) -> Reader:
    def read(value: Json, depth: int) -> Value:
        if not isinstance(value, list):
            raise _unexpected(value, "list")
        depth += 1
        return [read_member(_present(item), depth) for item in value]

    return read


def _map(read_value: Reader) -> Reader:
    def read(value: Json, depth: int) -> Value:
        if not isinstance(value, dict):
            raise _unexpected(value, "map")
        depth += 1
        return {name: read_value(_present(item), depth) for name, item in value.items()}

    return read


def _present(item: Json) -> Json:
    if item is None:
        raise SerializationException(reason="Null is not a value of a list or a map.")
    return item


def _string(value: Json, depth: int) -> Value:
    del depth
    if type(value) is not str:
        raise _unexpected(value, "String")
    return value


def _boolean(value: Json, depth: int) -> Value:
    del depth
    if type(value) is not bool:
        raise _unexpected(value, "Boolean")
    return value


def _integer(kind: str) -> Reader:
    low, high = INTEGER_RANGES[kind]

    def read(value: Json, depth: int) -> Value:
        del depth
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int or not low <= value <= high:
            raise _unexpected(value, kind.capitalize())
        return value

    return read


def _number(value: Json, depth: int) -> Value:
    del depth
    if type(value) is not int and type(value) is not float:
        raise _unexpected(value, "Double")
    return value


def _blob(value: Json, depth: int) -> Value:
    del depth
    if type(value) is not str:
        raise _unexpected(value, "Blob")
    try:
        return read_blob(value)
    except ValueError:
        raise SerializationException(reason="A blob is not valid base64.") from None


def _timestamp(value: Json, depth: int) -> Value:
    del depth
    if type(value) is not int and type(value) is not float:
        raise _unexpected(value, "Timestamp")
    try:
        return from_epoch_seconds(value)
    except ValueError:
        raise SerializationException(reason="A timestamp is out of range.") from None


_SCALARS: Final[dict[str, Reader]] = {
    "string": _string,
    "character": _string,
    "boolean": _boolean,
    "integer": _integer("integer"),
    "long": _integer("long"),
    "float": _number,
    "double": _number,
    "blob": _blob,
}

_KINDS: Final = {bool: "TRUE_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE", str: "STRING_VALUE"}


def _unexpected(value: Json, wanted: str) -> SerializationException:
    kind = _KINDS.get(type(value))
    if kind is None:
        return SerializationException(reason="Start of structure or map or list found where not expected.")
    if value is False:
        kind = "FALSE_VALUE"
    return SerializationException(reason=f"{kind} cannot be converted to {wanted}")


class JsonWriters:
    """Writers by shape; None if msgspec writes the value unchanged (it writes bytes as base64)."""

    def __init__(self) -> None:
        self._writers: dict[str, Writer | None] = {}

    def compile(self, shape: Shape) -> Writer | None:
        name = shape.name
        if name not in self._writers:
            if not _needs_writing(shape, set()):
                self._writers[name] = None
            else:
                self._writers[name] = lambda value: self._call(name, value)
                self._writers[name] = self._compile(shape)
        return self._writers[name]

    def structure(self, shape: StructureShape) -> Writer:
        """Make a writer that omits unknown members and those that are None."""
        known = {
            member: (str(inner.serialization.get("name", member)), self.compile(inner))
            for member, inner in shape.members.items()
        }

        def write(value: Any) -> Json:  # noqa: ANN401  any value of the shape
            found: dict[str, Json] = {}
            for member, inner in value.items():
                entry = known.get(member)
                if entry is not None and inner is not None:
                    name, writer = entry
                    found[name] = inner if writer is None else writer(inner)
            return found

        return write

    def _call(self, name: str, value: Json) -> Json:
        writer = self._writers[name]
        return value if writer is None else writer(value)

    def _compile(self, shape: Shape) -> Writer:
        if isinstance(shape, StructureShape):
            return self.structure(shape)
        if isinstance(shape, ListShape):
            member = self.compile(shape.member)
            return lambda value: list(value) if member is None else [member(item) for item in value]
        if isinstance(shape, MapShape):
            inner = self.compile(shape.value)
            return lambda value: (
                dict(value) if inner is None else {name: inner(item) for name, item in value.items()}
            )
        is_text = timestamp_format(shape, "unixTimestamp") == "iso8601"
        return write_iso8601 if is_text else epoch_seconds


def encode(document: Json) -> bytes:
    """Encode the writers' result as JSON."""
    return msgspec.json.encode(document, enc_hook=_refuse)


def _refuse(value: object) -> object:
    raise TypeError(f"no JSON for {type(value).__name__}")


def _needs_writing(shape: Shape, seen: set[str]) -> bool:
    """Return whether a value may contain a timestamp, another wire name, or an unknown member."""
    if shape.name in seen:
        return False
    seen.add(shape.name)
    if isinstance(shape, StructureShape):
        # A recursive structure (AttributeValue) is data: walk it only if necessary.
        return not _contains_itself(shape) or any(
            _needs_writing(inner, seen) for inner in shape.members.values()
        )
    if isinstance(shape, ListShape):
        return _needs_writing(shape.member, seen)
    if isinstance(shape, MapShape):
        return _needs_writing(shape.value, seen)
    return bool(shape.type_name == "timestamp")


def _contains_itself(shape: StructureShape) -> bool:
    pending: list[Shape] = list(shape.members.values())
    seen: set[str] = set()
    while pending:
        inner = pending.pop()
        if inner.name == shape.name:
            return True
        if inner.name in seen:
            continue
        seen.add(inner.name)
        if isinstance(inner, StructureShape):
            pending.extend(inner.members.values())
        elif isinstance(inner, ListShape):
            pending.append(inner.member)
        elif isinstance(inner, MapShape):
            pending.append(inner.value)
    return False
