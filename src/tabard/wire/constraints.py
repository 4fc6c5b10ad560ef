"""The constraints of a model's values (required, length, range, pattern, enum), and AWS's sentences for them.

AWS reports all violations in one error: "2 validation errors detected: Value null at 'roleName' failed to
satisfy constraint: Member must not be null; …".
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final, TypeAlias

from botocore.model import ListShape, MapShape, Shape, StructureShape

from tabard.wire.java_patterns import matches

MAX_REPORTED: Final = 10
MAX_QUOTED_CHARACTERS: Final = 1024
MAX_MATCHED_CHARACTERS: Final = 4096

Checker: TypeAlias = Callable[[object, str, list[str]], None]
"""Appends a sentence for each violation in a value at a path."""


class RequestRules:
    """The constraints of one input shape."""

    __slots__ = ("_check",)

    def __init__(self, shape: StructureShape) -> None:
        self._check = _Compiler().compile(shape)

    def violations(self, members: object) -> list[str]:
        """Return a sentence for each broken rule; none of them quotes a sensitive value."""
        found: list[str] = []
        if self._check is not None:
            self._check(members, "", found)
        return found


def validation_sentence(violations: list[str]) -> str:
    """Join all violations in AWS's form."""
    count = len(violations)
    noun = "error" if count == 1 else "errors"
    return f"{count} validation {noun} detected: {'; '.join(violations[:MAX_REPORTED])}"


class _Compiler:
    """Checkers by shape; None if a shape and all its members have no rules."""

    def __init__(self) -> None:
        self._open: set[str] = set()

    def compile(self, shape: Shape) -> Checker | None:
        if shape.name in self._open:
            return None  # a recursive shape (AttributeValue): the upstream checks its rules
        self._open.add(shape.name)
        try:
            if isinstance(shape, StructureShape):
                return self._structure(shape)
            if isinstance(shape, ListShape):
                return self._list(shape)
            if isinstance(shape, MapShape):
                return self._map(shape)
            return _scalar(shape)
        finally:
            self._open.discard(shape.name)

    def _structure(self, shape: StructureShape) -> Checker | None:
        required = [(member, _lower_first(member)) for member in shape.required_members]
        inner = [
            (member, _lower_first(member), checker)
            for member, member_shape in shape.members.items()
            if (checker := self.compile(member_shape)) is not None
        ]
        if not required and not inner:
            return None

        def check(value: object, path: str, found: list[str]) -> None:
            if not isinstance(value, dict):
                return
            prefix = f"{path}." if path else ""
            for member, name in required:
                if member not in value:
                    found.append(_violation("null", prefix + name, "Member must not be null"))
            for member, name, checker in inner:
                if member in value:
                    checker(value[member], prefix + name, found)

        return check

    def _list(self, shape: ListShape) -> Checker | None:
        own = _length(shape, lambda value: "[]" if not value else "[...]")
        member = self.compile(shape.member)
        is_scalar = not isinstance(shape.member, (StructureShape, ListShape, MapShape))
        if own is None and member is None:
            return None

        def check(value: object, path: str, found: list[str]) -> None:
            if own is not None:
                own(value, path, found)
            if member is None or not isinstance(value, list):
                return
            for index, item in enumerate(value, start=1):
                if is_scalar:
                    broken: list[str] = []
                    member(item, path, broken)
                    if broken:
                        rules = ", ".join(sentence.partition("constraint: ")[2] for sentence in broken)
                        found.append(
                            _violation(
                                _quoted(_text_of(value)), path, f"Member must satisfy constraint: [{rules}]"
                            )
                        )
                        return
                else:
                    member(item, f"{path}.{index}.member", found)

        return check

    def _map(self, shape: MapShape) -> Checker | None:
        own = _length(shape, lambda value: "{}" if not value else "{...}")
        key, inner = self.compile(shape.key), self.compile(shape.value)
        if own is None and key is None and inner is None:
            return None

        def check(value: object, path: str, found: list[str]) -> None:
            if own is not None:
                own(value, path, found)
            if not isinstance(value, dict):
                return
            if key is not None:
                for name in value:
                    key(name, f"{path}.key", found)
            if inner is not None:
                for name, item in value.items():
                    inner(item, f"{path}.{name}.member", found)

        return check


def _scalar(shape: Shape) -> Checker | None:
    quote = _hidden if shape.metadata.get("sensitive") else _quoted_text
    checks = [
        checker for checker in (_length(shape, quote), _pattern(shape, quote), _enum(shape, quote)) if checker
    ]
    if not checks:
        return None
    if len(checks) == 1:
        return checks[0]

    def check(value: object, path: str, found: list[str]) -> None:
        for each in checks:
            each(value, path, found)

    return check


def _length(shape: Shape, quote: Callable[[object], str | None]) -> Checker | None:
    """Check the length of strings, blobs, lists and maps, and the value of numbers."""
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is None and high is None:
        return None
    is_number = shape.type_name in ("integer", "long", "float", "double")
    noun = "value" if is_number else "length"

    def check(value: object, path: str, found: list[str]) -> None:
        size = value if is_number else len(value)  # type: ignore[arg-type]  # typed by the reader before
        if low is not None and size < low:
            found.append(
                _violation(quote(value), path, f"Member must have {noun} greater than or equal to {low}")
            )
        if high is not None and size > high:
            found.append(
                _violation(quote(value), path, f"Member must have {noun} less than or equal to {high}")
            )

    return check


def _pattern(shape: Shape, quote: Callable[[object], str | None]) -> Checker | None:
    pattern = shape.metadata.get("pattern")
    if pattern is None:
        return None
    longest = shape.metadata.get("max", MAX_MATCHED_CHARACTERS)

    def check(value: object, path: str, found: list[str]) -> None:
        text = str(value)
        if len(text) > max(longest, MAX_MATCHED_CHARACTERS):
            return  # the shape's own length rule refuses it: skip the pattern
        if not matches(pattern, text):
            found.append(
                _violation(quote(value), path, f"Member must satisfy regular expression pattern: {pattern}")
            )

    return check


def _enum(shape: Shape, quote: Callable[[object], str | None]) -> Checker | None:
    allowed = shape.metadata.get("enum")
    if not allowed:
        return None
    allowed_set = frozenset(allowed)
    sentence = f"Member must satisfy enum value set: [{', '.join(allowed)}]"

    def check(value: object, path: str, found: list[str]) -> None:
        if value not in allowed_set:
            found.append(_violation(quote(value), path, sentence))

    return check


def _violation(value: str | None, path: str, rule: str) -> str:
    shown = f"Value {value} at" if value is not None else "Value at"
    return f"{shown} '{path}' failed to satisfy constraint: {rule}"


def _hidden(value: object) -> None:
    del value


def _quoted_text(value: object) -> str:
    return _quoted(_text_of(value))


def _quoted(text: str) -> str:
    return f"'{text[:MAX_QUOTED_CHARACTERS]}'"


def _text_of(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_text_of(item) for item in _first(value))}]"
    return str(value)


def _first(values: list[object]) -> Iterable[object]:
    return values[:MAX_REPORTED]


@cache
def _lower_first(name: str) -> str:
    return name[0].lower() + name[1:]
