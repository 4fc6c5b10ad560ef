"""Texts with wildcards and policy variables, matched in linear time.

A wildcard matches any character, a newline too. What a `${…}` stands for is taken literally: a value `*` is
an asterisk. Nothing here backtracks: between two `*` the leftmost fit is always as good as any other.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from tabard.policy.values import Values, is_multivalued


class Wildcard(Enum):
    """`*` and `?`; those IN_PART match no colon, and stand for `*` and `?` in the first parts of an ARN."""

    MANY = auto()
    ONE = auto()
    MANY_IN_PART = auto()
    ONE_IN_PART = auto()


@dataclass(frozen=True, slots=True)
class Variable:
    """`${key}` or `${key, 'default'}`; `written` is its text. AWS: "Key names are case-insensitive." """

    key: str
    default: str | None
    written: str

    @property
    def name(self) -> str:
        """The key as it is written."""
        return self.written[2:-1].partition(",")[0].strip()

    def value(self, values: Values) -> str | None:
        """Return the text it stands for; None if the request has no such key, or the key is multivalued.

        AWS: "You can't use a multivalued condition key as a variable."
        """
        found = values.get(self.key)
        if not found:
            return self.default
        return None if is_multivalued(found) else found[0]


Token = str | Wildcard | Variable

_WITH_VARIABLES = re.compile(r"\$\{([^{}]+)\}|[*?]")
_WITHOUT_VARIABLES = re.compile(r"[*?]")


def tokens(text: str, *, variables: bool, wildcards: bool = True) -> tuple[Token, ...]:
    """Take a pattern apart.

    Args:
        variables: whether `${…}` means something; it does from Version 2012-10-17 on.
        wildcards: whether `*` and `?` do.
    """
    found: list[Token] = []
    end = 0
    for match in (_WITH_VARIABLES if variables else _WITHOUT_VARIABLES).finditer(text):
        token = _token(match, wildcards=wildcards)
        if match.start() > end:
            found.append(text[end : match.start()])
        found.append(token)
        end = match.end()
    if end < len(text):
        found.append(text[end:])
    return joined(found)


def _token(match: re.Match[str], *, wildcards: bool) -> Token:
    written = match[0]
    if len(written) == 1:
        if not wildcards:
            return written
        return Wildcard.MANY if written == "*" else Wildcard.ONE
    body = match[1]
    if body in ("*", "?", "$"):
        return body
    key, comma, rest = body.partition(",")
    quoted = rest.strip()
    if comma and not (len(quoted) > 1 and quoted[0] == quoted[-1] == "'"):
        return written
    return Variable(key.strip().lower(), quoted[1:-1] if comma else None, written)


def joined(found: Iterable[Token]) -> tuple[Token, ...]:
    """Return the same pattern with neighboring literals as one."""
    merged: list[Token] = []
    for token in found:
        if isinstance(token, str) and merged and isinstance(merged[-1], str):
            merged[-1] += token
        else:
            merged.append(token)
    return tuple(merged)


def substitute(pattern: Sequence[Token], values: Values) -> tuple[Token, ...] | None:
    """Return the pattern with every variable's value as literal text; None if one has no value."""
    found: list[Token] = []
    for token in pattern:
        if isinstance(token, Variable):
            value = token.value(values)
            if value is None:
                return None
            found.append(value)
        else:
            found.append(token)
    return joined(found)


def has_variables(pattern: Sequence[Token]) -> bool:
    """Return whether any token is a variable."""
    return any(isinstance(token, Variable) for token in pattern)


class _Gapped:
    """A stretch of text with `?` in it, found by bit-parallel search: one step per character."""

    __slots__ = ("_accept", "_any", "_masks", "_pieces", "length")

    def __init__(self, pattern: Sequence[Token]) -> None:
        self._pieces: list[tuple[int, str]] = []
        position = 0
        for token in pattern:
            if isinstance(token, str):
                self._pieces.append((position, token))
                position += len(token)
            else:
                position += 1
        self.length = position
        self._accept = 1 << (position - 1)
        self._masks: dict[str, int] | None = None
        self._any = 0

    def at(self, text: str, start: int) -> bool:
        """Return whether the text from `start` on begins with this; enough characters are there."""
        return all(text.startswith(piece, start + offset) for offset, piece in self._pieces)

    def find(self, text: str, start: int, end: int) -> int:
        """Return the leftmost place between `start` and `end`, or -1."""
        masks = self._masks
        if masks is None:
            masks = self._prepare()
        state, accept, everywhere = 0, self._accept, self._any
        for place in range(start, end):
            state = ((state << 1) | 1) & masks.get(text[place], everywhere)
            if state & accept:
                return place - self.length + 1
        return -1

    def _prepare(self) -> dict[str, int]:
        literal = 0
        own: dict[str, int] = {}
        for offset, piece in self._pieces:
            for place, character in enumerate(piece, offset):
                own[character] = own.get(character, 0) | (1 << place)
                literal |= 1 << place
        self._any = ((1 << self.length) - 1) & ~literal
        masks = {character: mask | self._any for character, mask in own.items()}
        self._masks = masks
        return masks


def _stretch(pattern: Sequence[Token]) -> "str | _Gapped":
    if not pattern:
        return ""
    first = pattern[0]
    return first if len(pattern) == 1 and isinstance(first, str) else _Gapped(pattern)


def matcher(pattern: Sequence[Token]) -> Callable[[str], bool]:
    """Return the test of a pattern without variables against a whole text."""
    stretches: list[list[Token]] = [[]]
    for token in pattern:
        if token is Wildcard.MANY:
            stretches.append([])
        else:
            stretches[-1].append(token)
    parts = [_stretch(stretch) for stretch in stretches]
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return _exactly(first)
    middle = [part for part in parts[1:-1] if part != ""]
    shortest = sum(_length(part) for part in (first, *middle, last))
    if not middle and isinstance(first, str) and isinstance(last, str):
        return _between(first, last, shortest)
    return _in_order(first, middle, last, shortest)


def _length(part: "str | _Gapped") -> int:
    return len(part) if isinstance(part, str) else part.length


def _at(part: "str | _Gapped", text: str, start: int) -> bool:
    return text.startswith(part, start) if isinstance(part, str) else part.at(text, start)


def _exactly(part: "str | _Gapped") -> Callable[[str], bool]:
    if isinstance(part, str):
        return part.__eq__
    return lambda text: len(text) == part.length and part.at(text, 0)


def _between(first: str, last: str, shortest: int) -> Callable[[str], bool]:
    if not last:
        return lambda text: text.startswith(first)
    return lambda text: len(text) >= shortest and text.startswith(first) and text.endswith(last)


def _in_order(
    first: "str | _Gapped", middle: "list[str | _Gapped]", last: "str | _Gapped", shortest: int
) -> Callable[[str], bool]:
    head, tail = _length(first), _length(last)

    def matches(text: str) -> bool:
        end = len(text) - tail
        if len(text) < shortest or not _at(first, text, 0) or not _at(last, text, end):
            return False
        start = head
        for part in middle:
            place = part.find(text, start, end) if isinstance(part, _Gapped) else text.find(part, start, end)
            if place < 0:
                return False
            start = place + _length(part)
        return True

    return matches


def contextual(pattern: Sequence[Token]) -> Callable[[str, Values], bool]:
    """Return the test of any pattern; a variable without a value matches nothing.

    AWS: "the resource that includes a policy variable with no value will not match any resource"
    """
    if not has_variables(pattern):
        fixed = matcher(pattern)
        return lambda text, _values: fixed(text)

    def matches(text: str, values: Values) -> bool:
        substituted = substitute(pattern, values)
        return substituted is not None and matcher(substituted)(text)

    return matches
