"""Input of the query protocol and its EC2 variant: a compiled reader for each shape.

AWS: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html, …/aws-ec2-query-protocol.html
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, TypeAlias

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from tabard.errors import AwsError
from tabard.wire.form import Node, parse_form, spell_tree
from tabard.wire.input_errors import InvalidParameterValue, MalformedInput, UnknownParameter
from tabard.wire.request import Protocol, RawRequest, Value
from tabard.wire.s3_routes import PRESIGNED_QUERY_KEYS
from tabard.wire.scalars import text_reader
from tabard.wire.sqs_query_names import LIST_NAMES, MAP_NAMES

_NOT_MEMBERS: Final = PRESIGNED_QUERY_KEYS | {"Action", "Version"}
_MAX_INDEX_DIGITS: Final = 6

Reader: TypeAlias = Callable[[Node, str], Value]
"""Converts a node of the tree, with its name, to a typed value."""


class QueryInput:
    """The reader of one operation's parameters."""

    __slots__ = ("_is_ec2", "_read")

    def __init__(self, operation: OperationModel, protocol: Protocol) -> None:
        self._is_ec2 = protocol == "ec2"
        shape = operation.input_shape
        compiler = _compiler(operation.service_model.service_name, protocol)
        self._read: Reader | None = compiler.compile(shape) if shape is not None else None

    def read(self, raw: RawRequest, body: bytes) -> dict[str, Value]:
        """Return typed members. UnknownParameter, InvalidParameterValue (EC2) or MalformedInput (400)."""
        parameters = parse_form(body if raw.method == "POST" else raw.raw_query.encode())
        tree = spell_tree(parameters, without=_NOT_MEMBERS)
        if self._read is None:
            if tree and self._is_ec2:
                raise UnknownParameter(parameter=next(iter(tree)))
            return {}
        members = self._read(tree, "")
        return members if isinstance(members, dict) else {}


class _Compiler(ABC):
    """Readers by shape; a recursive shape looks up its own reader at run time."""

    def __init__(self) -> None:
        self._readers: dict[str, Reader] = {}

    def compile(self, shape: Shape) -> Reader:
        if not isinstance(shape, StructureShape):
            return self._compile(shape)
        name = shape.name
        if name not in self._readers:
            self._readers[name] = lambda node, path: self._readers[name](node, path)
            self._readers[name] = self._compile(shape)
        return self._readers[name]

    def _compile(self, shape: Shape) -> Reader:
        if isinstance(shape, StructureShape):
            return self._structure(shape)
        if isinstance(shape, ListShape):
            return self._list(self.compile(shape.member), self.list_infix(shape))
        if isinstance(shape, MapShape):
            return self._map(shape)
        return self._scalar(shape)

    # The differences between the variants.

    @abstractmethod
    def wire_name(self, member: str, shape: Shape) -> str:
        """Return the wire name of a structure's member."""

    @abstractmethod
    def list_infix(self, shape: ListShape) -> str | None:
        """Return the part of the name between a list and its index."""

    def entry_names(self, shape: MapShape) -> tuple[str, str]:
        """Return the names of the key and the value in a map's entry."""
        key, value = shape.key.serialization, shape.value.serialization
        return str(key.get("name", "key")), str(value.get("name", "value"))

    @abstractmethod
    def refuse_unknown(self, path: str) -> None:
        """Handle an unknown parameter."""

    @abstractmethod
    def bad_value(self, path: str, value: str, kind: str) -> AwsError:
        """Return the error for a value of the wrong kind."""

    # The shared part.

    def _structure(self, shape: StructureShape) -> Reader:
        known = {
            self.wire_name(member, member_shape): (member, self.compile(member_shape))
            for member, member_shape in shape.members.items()
        }

        def read(node: Node, path: str) -> Value:
            found: dict[str, Value] = {}
            for name, child in node.items():
                entry = known.get(name)
                if entry is None or not isinstance(child, dict):
                    self.refuse_unknown(f"{path}.{name}" if path and name else path or name)
                else:
                    found[entry[0]] = entry[1](child, f"{path}.{name}" if path else name)
            return found

        return read

    def _list(self, read_member: Reader, infix: str | None) -> Reader:
        def read(node: Node, path: str) -> Value:
            if node == {"": ""}:
                return []  # botocore's spelling of an empty list
            if infix is not None and infix in node:
                self._only(node, infix, path)
                inner = node[infix]
                node, path = inner if isinstance(inner, dict) else {}, f"{path}.{infix}"
            return [read_member(child, f"{path}.{index}") for index, child in self._indexed(node, path)]

        return read

    def _map(self, shape: MapShape) -> Reader:
        is_flattened = bool(shape.serialization.get("flattened"))
        key_name, value_name = self.entry_names(shape)
        read_key, read_value = self.compile(shape.key), self.compile(shape.value)

        def read(node: Node, path: str) -> Value:
            if node == {"": ""}:
                return {}
            if not is_flattened:
                self._only(node, "entry", path)
                inner = node.get("entry")
                node, path = inner if isinstance(inner, dict) else {}, f"{path}.entry"
            found: dict[str, Value] = {}
            for index, entry in self._indexed(node, path):
                key, value = entry.get(key_name), entry.get(value_name)
                if not isinstance(key, dict):
                    raise self.bad_value(f"{path}.{index}", "", "map entry")
                name = str(read_key(key, f"{path}.{index}.{key_name}"))
                found[name] = read_value(
                    value if isinstance(value, dict) else {}, f"{path}.{index}.{value_name}"
                )
            return found

        return read

    def _scalar(self, shape: Shape) -> Reader:
        read_text = text_reader(shape, "iso8601")
        kind = shape.type_name

        def read(node: Node, path: str) -> Value:
            text = node.get("")
            if not isinstance(text, str):
                raise self.bad_value(path, "", kind)
            if len(node) > 1:
                self.refuse_unknown(f"{path}.{next(name for name in node if name)}")
            try:
                return read_text(text)
            except ValueError:
                raise self.bad_value(path, text, kind) from None

        return read

    def _only(self, node: Node, name: str, path: str) -> None:
        for other in node:
            if other != name:
                self.refuse_unknown(f"{path}.{other}" if other else path)

    def _indexed(self, node: Node, path: str) -> list[tuple[int, Node]]:
        found: list[tuple[int, Node]] = []
        for name, child in node.items():
            if not (name.isascii() and name.isdigit()) or len(name) > _MAX_INDEX_DIGITS:
                self.refuse_unknown(f"{path}.{name}" if name else path)
            elif isinstance(child, dict):
                found.append((int(name), child))
        found.sort(key=lambda entry: entry[0])
        return found


class _QueryCompiler(_Compiler):
    """IAM, STS: `List.member.1`, `Map.entry.1.key`; unknown parameters are ignored, as AWS does."""

    def wire_name(self, member: str, shape: Shape) -> str:
        if isinstance(shape, ListShape) and shape.serialization.get("flattened"):
            return str(shape.member.serialization.get("name") or shape.serialization.get("name", member))
        return str(shape.serialization.get("name", member))

    def list_infix(self, shape: ListShape) -> str | None:
        if shape.serialization.get("flattened"):
            return None
        return str(shape.member.serialization.get("name", "member"))

    def refuse_unknown(self, path: str) -> None:
        del path

    def bad_value(self, path: str, value: str, kind: str) -> AwsError:
        return MalformedInput(value=value, parameter=path, kind=kind)


class _SqsCompiler(_QueryCompiler):
    """SQS: every list and map is flattened, under a name that its model lacks."""

    def wire_name(self, member: str, shape: Shape) -> str:
        if shape.name in MAP_NAMES:
            return MAP_NAMES[shape.name][0]
        return LIST_NAMES.get(shape.name, member)

    def entry_names(self, shape: MapShape) -> tuple[str, str]:
        return MAP_NAMES[shape.name][1:]


class _Ec2Compiler(_Compiler):
    """EC2: `List.1`, names capitalized; unknown parameters are refused, as AWS does."""

    def wire_name(self, member: str, shape: Shape) -> str:
        query_name = shape.serialization.get("queryName")
        if query_name:
            return str(query_name)
        name = str(shape.serialization.get("name", member))
        return name[0].upper() + name[1:]

    def list_infix(self, shape: ListShape) -> str | None:
        del shape
        return None

    def refuse_unknown(self, path: str) -> None:
        raise UnknownParameter(parameter=path)

    def bad_value(self, path: str, value: str, kind: str) -> AwsError:
        return InvalidParameterValue(value=value, parameter=path, reason=f"Expected a value of type {kind}.")


def _compiler(service: str, protocol: Protocol) -> _Compiler:
    if protocol == "ec2":
        return _Ec2Compiler()
    return _SqsCompiler() if service == "sqs" else _QueryCompiler()


class ParameterNames:
    """The names of members and values in the caller's protocol, for sentences that name a parameter."""

    __slots__ = ("_compiler",)

    def __init__(self, compiler: _Compiler | None) -> None:
        self._compiler = compiler

    def member(self, member: str, shape: Shape) -> str:
        """Return the name of a structure's member."""
        return member if self._compiler is None else self._compiler.wire_name(member, shape)

    def map_value(self, shape: MapShape) -> str | None:
        """Return the name of the value in a map's entry; None if an entry is named by its key."""
        return None if self._compiler is None else self._compiler.entry_names(shape)[1]


def parameter_names(service: str, protocol: Protocol) -> ParameterNames:
    """Return the names of a form's parameters, or the model's names for JSON input."""
    return ParameterNames(None if protocol == "json" else _compiler(service, protocol))
