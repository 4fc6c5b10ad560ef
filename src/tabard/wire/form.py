"""Form-encoded parameters of the query and ec2 protocols, and the tree of their dotted names."""

from collections.abc import Mapping
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from tabard.wire.input_errors import InvalidQueryParameter

MAX_PARAMETERS: Final = 10_000
MAX_DEPTH: Final = 32

_NAMELESS: Final = "\0"
"""The key for an empty part of a name, as in `A..B`, which no model has."""

Node: TypeAlias = "dict[str, Node | str]"
"""`A.1.B=x` is {"A": {"1": {"B": {"": "x"}}}}: a node's own value has the empty name."""


def parse_form(content: bytes) -> Mapping[str, str]:
    """Decode the parameters, once.

    Raises:
        InvalidQueryParameter (400): not a form, not UTF-8, too many, or a duplicate name.
    """
    if not content:
        return {}
    try:
        pairs = parse_qsl(
            content.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=False,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except UnicodeDecodeError:
        raise InvalidQueryParameter(reason="it is not percent-encoded UTF-8") from None
    except ValueError:
        raise InvalidQueryParameter(reason=f"it has more than {MAX_PARAMETERS} parameters") from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise InvalidQueryParameter(reason="a parameter is given more than once")
    return parameters


def spell_tree(parameters: Mapping[str, str], *, without: frozenset[str]) -> Node:
    """Build the tree of all parameters except those named in `without`."""
    root: Node = {}
    for name, value in parameters.items():
        if name in without:
            continue
        segments = name.split(".", MAX_DEPTH)
        if len(segments) > MAX_DEPTH:
            raise InvalidQueryParameter(reason=f"a parameter's name has more than {MAX_DEPTH} parts")
        node = root
        for segment in segments:
            child = node.get(segment or _NAMELESS)
            if not isinstance(child, dict):
                child = node[segment or _NAMELESS] = {}
            node = child
        node[""] = value
    return root
