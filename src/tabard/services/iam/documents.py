"""Policy documents as requests bring them and answers carry them.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from urllib.parse import quote

from tabard.policy import DocumentKind, parse_document, require_current_version
from tabard.services.iam.errors import LimitExceeded
from tabard.services.iam.quotas import MANAGED_POLICY_SIZE, TRUST_POLICY_SIZE, counted_size


def encoded(document: str) -> str:
    """Return a document as IAM answers it.

    AWS: "Policies returned by this operation are URL-encoded compliant with RFC 3986."
    """
    return quote(document, safe="")


def refuse_bad_trust_policy(document: str) -> None:
    """Raises MalformedPolicyDocument; LimitExceeded beyond 2,048 characters."""
    if counted_size(document) > TRUST_POLICY_SIZE:
        raise LimitExceeded(quota="ACLSizePerRole", limit=TRUST_POLICY_SIZE)
    parse_document(document, kind=DocumentKind.TRUST)


def refuse_bad_managed_policy(document: str) -> None:
    """Raises MalformedPolicyDocument; LimitExceeded beyond 6,144 characters."""
    if counted_size(document) > MANAGED_POLICY_SIZE:
        raise LimitExceeded(quota="PolicySize", limit=MANAGED_POLICY_SIZE)
    require_current_version(parse_document(document, kind=DocumentKind.IDENTITY))


def refuse_bad_inline_policy(document: str) -> None:
    """Raises MalformedPolicyDocument."""
    parse_document(document, kind=DocumentKind.IDENTITY)
