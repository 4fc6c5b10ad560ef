"""Policy engine: parse a document, match it, test its conditions, decide, explain. It does no I/O.

    documents = [NamedDocument("read", parse_document(text, kind=DocumentKind.IDENTITY))]
    layers = PolicyLayers(identity=compile_policies(documents))
    decision = decide(request, layers)

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from tabard.policy.compiled import CompiledPolicies, NamedDocument, PolicySource, compile_policies
from tabard.policy.conditions import missing_set_operator
from tabard.policy.context_keys import context_keys, missing_context_keys, statement_context_keys
from tabard.policy.control import (
    RESOURCE_CONTROL_FULL_ACCESS,
    SERVICE_CONTROL_FULL_ACCESS,
    require_customer_resource_control,
)
from tabard.policy.decision import Decision, Effect, Layer, MatchedStatement
from tabard.policy.document import (
    Condition,
    Document,
    DocumentKind,
    MalformedPolicyDocument,
    Principals,
    Statement,
    StatementEffect,
    require_current_version,
    with_unique_ids,
)
from tabard.policy.evaluate import PolicyLayers, decide
from tabard.policy.explain import Explanation, Failure, Finding, denial_sentence, explain
from tabard.policy.parse import parse_document
from tabard.policy.positions import Position, Span, element_spans, statement_spans
from tabard.policy.request import AccessRequest, PolicyPrincipal, PrincipalKind, RequestContext
from tabard.policy.values import Multivalued

__all__ = [
    "RESOURCE_CONTROL_FULL_ACCESS",
    "SERVICE_CONTROL_FULL_ACCESS",
    "AccessRequest",
    "CompiledPolicies",
    "Condition",
    "Decision",
    "Document",
    "DocumentKind",
    "Effect",
    "Explanation",
    "Failure",
    "Finding",
    "Layer",
    "MalformedPolicyDocument",
    "MatchedStatement",
    "Multivalued",
    "NamedDocument",
    "PolicyLayers",
    "PolicyPrincipal",
    "PolicySource",
    "Position",
    "PrincipalKind",
    "Principals",
    "RequestContext",
    "Span",
    "Statement",
    "StatementEffect",
    "compile_policies",
    "context_keys",
    "decide",
    "denial_sentence",
    "element_spans",
    "explain",
    "missing_context_keys",
    "missing_set_operator",
    "parse_document",
    "require_current_version",
    "require_customer_resource_control",
    "statement_context_keys",
    "statement_spans",
    "with_unique_ids",
]
