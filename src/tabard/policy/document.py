"""Policy documents as typed values.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tabard.errors import AwsError

CURRENT_VERSION = "2012-10-17"
FIRST_VERSION = "2008-10-17"


class MalformedPolicyDocument(AwsError):
    """AWS: "The request was rejected because the policy document was malformed." """

    code = "MalformedPolicyDocument"
    status = 400
    sentence = "{reason}"


class DocumentKind(StrEnum):
    """Kind of policy document. Each kind has its own rules."""

    IDENTITY = "identity"
    TRUST = "trust"
    RESOURCE = "resource"
    SESSION = "session"
    BOUNDARY = "boundary"
    SERVICE_CONTROL = "service-control"
    RESOURCE_CONTROL = "resource-control"


class StatementEffect(StrEnum):
    """Effect of a statement on the requests to which it applies."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principals:
    """Names in a `Principal` or `NotPrincipal` element. `aws` has `*`, account ids, ARNs and unique ids."""

    aws: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    federated: tuple[str, ...] = ()
    canonical_users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One operator on one condition key.

    One of `values` must match. If the operator is negated, none of them may match.
    """

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a document. It has either `actions` or `not_actions`, never both.

    `sid` is empty if the statement has none. `resources` and `not_resources` are both empty in a trust
    policy, and may both be empty in a resource policy. The statement is then about the resource that has the
    policy.
    """

    effect: StatementEffect
    sid: str = ""
    principals: Principals | None = None
    not_principals: Principals | None = None
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    not_resources: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Policy document. `version` is the version of the policy language, 2008-10-17 if the text has none."""

    kind: DocumentKind
    version: str
    statements: tuple[Statement, ...]
    document_id: str = ""


def with_unique_ids(document: Document, unique_ids: Mapping[str, str]) -> Document:
    """Return the document with each of these principal ARNs replaced by its unique id."""
    if not unique_ids:
        return document
    return replace(
        document, statements=tuple(_by_unique_ids(statement, unique_ids) for statement in document.statements)
    )


def _by_unique_ids(statement: Statement, unique_ids: Mapping[str, str]) -> Statement:
    principals = statement.principals
    if principals is None:
        return statement
    named = tuple(unique_ids.get(name, name) for name in principals.aws)
    return replace(statement, principals=replace(principals, aws=named))


def require_current_version(document: Document) -> None:
    """Refuse a document of the older language, as IAM does for managed policies.

    Raises:
        MalformedPolicyDocument (400).
    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
    """
    if document.version != CURRENT_VERSION:
        raise MalformedPolicyDocument(reason="Policy document must be version 2012-10-17 or greater.")
