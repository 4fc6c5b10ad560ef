"""Location of the fault in a refused document. AWS's message names the fault; this module finds its element.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_policies.html
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from tabard.policy.conditions import parse_operator
from tabard.policy.document import CURRENT_VERSION, FIRST_VERSION, DocumentKind, MalformedPolicyDocument
from tabard.policy.operators import OPERATOR_SPELLINGS
from tabard.policy.parse import parse_document
from tabard.policy.positions import Path, Position, Span, element_spans
from tabard.policy.syntax import DOCUMENT_ELEMENTS, STATEMENT_ELEMENTS

_BEGINNING = Position(1, 1)
_LISTS = ("Action", "NotAction", "Resource", "NotResource")


@dataclass(frozen=True, slots=True)
class Fault:
    """AWS's message, the position of the fault, and details that AWS's message omits (may be empty)."""

    position: Position
    sentence: str
    hint: str = ""


def diagnose(text: str, *, kind: DocumentKind) -> Fault | None:
    """Find the fault of a document. Return None if the document is valid."""
    sentence = _refusal(text, kind)
    if sentence is None:
        return None
    try:
        tree: object = json.loads(text, object_pairs_hook=_refuse_twins)
        spans = element_spans(text)
    except json.JSONDecodeError as error:
        return Fault(Position(error.lineno, error.colno), sentence, f"not JSON: {error.msg}")
    except _Twice as twice:
        return Fault(_BEGINNING, sentence, f"{twice.key} stands twice in one object")
    except (ValueError, RecursionError):
        return Fault(_BEGINNING, sentence)
    path, hint = _culprit(tree, kind)
    return Fault(place_of(path, spans), sentence, hint)


def place_of(path: Path, spans: Mapping[Path, Span]) -> Position:
    """Return the start of the element at `path`, or of the nearest element that contains it.

    The path may omit the index of a lone value.
    """
    found: Path = ()
    for step in path:
        if (*found, step) in spans:
            found = (*found, step)
        elif not isinstance(step, int):
            break
    return spans[found].start


class _Twice(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _refuse_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    tree: dict[str, object] = {}
    for key, value in pairs:
        if key in tree:
            raise _Twice(key)
        tree[key] = value
    return tree


def _refusal(text: str, kind: DocumentKind) -> str | None:
    try:
        parse_document(text, kind=kind)
    except MalformedPolicyDocument as error:
        return error.message
    return None


def _culprit(tree: object, kind: DocumentKind) -> tuple[Path, str]:
    if not isinstance(tree, dict):
        return (), "a policy is a JSON object"
    for name in tree:
        if name not in DOCUMENT_ELEMENTS:
            return (name,), _unknown(name, DOCUMENT_ELEMENTS)
    listed = tree.get("Statement")
    statements = [listed] if isinstance(listed, dict) else listed
    if not isinstance(statements, list) or not statements:
        return ("Statement",), "Statement is an object or a list of objects"
    for number, statement in enumerate(statements):
        if _refused_alone(statement, kind) is not None:
            path, hint = _within(statement, kind)
            return ("Statement", number, *path), hint
    seen: set[object] = set()
    for number, statement in enumerate(statements):
        sid = statement.get("Sid", "")
        if sid in seen:
            return ("Statement", number, "Sid"), f"{sid} stands above already"
        seen.update({sid} - {""})
    if isinstance(tree.get("Id", ""), str):
        return ("Version",), f"Version is {CURRENT_VERSION} or {FIRST_VERSION}"
    return ("Id",), "Id is a text"


def _refused_alone(statement: object, kind: DocumentKind) -> str | None:
    return _refusal(json.dumps({"Version": CURRENT_VERSION, "Statement": [statement]}), kind)


def _within(statement: object, kind: DocumentKind) -> tuple[Path, str]:
    """Find the smallest part of a statement that causes the same message."""
    if not isinstance(statement, dict):
        return (), "a statement is a JSON object"
    for name in statement:
        if name not in STATEMENT_ELEMENTS:
            return (name,), _unknown(name, STATEMENT_ELEMENTS)
    if statement.get("Effect") not in ("Allow", "Deny"):
        return ("Effect",), "Effect is Allow or Deny"
    sentence = _refused_alone(statement, kind)
    for path, smaller in _with_one_part(statement):
        if _refused_alone(smaller, kind) == sentence and _matters(path, statement, sentence, kind):
            return path, _about_operator(path)
    for name in ("Sid", "Principal", "NotPrincipal", "Condition"):
        if name in statement and _matters((name,), statement, sentence, kind):
            return (name,), ""
    return (), ""


def _with_one_part(statement: Mapping[str, object]) -> Iterator[tuple[Path, dict[str, object]]]:
    """Yield the statement reduced to one value of a list, or to one condition."""
    for name in _LISTS:
        for number, value in enumerate(_listed(statement.get(name, []))):
            yield (name, number), {**statement, name: value}
    for operator, keys in _members(statement.get("Condition")):
        for key, value in _members(keys):
            condition: dict[str, object] = {operator: {key: value}}
            yield ("Condition", operator, key), {**statement, "Condition": condition}


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _members(value: object) -> Sequence[tuple[str, object]]:
    return tuple(value.items()) if isinstance(value, dict) else ()


def _matters(path: Path, statement: Mapping[str, object], sentence: str | None, kind: DocumentKind) -> bool:
    """Report whether replacing the element with a harmless one changes or removes the message."""
    name = str(path[0])
    action = "sts:AssumeRole" if kind is DocumentKind.TRUST else "s3:GetObject"
    harmless: dict[str, object] = {"Sid": "", "Condition": {}, "Action": action, "NotAction": action}
    better: dict[str, object] = {**statement, name: harmless.get(name, "*")}
    return _refused_alone(better, kind) != sentence


def _about_operator(path: Path) -> str:
    if path[0] != "Condition" or parse_operator(str(path[1])) is not None:
        return ""
    return _unknown(str(path[1]), OPERATOR_SPELLINGS)


def _unknown(name: str, known: frozenset[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    return f"there is no {name}" + (f"; {near[0]} is meant, perhaps" if near else "")
