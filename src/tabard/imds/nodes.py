"""Nodes of the metadata tree: documents, listings and unavailable documents. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias

PLAIN = "text/plain"
_UP_TO_SECONDS = len("2026-01-31T12:00:00")
_json = json.JSONEncoder(ensure_ascii=False).encode
OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Content:
    """One value; plain values carry no trailing newline."""

    body: bytes = field(repr=False)
    content_type: str = PLAIN


class Unavailable:
    """A document that exists but is temporarily unavailable."""


Value: TypeAlias = "Callable[[], Content | Unavailable]"
"""A value is built when it is read, because a request reads only one value of the tree."""

Node: TypeAlias = "Value | Mapping[str, Node]"


class Labeled(dict[str, Node]):
    """A directory whose parent listing shows a label instead of its name in the path."""

    def __init__(self, label: str, nodes: Mapping[str, Node]) -> None:
        super().__init__(nodes)
        self.label = label


def text(value: str) -> Value:
    """Return a plain value."""
    return partial(plain, value)


def json_object(members: Mapping[str, str]) -> Content:
    """Return a JSON object of texts in EC2's own layout, `  "Code" : "Success",`, as text/plain."""
    # Not json.dumps with an indent: it runs in pure Python and took a fifth of a credentials read.
    lines = [f"  {_json(name)} : {_json(value)}" for name, value in members.items()]
    return plain("{\n" + ",\n".join(lines) + "\n}")


def json_line(value: object) -> Content:
    """Return a JSON value on one line, as EC2 writes notices."""
    return plain(json.dumps(value, ensure_ascii=False))


def plain(value: str) -> Content:
    """Return a document of plain text."""
    return Content(value.encode())


def listing(directory: Mapping[str, Node]) -> Content:
    """Return the names in a directory, a line each; those that can be entered end with a slash."""
    return plain("\n".join(_shown(name, node) for name, node in directory.items()))


def _shown(name: str, node: Node) -> str:
    if isinstance(node, Labeled):
        return node.label
    return f"{name}/" if isinstance(node, Mapping) else name


def iso_time(moment: datetime) -> str:
    """`2026-01-31T12:00:00Z`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:_UP_TO_SECONDS] + "Z"
