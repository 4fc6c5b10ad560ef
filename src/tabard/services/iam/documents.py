"""Policy documents as requests bring them and answers carry them.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from urllib.parse import quote

from tabard.policy import DocumentKind, MalformedDocument, parse_document
from tabard.services.iam.errors import LimitExceeded, MalformedPolicyDocument
from tabard.services.iam.quotas import MANAGED_POLICY_SIZE, TRUST_POLICY_SIZE, counted_size


def encoded(document: str) -> str:
    """A document as IAM answers it.

    AWS: "Policies returned by this operation are URL-encoded compliant with RFC 3986."
    """
    return quote(document, safe="")


def refuse_bad_trust_policy(document: str) -> None:
    """Raises MalformedPolicyDocument; LimitExceeded beyond 2,048 characters."""
    if counted_size(document) > TRUST_POLICY_SIZE:
        raise LimitExceeded(quota="ACLSizePerRole", limit=TRUST_POLICY_SIZE)
    _refuse_malformed(document, DocumentKind.TRUST)


def refuse_bad_managed_policy(document: str) -> None:
    """Raises MalformedPolicyDocument; LimitExceeded beyond 6,144 characters."""
    if counted_size(document) > MANAGED_POLICY_SIZE:
        raise LimitExceeded(quota="PolicySize", limit=MANAGED_POLICY_SIZE)
    _refuse_malformed(document, DocumentKind.IDENTITY)


def refuse_bad_inline_policy(document: str) -> None:
    """Raises MalformedPolicyDocument."""
    _refuse_malformed(document, DocumentKind.IDENTITY)


def _refuse_malformed(document: str, kind: DocumentKind) -> None:
    try:
        parse_document(document, kind=kind)
    except MalformedDocument as fault:
        raise MalformedPolicyDocument(reason=str(fault)) from None
