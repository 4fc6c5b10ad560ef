"""Policy documents → compiled policies, once for each set of documents in the life of a process.

A set that did not change keeps its compiled form, and the memos inside it, from snapshot to snapshot.
What is kept is bounded: the sets used least are compiled anew when they are needed.
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
        """What identifies this text."""
        return PolicySource(self.name, self.version_id, text_digest(self.text))


Documents = tuple[tuple[str, str] | PolicyText, ...]

KEPT_SETS = 4096

POLICY_UNREADABLE = "policy_unreadable"

UNREADABLE = "cannot be evaluated: "
"""What the name of a refusing document begins with; the policy's name follows."""

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
"""Grants nothing."""


@lru_cache(maxsize=KEPT_SETS)
def compile_identity_policies(documents: Documents) -> CompiledPolicies:
    """Everything that is granted to one principal. A document that cannot be evaluated denies everything."""
    return _compiled(documents, DocumentKind.IDENTITY)


@lru_cache(maxsize=KEPT_SETS)
def compile_trust_policy(document: str, trusted: tuple[tuple[str, str], ...] = ()) -> CompiledPolicies:
    """Who may assume a role. A document that cannot be evaluated denies everybody.

    `trusted`: ARNs of the document's principals that stand for the unique id beside each, and for no other
    that has the ARN by now.
    """
    return _compiled((("trust policy", document),), DocumentKind.TRUST, dict(trusted))


@lru_cache(maxsize=KEPT_SETS)
def compile_session_policies(documents: tuple[str, ...], managed: Documents = ()) -> CompiledPolicies:
    """What narrows one session. A document that cannot be evaluated denies everything."""
    named = tuple((f"session policy {number}", text) for number, text in enumerate(documents, start=1))
    return _compiled((*named, *managed), DocumentKind.SESSION)


def text_digest(text: str) -> str:
    """Identify a policy's text: 16 of SHA-256's hex digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def refuse_everything(
    name: str, reason: str, kind: DocumentKind, sources: tuple[PolicySource, ...] = ()
) -> CompiledPolicies:
    """Policies that deny every request, in the name of the document that cannot be evaluated."""
    _log.error(POLICY_UNREADABLE, policy=name, reason=reason)
    return compile_policies((NamedDocument(f"{UNREADABLE}{name}", _DENY_ALL[kind]),), sources)


def _compiled(
    documents: Documents, kind: DocumentKind, unique_ids: Mapping[str, str] = MappingProxyType({})
) -> CompiledPolicies:
    # INVARIANT: fails closed. One document that cannot be evaluated takes everything from its principal.
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
