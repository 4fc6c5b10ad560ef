"""Filters of the Describe operations.

All filters must match, each by one of its values. Values are case-sensitive; `*` matches any characters, `?`
matches one, and a backslash escapes them.
AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from tabard.model.tag import Tag
from tabard.services.ec2.errors import FilterLimitExceeded, InvalidParameterValue
from tabard.services.operation import Request

MAX_VALUES = 200
MAX_VALUE_CHARACTERS = 255

_ANY = object()
_ONE = object()

T = TypeVar("T")
Selectors = Mapping[str, Callable[[T], Iterable[str]]]
"""The values of an item that each filter name compares."""


class Filter(Request, frozen=True, kw_only=True):
    """One filter: a name and values, one of which must match."""

    name: str = ""
    values: tuple[str, ...] = ()


def keep(
    items: Iterable[T],
    filters: Sequence[Filter],
    selectors: Selectors[T],
    *,
    tags: Callable[[T], Iterable[Tag]] | None = None,
) -> list[T]:
    """Return the items that every filter matches.

    Args:
        selectors: the values that each filter name compares.
        tags: if given, `tag:KEY`, `tag-key` and `tag-value` compare these.
    Raises:
        InvalidParameterValue: an unknown filter, one without values, or a value of over 255 characters.
        FilterLimitExceeded: over 200 values.
    """
    return list(filter(matcher(filters, selectors, tags=tags), items))


def matcher(
    filters: Sequence[Filter],
    selectors: Selectors[T],
    *,
    tags: Callable[[T], Iterable[Tag]] | None = None,
) -> Callable[[T], bool]:
    """Return a test whether every filter matches an item. Raises like `keep`."""
    if sum(len(each.values) for each in filters) > MAX_VALUES:
        raise FilterLimitExceeded(limit=MAX_VALUES)
    tests = [_test(each, selectors, tags) for each in filters]
    return lambda item: all(test(item) for test in tests)


def _test(
    wanted: Filter, selectors: Selectors[T], tags: Callable[[T], Iterable[Tag]] | None
) -> Callable[[T], bool]:
    select = selectors.get(wanted.name) or _tag_selector(wanted.name, tags)
    if select is None:
        raise InvalidParameterValue(reason=f"The filter '{wanted.name}' is invalid")
    if not wanted.values:
        raise InvalidParameterValue(reason=f"The filter '{wanted.name}' needs at least one value.")
    if any(len(value) > MAX_VALUE_CHARACTERS for value in wanted.values):
        raise InvalidParameterValue(
            reason=f"The maximum length for a filter value is {MAX_VALUE_CHARACTERS} characters."
        )
    patterns = [_pattern(value) for value in wanted.values]

    def test(item: T) -> bool:
        return any(_matches(pattern, text) for text in select(item) for pattern in patterns)

    return test


def _tag_selector(
    name: str, tags: Callable[[T], Iterable[Tag]] | None
) -> Callable[[T], Iterable[str]] | None:
    if tags is None:
        return None
    if name == "tag-key":
        return lambda item: (tag.key for tag in tags(item))
    if name == "tag-value":
        return lambda item: (tag.value for tag in tags(item))
    if name.startswith("tag:"):
        wanted_key = name.removeprefix("tag:")
        return lambda item: (tag.value for tag in tags(item) if tag.key == wanted_key)
    return None


def _pattern(value: str) -> list[object]:
    """Parse a value into literal characters and wildcards."""
    pattern: list[object] = []
    escaped = False
    for character in value:
        if escaped or character not in "*?\\":
            pattern.append(character)
            escaped = False
        elif character == "\\":
            escaped = True
        else:
            pattern.append(_ANY if character == "*" else _ONE)
    if escaped:
        pattern.append("\\")
    return pattern


def _matches(pattern: Sequence[object], text: str) -> bool:
    """Return whether the whole text matches. It backtracks only to the last `*`: pattern × text at worst."""
    at_pattern = at_text = 0
    last_any = after_last_any = -1
    while at_text < len(text):
        if at_pattern < len(pattern) and pattern[at_pattern] is _ANY:
            last_any, after_last_any = at_pattern, at_text
            at_pattern += 1
        elif at_pattern < len(pattern) and pattern[at_pattern] in (_ONE, text[at_text]):
            at_pattern += 1
            at_text += 1
        elif last_any >= 0:
            after_last_any += 1
            at_pattern, at_text = last_any + 1, after_last_any
        else:
            return False
    return all(part is _ANY for part in pattern[at_pattern:])
