"""A slow, obvious evaluator, written from AWS's pages alone, to compare the compiled engine with.

It reads documents as plain JSON trees, asks every statement in turn, and shares no code with the engine.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from ipaddress import ip_address, ip_network
from typing import Any

Tree = dict[str, Any]
Values = dict[str, list[str]]

ACCOUNT_LEVEL, ROLE_LEVEL, DIRECT_LEVEL = 1, 2, 3

# …/orgs_manage_policies_rcps.html#rcp-supported-services, as far as these requests go
RESOURCE_CONTROLLED = ("s3", "sqs", "sts")


@dataclass(frozen=True)
class Caller:
    """Who asks; `account` is empty for a service."""

    arn: str
    account: str
    role_arn: str = ""
    service: str = ""
    is_root: bool = False


@dataclass(frozen=True)
class Question:
    """One request and the documents of each layer; None where there is no such layer.

    `multivalued` names, in lower case, the condition keys that AWS documents as multivalued.
    """

    action: str
    resource: str
    caller: Caller
    values: Values
    multivalued: frozenset[str] = frozenset()
    resource_account: str = ""
    identity: list[Tree] = field(default_factory=list)
    resource_policy: list[Tree] | None = None
    boundary: list[Tree] | None = None
    session: list[Tree] | None = None
    service_control: list[list[Tree]] = field(default_factory=list)
    resource_control: list[list[Tree]] = field(default_factory=list)


def evaluate(question: Question) -> str:
    """`allow`, `explicit-deny` or `implicit-deny`."""
    every_layer = [question.identity, question.boundary, question.session, *_controls(question)]
    if any(_applying(question, documents, "Deny") for documents in every_layer if documents is not None):
        return "explicit-deny"
    if any(_level(question, found) for found in _applying(question, question.resource_policy or [], "Deny")):
        return "explicit-deny"
    if not all(_applying(question, level, "Allow") for level in _controls(question)):
        return "implicit-deny"
    grants = [
        _level(question, found) for found in _applying(question, question.resource_policy or [], "Allow")
    ]
    named = max(grants, default=0)
    return "allow" if _allowed(question, named) else "implicit-deny"


def _controls(question: Question) -> list[list[Tree]]:
    """The levels of control policies that bind: none for service-linked roles, an RCP for some services, an
    SCP for whoever has an account."""
    if "/aws-service-role/" in question.caller.role_arn:
        return []
    is_controlled = question.action.split(":")[0].lower() in RESOURCE_CONTROLLED
    by_resource = question.resource_control if is_controlled else []
    return by_resource + (question.service_control if question.caller.account else [])


def _allowed(question: Question, named: int) -> bool:
    caller = question.caller
    if not caller.account:
        return named > 0
    by_identity = bool(_applying(question, question.identity, "Allow")) or caller.is_root
    within_ceilings = all(
        bool(_applying(question, ceiling, "Allow"))
        for ceiling in (question.boundary, question.session)
        if ceiling is not None
    )
    if question.resource_account not in ("", caller.account):
        return by_identity and within_ceilings and named > 0
    if named == DIRECT_LEVEL:
        return True
    if named == ROLE_LEVEL:
        return within_ceilings
    is_trust = question.action.lower().startswith("sts:") and ":role/" in question.resource
    is_key = question.action.lower().startswith("kms:") and ":key/" in question.resource
    if (is_trust or is_key) and named == 0:
        return False
    return by_identity and within_ceilings


def _applying(question: Question, documents: list[Tree], effect: str) -> list[Tree]:
    return [
        statement
        for document in documents
        for statement in _as_list(document["Statement"])
        if statement["Effect"] == effect and _applies(question, document, statement)
    ]


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _applies(question: Question, document: Tree, statement: Tree) -> bool:
    variables = document.get("Version") == "2012-10-17"
    return (
        _covers_action(question.action, statement)
        and _covers_resource(question, statement, variables)
        and all(
            _condition_holds(question, operator, key.lower(), operands, statement["Effect"], variables)
            for operator, keys in statement.get("Condition", {}).items()
            for key, operands in keys.items()
        )
    )


def _covers_action(action: str, statement: Tree) -> bool:
    listed = _as_list(statement.get("Action", statement.get("NotAction")))
    matched = any(_like(list(pattern.lower()), action.lower()) for pattern in listed)
    return matched if "Action" in statement else not matched


def _covers_resource(question: Question, statement: Tree, variables: bool) -> bool:
    if "Resource" not in statement and "NotResource" not in statement:
        return True
    listed = _as_list(statement.get("Resource", statement.get("NotResource")))
    matched = any(
        _resource_matches(pattern, question.resource, _for_variables(question), variables)
        for pattern in listed
    )
    return matched if "Resource" in statement else not matched


def _for_variables(question: Question) -> Values:
    """The values that a policy variable may stand for: "You can't use a multivalued condition key as a
    variable", so one that is there stands for nothing, not even its default."""
    return {
        key: ["", ""] if found and key in question.multivalued else found
        for key, found in question.values.items()
    }


def _level(question: Question, statement: Tree) -> int:
    """How directly a resource policy's statement is about the caller: 0 where it is not."""
    if "Principal" in statement:
        return _named(statement["Principal"], question.caller)
    if "NotPrincipal" not in statement:
        return 0
    listed, caller = statement["NotPrincipal"], question.caller
    if statement["Effect"] == "Allow":
        return 0 if _named(listed, caller) else DIRECT_LEVEL
    if question.boundary is not None:
        return DIRECT_LEVEL
    names = ["*"] if listed == "*" else _as_list(listed.get("AWS", []))
    services = [] if listed == "*" else _as_list(listed.get("Service", []))
    whole = bool(caller.account) and all(
        any(name in names for name in forms)
        for forms in (
            [caller.account, f"arn:aws:iam::{caller.account}:root"],
            [caller.role_arn] if caller.role_arn else names,
            [f"arn:aws:iam::{caller.account}:root", caller.account] if caller.is_root else [caller.arn],
        )
    )
    return 0 if "*" in names or caller.service in services or whole else DIRECT_LEVEL


def _named(principal: str | Tree, caller: Caller) -> int:
    if isinstance(principal, str):
        return DIRECT_LEVEL
    names = _as_list(principal.get("AWS", []))
    if "*" in names or (caller.service and caller.service in _as_list(principal.get("Service", []))):
        return DIRECT_LEVEL
    if caller.arn and caller.arn in names:
        return DIRECT_LEVEL
    if caller.role_arn and caller.role_arn in names:
        return ROLE_LEVEL
    if caller.account and (caller.account in names or f"arn:aws:iam::{caller.account}:root" in names):
        return DIRECT_LEVEL if caller.is_root else ACCOUNT_LEVEL
    return 0


# A pattern is a list of one-character tokens; a literal star or question mark is written "\*" or "\?".


def _pattern(text: str, values: Values, variables: bool) -> list[str] | None:
    """None where a variable has no value."""
    found: list[str] = []
    pieces = re.split(r"(\$\{[^{}]+\})", text) if variables else [text]
    for piece in pieces:
        if not (variables and re.fullmatch(r"\$\{[^{}]+\}", piece)):
            found.extend(piece)
            continue
        body = piece[2:-1]
        if body in ("*", "?", "$"):
            found.append("\\" + body)
            continue
        key, comma, default = body.partition(", ")
        present = values.get(key.lower(), [])
        if len(present) > 1 or (not present and not comma):
            return None
        found.extend("\\" + character for character in (present[0] if present else default[1:-1]))
    return found


def _like(pattern: list[str], text: str) -> bool:
    """By dynamic programming: reachable[i] tells whether the pattern so far fits the first i characters.

    The wildcards "in*" and "in?" match no colon.
    """
    reachable = [True] + [False] * len(text)
    for token in pattern:
        fits = [
            token in ("*", "?") or (token in ("in*", "in?") and character != ":") or character == token[-1]
            for character in text
        ]
        if token in ("*", "in*"):
            for place in range(len(text)):
                reachable[place + 1] = reachable[place + 1] or (reachable[place] and fits[place])
        else:
            reachable = [False] + [reachable[place] and fits[place] for place in range(len(text))]
    return reachable[-1]


def _resource_matches(pattern: str, resource: str, values: Values, variables: bool) -> bool:
    if pattern == "*":
        return True
    wanted = pattern.split(":", 5)
    wanted += ["*"] * (6 - len(wanted))
    last = _pattern(wanted[5], values, variables)
    if last is None:
        return False
    whole: list[str] = []
    for part in wanted[:5]:
        tokens = [f"in{character}" if character in "*?" else character for character in part]
        if part.endswith("*"):  # "it can expand to match beyond the colon boundaries"
            tokens[-1] = "*"
        whole += [*tokens, ":"]
    return _like(whole + last, resource)


def _condition_holds(
    question: Question, operator: str, key: str, listed: object, effect: str, variables: bool
) -> bool:
    values = _for_variables(question)
    qualifier, _, name = operator.rpartition(":")
    operands = [str(operand) for operand in _as_list(listed)]
    found = question.values.get(key, [])
    if name == "Null":
        return ("false" if found else "true") in operands
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    negated = "Not" in name
    name = name.replace("Not", "")
    if name not in _MATCHES or not all(_CAN_BE[name](operand) for operand in operands):
        return effect == "Deny"
    matched = [
        any(_MATCHES[name](operand, value, values, variables) for operand in operands) for value in found
    ]
    if qualifier == "ForAllValues":
        return found in ([], [""]) or all(one is not negated for one in matched)
    if not found:
        return if_exists or (negated and not qualifier)
    if qualifier == "ForAnyValue":
        return any(one is not negated for one in matched)
    if key in question.multivalued:  # "Multivalued context keys require a condition set operator."
        if effect == "Allow":
            return False
        return True if negated else any(matched)
    return not any(matched) if negated else any(matched)


def _string_equals(operand: str, value: str, values: Values, variables: bool) -> bool:
    pattern = _pattern(operand, values, variables)
    return pattern is not None and "".join(token[-1] for token in pattern) == value


def _string_equals_ignore_case(operand: str, value: str, values: Values, variables: bool) -> bool:
    pattern = _pattern(operand, values, variables)
    return pattern is not None and "".join(token[-1] for token in pattern).lower() == value.lower()


def _string_like(operand: str, value: str, values: Values, variables: bool) -> bool:
    pattern = _pattern(operand, values, variables)
    return pattern is not None and _like(pattern, value)


def _arn_like(operand: str, value: str, values: Values, variables: bool) -> bool:
    wanted, asked = operand.split(":", 5), value.split(":", 5)
    if len(asked) < 6:
        return False
    patterns = [_pattern(part, values, variables) for part in wanted]
    return all(
        pattern is not None and _like(pattern, part) for pattern, part in zip(patterns, asked, strict=True)
    )


def _bool(operand: str, value: str, values: Values, variables: bool) -> bool:
    is_boolean = value.lower() in ("true", "false")
    return is_boolean and _string_equals_ignore_case(operand, value, values, variables)


def _binary(operand: str, value: str, _values: Values, _variables: bool) -> bool:
    return base64.b64decode(operand) == base64.b64decode(value)


def _ip_address(operand: str, value: str, _values: Values, _variables: bool) -> bool:
    return ip_address(value) in ip_network(operand, strict=False)


def _instant(text: str) -> Fraction:
    if text.isdigit() and len(text) != 4:
        return Fraction(text)
    moment = datetime.fromisoformat(f"{text}-01-01" if len(text) == 4 else text)
    return Fraction((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _ordered(parse: Callable[[str], Fraction], compare: str) -> Callable[[str, str, Values, bool], bool]:
    def matches(operand: str, value: str, _values: Values, _variables: bool) -> bool:
        asked, wanted = parse(value), parse(operand)
        return {
            "Equals": asked == wanted,
            "LessThan": asked < wanted,
            "LessThanEquals": asked <= wanted,
            "GreaterThan": asked > wanted,
            "GreaterThanEquals": asked >= wanted,
        }[compare]

    return matches


_MATCHES = {
    "StringEquals": _string_equals,
    "StringEqualsIgnoreCase": _string_equals_ignore_case,
    "StringLike": _string_like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": _bool,
    "IpAddress": _ip_address,
    "BinaryEquals": _binary,
    **{
        f"{family}{compare}": _ordered(parse, compare)
        for family, parse in (("Numeric", Fraction), ("Date", _instant))
        for compare in ("Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
    },
}


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def can_be(operand: str) -> bool:
        try:
            parse(operand)
        except ValueError:
            return False
        return True

    return can_be


# What an operator's operand must look like; whatever cannot be evaluated allows nothing and denies.
_CAN_BE = {name: _parses(str) for name in _MATCHES} | {
    "IpAddress": _parses(lambda operand: ip_network(operand, strict=False)),
    "BinaryEquals": _parses(lambda operand: base64.b64decode(operand, validate=True)),
    "ArnEquals": lambda operand: operand.count(":") >= 5,
    "ArnLike": lambda operand: operand.count(":") >= 5,
    **{name: _parses(Fraction) for name in _MATCHES if name.startswith("Numeric")},
}
