"""JSON syntax of policy documents. It checks the types of elements and returns the statements as written.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from tabard.policy.conditions import parse_operator
from tabard.policy.document import CURRENT_VERSION, FIRST_VERSION, Condition, MalformedPolicyDocument

# IAM's own bound on the `PolicyDocument` parameter of every operation.
MAX_DOCUMENT_CHARACTERS = 1_048_576

DOCUMENT_ELEMENTS = frozenset({"Version", "Id", "Statement"})
STATEMENT_ELEMENTS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)

Names = Mapping[str, tuple[str, ...]]


class _Number(str):
    """A JSON number, as it was written: a condition value may be one, nothing else may."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenStatement:
    """A statement whose elements have the right types; None if an element is missing.

    `effect` is Allow or Deny in any case; a principal is a text or the names by their type.
    """

    sid: str
    effect: str
    principal: str | Names | None
    not_principal: str | Names | None
    actions: tuple[str, ...] | None
    not_actions: tuple[str, ...] | None
    resources: tuple[str, ...] | None
    not_resources: tuple[str, ...] | None
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDocument:
    """A document whose elements have the right types."""

    version: str
    document_id: str
    statements: tuple[WrittenStatement, ...]


def read_document(text: str) -> WrittenDocument:
    """Read the syntax of a document, which is the same for every kind.

    Raises:
        MalformedPolicyDocument (400): "Syntax errors in policy."
    """
    tree = _json(text)
    if not isinstance(tree, dict) or not DOCUMENT_ELEMENTS.issuperset(tree):
        _syntax_error()
    version = _text(tree.get("Version", FIRST_VERSION))
    if version not in (FIRST_VERSION, CURRENT_VERSION):
        _syntax_error()
    listed = tree.get("Statement")
    if isinstance(listed, dict):
        listed = [listed]
    if not isinstance(listed, list) or not listed:
        _syntax_error()
    return WrittenDocument(
        version=version,
        document_id=_text(tree.get("Id", "")),
        statements=tuple(_statement(item) for item in listed),
    )


def _json(text: str) -> object:
    if len(text) > MAX_DOCUMENT_CHARACTERS:
        _syntax_error()
    try:
        tree: object = json.loads(
            text,
            object_pairs_hook=_unique_pairs,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_no_constant,
        )
        json.dumps(tree, ensure_ascii=False).encode()  # an escape may stand for half a character
    except (ValueError, RecursionError):
        _syntax_error()
    return tree


def _syntax_error() -> NoReturn:
    raise MalformedPolicyDocument(reason="Syntax errors in policy.") from None


def _unique_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """AWS: "Individual elements must not contain multiple instances of the same key." """
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("the same key twice")
    return tree


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _text(value: object) -> str:
    if not isinstance(value, str) or isinstance(value, _Number):
        _syntax_error()
    return value


def _texts(value: object) -> tuple[str, ...]:
    """Return a string or a list of strings: "If only one value is included, the brackets are optional." """
    if isinstance(value, list):
        return tuple(_text(item) for item in value)
    return (_text(value),)


def _statement(tree: object) -> WrittenStatement:
    if not isinstance(tree, dict) or not STATEMENT_ELEMENTS.issuperset(tree):
        _syntax_error()
    for element in ("Principal", "Action", "Resource"):
        if element in tree and f"Not{element}" in tree:
            _syntax_error()
    effect = _text(tree.get("Effect", ""))
    if effect.lower() not in ("allow", "deny"):
        _syntax_error()

    def listed(element: str) -> tuple[str, ...] | None:
        return _texts(tree[element]) if element in tree else None

    def principal(element: str) -> str | Names | None:
        return _principal(tree[element]) if element in tree else None

    return WrittenStatement(
        sid=_text(tree.get("Sid", "")),
        effect=effect,
        principal=principal("Principal"),
        not_principal=principal("NotPrincipal"),
        actions=listed("Action"),
        not_actions=listed("NotAction"),
        resources=listed("Resource"),
        not_resources=listed("NotResource"),
        conditions=_conditions(tree.get("Condition", {})),
    )


def _principal(value: object) -> str | Names:
    if isinstance(value, dict) and value:
        return {principal_type: _texts(names) for principal_type, names in value.items()}
    return _text(value)


def _conditions(tree: object) -> tuple[Condition, ...]:
    if not isinstance(tree, dict):
        _syntax_error()
    conditions: list[Condition] = []
    for operator, keys in tree.items():
        if not isinstance(keys, dict):
            _syntax_error()
        for key, values in keys.items():
            if parse_operator(operator) is None or not key:
                _syntax_error()
            listed = values if isinstance(values, list) else [values]
            conditions.append(
                Condition(
                    operator=operator, key=key, values=tuple(_condition_value(value) for value in listed)
                )
            )
    return tuple(conditions)


def _condition_value(value: object) -> str:
    """AWS: "Quotation marks are optional for numeric and Boolean values." """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        _syntax_error()
    return str(value)
