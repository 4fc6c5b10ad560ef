"""Policy documents → compiled policies, with a cache by set of documents.

An unchanged set keeps its compiled form, and the caches inside it, from snapshot to snapshot. The cache is
bounded: a rarely used set may be compiled again.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import structlog

from tabard.policy import (
    CompiledPolicies,
    DocumentKind,
    MalformedPolicyDocument,
    NamedDocument,
    PolicySource,
    compile_policies,
    parse_document,
    with_unique_ids,
)


class PolicyText(NamedTuple):
    """A document by the inline policy's name or the managed policy's ARN; the latter has a version too."""

    name: str
    text: str
    version_id: str = ""

    @property
    def source(self) -> PolicySource:
        """Return the identity of this text."""
        return PolicySource(self.name, self.version_id, text_digest(self.text))


Documents = tuple[tuple[str, str] | PolicyText, ...]

KEPT_SETS = 4096

POLICY_UNREADABLE = "policy_unreadable"

UNREADABLE = "cannot be evaluated: "
"""The prefix of a refusing document's name; the policy's name follows."""

_DENY_ALL = {
    kind: parse_document(f'{{"Statement":[{{"Effect":"Deny",{who_and_what}}}]}}', kind=kind)
    for kind, who_and_what in (
        (DocumentKind.IDENTITY, '"Action":"*","Resource":"*"'),
        (DocumentKind.SESSION, '"Action":"*","Resource":"*"'),
        (DocumentKind.TRUST, '"Principal":"*","Action":"sts:*"'),
        (DocumentKind.SERVICE_CONTROL, '"Action":"*","Resource":"*"'),
        (DocumentKind.RESOURCE_CONTROL, '"Principal":"*","Action":"*","Resource":"*"'),
    )
}

_log = structlog.get_logger(__name__)

NO_POLICIES = compile_policies(())
"""Policies that grant nothing."""


@lru_cache(maxsize=KEPT_SETS)
def compile_identity_policies(documents: Documents) -> CompiledPolicies:
    """Compile one principal's policies. A document that cannot be evaluated denies everything."""
    return _compiled(documents, DocumentKind.IDENTITY)


@lru_cache(maxsize=KEPT_SETS)
def compile_trust_policy(document: str, trusted: tuple[tuple[str, str], ...] = ()) -> CompiledPolicies:
    """Compile a role's trust policy. A document that cannot be evaluated denies everybody.

    `trusted`: the unique ids of the document's principals by ARN. An ARN stands only for its unique id, never
    for a later principal with the same ARN.
    """
    return _compiled((("trust policy", document),), DocumentKind.TRUST, dict(trusted))


@lru_cache(maxsize=KEPT_SETS)
def compile_session_policies(documents: tuple[str, ...], managed: Documents = ()) -> CompiledPolicies:
    """Compile the session policies of one session. One that cannot be evaluated denies everything."""
    named = tuple((f"session policy {number}", text) for number, text in enumerate(documents, start=1))
    return _compiled((*named, *managed), DocumentKind.SESSION)


def text_digest(text: str) -> str:
    """Identify a policy's text: 16 of SHA-256's hex digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def refuse_everything(
    name: str, reason: str, kind: DocumentKind, sources: tuple[PolicySource, ...] = ()
) -> CompiledPolicies:
    """Make policies that deny every request, under the name of a document that cannot be evaluated."""
    _log.error(POLICY_UNREADABLE, policy=name, reason=reason)
    return compile_policies((NamedDocument(f"{UNREADABLE}{name}", _DENY_ALL[kind]),), sources)


def _compiled(
    documents: Documents, kind: DocumentKind, unique_ids: Mapping[str, str] = MappingProxyType({})
) -> CompiledPolicies:
    # INVARIANT: fails closed. One document that cannot be evaluated denies everything to its principal.
    parsed: list[NamedDocument] = []
    texts = [PolicyText(*document) for document in documents]
    sources = tuple(each.source for each in texts)
    for name, text, _ in texts:
        try:
            document = parse_document(text, kind=kind)
            parsed.append(NamedDocument(name, with_unique_ids(document, unique_ids)))
        except MalformedPolicyDocument as error:
            return refuse_everything(name, str(error), kind, sources)
    return compile_policies(tuple(parsed), sources)
