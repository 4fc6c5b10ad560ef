"""Parser of policy documents. It returns a typed document or raises AWS's error message.

The checks run in the order observed on IAM. Each check covers the whole document before the next one starts.
So a document with several faults gets the same message as from IAM.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
import re
from collections.abc import Callable

from tabard.policy.document import (
    Document,
    DocumentKind,
    MalformedPolicyDocument,
    Principals,
    Statement,
    StatementEffect,
)
from tabard.policy.elements import (
    check_action,
    check_complete_arn,
    check_date_operands,
    check_legacy_arn,
    check_principal,
    check_resource,
    refuse,
)
from tabard.policy.syntax import Names, WrittenStatement, read_document

_SID = re.compile(r"[0-9A-Za-z]*")
_PRINCIPAL_TYPES = ("AWS", "Service", "Federated", "CanonicalUser")
_WITHOUT_PRINCIPAL = (
    DocumentKind.IDENTITY,
    DocumentKind.SESSION,
    DocumentKind.BOUNDARY,
    DocumentKind.SERVICE_CONTROL,
)
_EVERYONE = Principals(aws=("*",))


def parse_document(text: str, *, kind: DocumentKind) -> Document:
    """Read a policy document by the rules of its kind.

    Args:
        text: JSON, at most 1,048,576 characters.
    Raises:
        MalformedPolicyDocument (400), with AWS's sentence.
    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    Differs: the quotas on a document's size are the operations', not the language's.
    """
    written = read_document(text)
    statements = written.statements
    _check_legacy(statements)
    resource_fault = _first_resource_fault(statements, kind)
    _check_sids(statements, kind)
    for statement in statements:
        if not (statement.actions or statement.not_actions):
            refuse("Policy statement must contain actions.")
    for statement in statements:
        _check_resource_element(statement, kind)
    if resource_fault is not None:
        raise resource_fault
    for statement in statements:
        _check_actions(statement, kind)
    return Document(
        kind=kind,
        version=written.version,
        document_id=written.document_id,
        statements=tuple(_statement(statement, kind) for statement in statements),
    )


def _check_legacy(statements: tuple[WrittenStatement, ...]) -> None:
    for statement in statements:
        # AWS: "The Effect value is case sensitive."
        if statement.effect not in ("Allow", "Deny"):
            refuse("The policy failed legacy parsing")
        for condition in statement.conditions:
            check_date_operands(condition)


def _first_resource_fault(
    statements: tuple[WrittenStatement, ...], kind: DocumentKind
) -> MalformedPolicyDocument | None:
    """Find the fault of the first faulty resource. The parser reports it after the missing-element checks.

    Raises:
        MalformedPolicyDocument: a statement whose resources have no such fault holds a text that is no ARN.
    """
    checks: tuple[Callable[[str], None], ...] = (check_resource,)
    if kind is DocumentKind.SESSION:
        checks = (check_resource, check_complete_arn)
    first: MalformedPolicyDocument | None = None
    for statement in statements:
        resources = (statement.resources or ()) + (statement.not_resources or ())
        fault = _fault(resources, checks)
        first = first or fault
        if fault is None:
            for resource in resources:
                check_legacy_arn(resource)
    return first


def _fault(
    resources: tuple[str, ...], checks: tuple[Callable[[str], None], ...]
) -> MalformedPolicyDocument | None:
    try:
        for resource in resources:
            for check in checks:
                check(resource)
    except MalformedPolicyDocument as fault:
        return fault
    return None


def _check_sids(statements: tuple[WrittenStatement, ...], kind: DocumentKind) -> None:
    sids = [statement.sid for statement in statements if statement.sid]
    if len(sids) != len(set(sids)):
        refuse("Statement IDs (SID) in a single policy must be unique.")
    # AWS: "Some AWS services (for example, Amazon SQS or Amazon SNS) might require this element and have
    # uniqueness requirements for it"; their own policies may have other characters in it.
    if kind is not DocumentKind.RESOURCE and not all(_SID.fullmatch(sid) for sid in sids):
        refuse(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
            "expression [0-9A-Za-z]*"
        )


def _check_resource_element(statement: WrittenStatement, kind: DocumentKind) -> None:
    named = {"Resource": statement.resources, "NotResource": statement.not_resources}
    written = [element for element, resources in named.items() if resources is not None]
    if kind is DocumentKind.TRUST:
        if written:
            refuse(f"Has prohibited field {written[0]}")
        return
    may_be_absent = kind is DocumentKind.RESOURCE and not written
    if not may_be_absent and not (statement.resources or statement.not_resources):
        refuse("Policy statement must contain resources.")


def _check_actions(statement: WrittenStatement, kind: DocumentKind) -> None:
    if kind is DocumentKind.RESOURCE_CONTROL and statement.not_actions is not None:
        refuse("Has prohibited field NotAction")
    for action in (statement.actions or ()) + (statement.not_actions or ()):
        check_action(action)
        if kind is DocumentKind.TRUST and not action.lower().startswith("sts:"):
            refuse("AssumeRole policy may only specify STS AssumeRole actions.")


def _statement(written: WrittenStatement, kind: DocumentKind) -> Statement:
    principals, not_principals = _statement_principals(written, kind)
    return Statement(
        effect=StatementEffect(written.effect),
        sid=written.sid,
        principals=principals,
        not_principals=not_principals,
        actions=written.actions or (),
        not_actions=written.not_actions or (),
        resources=written.resources or (),
        not_resources=written.not_resources or (),
        conditions=written.conditions,
    )


def _statement_principals(
    written: WrittenStatement, kind: DocumentKind
) -> tuple[Principals | None, Principals | None]:
    if kind in _WITHOUT_PRINCIPAL:
        if written.principal is not None or written.not_principal is not None:
            refuse("Policy document should not specify a principal.")
        return None, None
    if written.not_principal is not None:
        # AWS: "You cannot use the NotPrincipal element in an IAM identity-based policy or in an IAM role
        # trust policy."; an RCP does not know it.
        if kind is not DocumentKind.RESOURCE:
            refuse("Has prohibited field NotPrincipal")
        return None, _principals(written.not_principal)
    if written.principal is None:
        refuse("Missing required field Principal")
    principals = _principals(written.principal)
    # AWS: "You can only specify "*" in the Principal element of an RCP."
    if kind is DocumentKind.RESOURCE_CONTROL and principals != _EVERYONE:
        refuse("Invalid principal in policy.")
    return principals, None


def _principals(written: str | Names) -> Principals:
    if isinstance(written, str):
        if written != "*":
            refuse("Invalid principal in policy.")
        return _EVERYONE
    for principal_type, names in written.items():
        if principal_type not in _PRINCIPAL_TYPES or not names:
            refuse(f"Invalid principal in policy: {json.dumps(principal_type)}")
        for name in names:
            check_principal(principal_type, name)
    return Principals(
        aws=written.get("AWS", ()),
        services=written.get("Service", ()),
        federated=written.get("Federated", ()),
        canonical_users=written.get("CanonicalUser", ()),
    )
