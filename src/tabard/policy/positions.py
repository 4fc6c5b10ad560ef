"""Line and column of each element in the text of a document, for messages that point at an element.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_Statement.html
"""

import json
import re
from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

Path = tuple[str | int, ...]
"""The way to an element: `("Statement", 0, "Action", 1)`; a lone value is not counted."""

_SPACE = " \t\n\r"
# A policy's own values lie less deep; what lies deeper is passed over whole.
_DEEPEST = 8


class Position(NamedTuple):
    """A place in a text: line and column, both from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


class Span(NamedTuple):
    """The text of an element: from its first character to just behind its last."""

    start: Position
    end: Position


def element_spans(text: str) -> Mapping[Path, Span]:
    """Map the path of every element of a JSON text to its span. The empty path is the whole text.

    Raises:
        ValueError: the text is not JSON.
    """
    return _Scanner(text).spans()


def statement_spans(text: str) -> tuple[Span, ...]:
    """Return the spans of the statements as IAM's simulator reports them: the positions of its reader.

    A lone statement starts after its opening brace. A statement in a list starts at the end of the list's
    bracket or of the statement before it. Every statement ends after its last brace. AWS has two examples.

    AWS: https://docs.aws.amazon.com/cli/latest/reference/iam/simulate-custom-policy.html#examples and
    …/simulate-principal-policy.html#examples

    Raises:
        ValueError: the text is not JSON.
    """
    spans = element_spans(text)
    whole = spans.get(("Statement",))
    if whole is None:
        return ()
    listed = [span.end for path, span in spans.items() if _is_listed_statement(path)]
    ends = listed or [whole.end]
    line, column = whole.start
    starts = [Position(line, column + 1), *ends[:-1]]
    return tuple(Span(start, end) for start, end in zip(starts, ends, strict=True))


def _is_listed_statement(path: Path) -> bool:
    return len(path) == 2 and path[0] == "Statement" and isinstance(path[1], int)


class _Scanner:
    """Walks a JSON text once and notes where things begin and end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._decoder = json.JSONDecoder()
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._found: dict[Path, tuple[int, int]] = {}

    def spans(self) -> Mapping[Path, Span]:
        try:
            json.loads(self._text)  # so that what follows may trust its syntax
        except RecursionError:
            raise ValueError("too deep") from None
        self._value((), self._after_space(0))
        return {
            path: Span(self._position(start), self._position(end))
            for path, (start, end) in self._found.items()
        }

    def _position(self, offset: int) -> Position:
        line = bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1)

    def _after_space(self, start: int) -> int:
        while self._text[start] in _SPACE:
            start += 1
        return start

    def _value(self, path: Path, start: int) -> int:
        """Note the value that begins at `start`, and those in it; where it ends."""
        self._found[path] = (start, start)  # its place in the order: before what it holds
        opening = self._text[start]
        if opening == "{" and len(path) < _DEEPEST:
            end = self._object(path, start + 1)
        elif opening == "[" and len(path) < _DEEPEST:
            end = self._array(path, start + 1)
        else:
            _, end = self._decoder.raw_decode(self._text, start)
        self._found[path] = (start, end)
        return end

    def _object(self, path: Path, start: int) -> int:
        place = self._after_space(start)
        while self._text[place] != "}":
            key, place = self._decoder.raw_decode(self._text, place)
            colon = self._after_space(place)
            place = self._after_space(self._value((*path, key), self._after_space(colon + 1)))
            if self._text[place] == ",":
                place = self._after_space(place + 1)
        return place + 1

    def _array(self, path: Path, start: int) -> int:
        place, number = self._after_space(start), 0
        while self._text[place] != "]":
            place = self._after_space(self._value((*path, number), place))
            number += 1
            if self._text[place] == ",":
                place = self._after_space(place + 1)
        return place + 1
