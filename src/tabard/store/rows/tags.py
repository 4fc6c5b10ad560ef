"""Tags as a JSON column: a list of [key, value]."""

from collections.abc import Iterable

from tabard.model.tag import Tag


def tags_to_json(tags: Iterable[Tag]) -> list[list[str]]:
    """The column's value, in the order of the tags."""
    return [[tag.key, tag.value] for tag in tags]


def tags_from_json(value: Iterable[tuple[str, str]]) -> tuple[Tag, ...]:
    """The tags, in the order they were written."""
    return tuple(Tag(key, text) for key, text in value)
