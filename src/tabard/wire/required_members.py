"""Search for the first missing required member, at any depth, for services that name one parameter.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html (MissingParameter)
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from botocore.model import ListShape, MapShape, Shape, StructureShape

from tabard.wire.query_input import parameter_names
from tabard.wire.request import Protocol, Value

_Finder: TypeAlias = Callable[[Value, str], str | None]
"""Returns the name of a missing member within a value with this name, or None."""


class RequiredMembers:
    """The required members of one input shape."""

    __slots__ = ("_find",)

    def __init__(self, shape: StructureShape, service: str, protocol: Protocol) -> None:
        self._find = _Compiler(service, protocol).compile(shape)

    def first_missing(self, members: Mapping[str, Value]) -> str | None:
        """Return the parameter's name in the caller's spelling, such as `Entries.2.Id`."""
        return self._find(dict(members), "") if self._find is not None else None


class _Compiler:
    """Finders by shape; None if a shape has no required members."""

    def __init__(self, service: str, protocol: Protocol) -> None:
        self._names = parameter_names(service, protocol)
        self._open: set[str] = set()

    def compile(self, shape: Shape) -> _Finder | None:
        if shape.name in self._open:
            return None  # recursive: no model requires a member there
        self._open.add(shape.name)
        try:
            if isinstance(shape, StructureShape):
                return self._structure(shape)
            if isinstance(shape, ListShape):
                return _each(self.compile(shape.member))
            if isinstance(shape, MapShape):
                return _every(self.compile(shape.value), self._names.map_value(shape))
            return None
        finally:
            self._open.discard(shape.name)

    def _structure(self, shape: StructureShape) -> _Finder | None:
        named = {member: self._names.member(member, inner) for member, inner in shape.members.items()}
        required = [(member, named[member]) for member in shape.required_members]
        within = [
            (member, named[member], finder)
            for member, inner in shape.members.items()
            if (finder := self.compile(inner)) is not None
        ]
        if not required and not within:
            return None

        def find(value: Value, path: str) -> str | None:
            if not isinstance(value, dict):
                return None
            prefix = f"{path}." if path else ""
            for member, name in required:
                if member not in value:
                    return f"{prefix}{name}"
            for member, name, finder in within:
                if member in value:
                    missing = finder(value[member], f"{prefix}{name}")
                    if missing is not None:
                        return missing
            return None

        return find


def _each(finder: _Finder | None) -> _Finder | None:
    if finder is None:
        return None

    def find(value: Value, path: str) -> str | None:
        for index, item in enumerate(value if isinstance(value, list) else (), start=1):
            missing = finder(item, f"{path}.{index}")
            if missing is not None:
                return missing
        return None

    return find


def _every(finder: _Finder | None, value_name: str | None) -> _Finder | None:
    """Search a map. `value_name`: the name of an entry's value in a form; JSON uses the key instead."""
    if finder is None:
        return None

    def find(value: Value, path: str) -> str | None:
        for index, (key, item) in enumerate(value.items() if isinstance(value, dict) else (), start=1):
            name = f"{path}.{key}" if value_name is None else f"{path}.{index}.{value_name}"
            missing = finder(item, name)
            if missing is not None:
                return missing
        return None

    return find
