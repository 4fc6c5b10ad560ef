"""From the text of a policy document to its typed value, or to the sentence with which AWS refuses it.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
import re
from collections.abc import Mapping
from typing import NoReturn

from tabard.policy.document import (
    CURRENT_VERSION,
    FIRST_VERSION,
    Condition,
    Document,
    DocumentKind,
    MalformedPolicyDocument,
    Principals,
    Statement,
    StatementEffect,
)
from tabard.policy.elements import check_action, check_condition, check_principal, check_resource
from tabard.policy.elements import refuse as _refuse

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
_SID = re.compile(r"[0-9A-Za-z]*")
_PRINCIPAL_TYPES = ("AWS", "Service", "Federated", "CanonicalUser")
_WITHOUT_PRINCIPAL = (
    DocumentKind.IDENTITY,
    DocumentKind.SESSION,
    DocumentKind.BOUNDARY,
    DocumentKind.SERVICE_CONTROL,
)
_EVERYONE = Principals(aws=("*",))


class _Number(str):
    """A JSON number, as it was written: a condition value may be one, nothing else may."""

    __slots__ = ()


def parse_document(text: str, *, kind: DocumentKind) -> Document:
    """Read a policy document by the rules of its kind.

    Args:
        text: JSON, at most 1,048,576 characters.
    Raises:
        MalformedPolicyDocument (400), with AWS's sentence.
    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    Differs: the quotas on a document's size are the operations', not the language's.
    """
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
    if not isinstance(tree, dict) or not DOCUMENT_ELEMENTS.issuperset(tree):
        _syntax_error()
    version = _text(tree.get("Version", FIRST_VERSION))
    if version not in (FIRST_VERSION, CURRENT_VERSION):
        _syntax_error()
    document_id = _text(tree.get("Id", ""))
    listed = tree.get("Statement")
    if isinstance(listed, dict):
        listed = [listed]
    if not isinstance(listed, list) or not listed:
        _syntax_error()
    statements = tuple(_statement(item, kind) for item in listed)
    sids = [statement.sid for statement in statements if statement.sid]
    if len(sids) != len(set(sids)):
        _refuse("Statement IDs (SID) in a single policy must be unique.")
    return Document(kind=kind, version=version, statements=statements, document_id=document_id)


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
    """One string, or a list of strings: "If only one value is included, the brackets are optional." """
    if isinstance(value, list):
        return tuple(_text(item) for item in value)
    return (_text(value),)


def _statement(tree: object, kind: DocumentKind) -> Statement:
    if not isinstance(tree, dict) or not STATEMENT_ELEMENTS.issuperset(tree):
        _syntax_error()
    for element in ("Principal", "Action", "Resource"):
        if element in tree and f"Not{element}" in tree:
            _syntax_error()
    effect = tree.get("Effect")
    if effect not in ("Allow", "Deny"):
        _syntax_error()
    sid = _text(tree.get("Sid", ""))
    if kind is not DocumentKind.RESOURCE and not _SID.fullmatch(sid):
        _refuse(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
            "expression [0-9A-Za-z]*"
        )
    conditions = _conditions(tree.get("Condition", {}))
    principals, not_principals = _statement_principals(tree, kind)
    actions, not_actions = _statement_actions(tree, kind)
    resources, not_resources = _statement_resources(tree, kind)
    return Statement(
        effect=StatementEffect(effect),
        sid=sid,
        principals=principals,
        not_principals=not_principals,
        actions=actions,
        not_actions=not_actions,
        resources=resources,
        not_resources=not_resources,
        conditions=conditions,
    )


def _statement_principals(
    tree: Mapping[str, object], kind: DocumentKind
) -> tuple[Principals | None, Principals | None]:
    if kind in _WITHOUT_PRINCIPAL:
        if "Principal" in tree or "NotPrincipal" in tree:
            _refuse("Policy document should not specify a principal.")
        return None, None
    if "NotPrincipal" in tree:
        # AWS: "You cannot use the NotPrincipal element in an IAM identity-based policy or in an IAM role
        # trust policy."; an RCP does not know it.
        if kind is not DocumentKind.RESOURCE:
            _refuse("Has prohibited field NotPrincipal")
        return None, _principals(tree["NotPrincipal"])
    if "Principal" not in tree:
        _refuse("Missing required field Principal")
    principals = _principals(tree["Principal"])
    # AWS: "You can only specify "*" in the Principal element of an RCP."
    if kind is DocumentKind.RESOURCE_CONTROL and principals != _EVERYONE:
        _refuse("Invalid principal in policy.")
    return principals, None


def _principals(value: object) -> Principals:
    if isinstance(value, str):
        if value != "*":
            _refuse("Invalid principal in policy.")
        return _EVERYONE
    if not isinstance(value, dict) or not value:
        _syntax_error()
    named: dict[str, tuple[str, ...]] = {}
    for principal_type, names in value.items():
        if principal_type not in _PRINCIPAL_TYPES:
            _refuse(f"Invalid principal in policy: {json.dumps(principal_type)}")
        named[principal_type] = _texts(names)
        if not named[principal_type]:
            _refuse(f"Invalid principal in policy: {json.dumps(principal_type)}")
        for name in named[principal_type]:
            check_principal(principal_type, name)
    return Principals(
        aws=named.get("AWS", ()),
        services=named.get("Service", ()),
        federated=named.get("Federated", ()),
        canonical_users=named.get("CanonicalUser", ()),
    )


def _statement_actions(
    tree: Mapping[str, object], kind: DocumentKind
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    actions = _texts(tree["Action"]) if "Action" in tree else ()
    if "NotAction" in tree and kind is DocumentKind.RESOURCE_CONTROL:
        _refuse("Has prohibited field NotAction")
    not_actions = _texts(tree["NotAction"]) if "NotAction" in tree else ()
    if not actions and not not_actions:
        _refuse("Policy statement must contain actions.")
    for action in actions + not_actions:
        check_action(action)
        if kind is DocumentKind.TRUST and not action.lower().startswith("sts:"):
            _refuse("AssumeRole policy may only specify STS AssumeRole actions.")
    return actions, not_actions


def _statement_resources(
    tree: Mapping[str, object], kind: DocumentKind
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if kind is DocumentKind.TRUST:
        for element in ("Resource", "NotResource"):
            if element in tree:
                _refuse(f"Has prohibited field {element}")
        return (), ()
    resources = _texts(tree["Resource"]) if "Resource" in tree else ()
    not_resources = _texts(tree["NotResource"]) if "NotResource" in tree else ()
    written = "Resource" in tree or "NotResource" in tree
    if not resources and not not_resources and (written or kind is not DocumentKind.RESOURCE):
        _refuse("Policy statement must contain resources.")
    for resource in resources + not_resources:
        check_resource(resource)
    return resources, not_resources


def _conditions(tree: object) -> tuple[Condition, ...]:
    if not isinstance(tree, dict):
        _syntax_error()
    conditions: list[Condition] = []
    for operator, keys in tree.items():
        if not isinstance(keys, dict):
            _syntax_error()
        for key, values in keys.items():
            listed = values if isinstance(values, list) else [values]
            condition = Condition(
                operator=operator, key=key, values=tuple(_condition_value(value) for value in listed)
            )
            check_condition(condition)
            conditions.append(condition)
    return tuple(conditions)


def _condition_value(value: object) -> str:
    """AWS: "Quotation marks are optional for numeric and Boolean values." """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        _syntax_error()
    return str(value)
