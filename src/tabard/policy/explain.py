"""Explanation of a decision. It runs separately from `decide` and tests every statement in turn.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tabard.policy.compiled import CompiledPolicies
from tabard.policy.compiled_statement import CompiledStatement
from tabard.policy.conditions import missing_set_operator
from tabard.policy.decision import Decision, Effect, Layer, MatchedStatement
from tabard.policy.document import Principals, Statement, StatementEffect
from tabard.policy.evaluate import PolicyLayers, controls, decide
from tabard.policy.principals import Reach
from tabard.policy.request import AccessRequest, PolicyPrincipal

Element = Literal["Action", "Resource", "Principal", "Condition"]

_NAMES = {
    Layer.RESOURCE_CONTROL: ("a resource control policy", "resource control policy"),
    Layer.SERVICE_CONTROL: ("a service control policy", "service control policy"),
    Layer.IDENTITY: ("an identity-based policy", "identity-based policy"),
    Layer.RESOURCE: ("a resource-based policy", "resource-based policy"),
    Layer.BOUNDARY: ("a permissions boundary", "permissions boundary"),
    Layer.SESSION: ("a session policy", "session policy"),
}
_TRUST_NAMES = ("the role trust policy", "role trust policy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The first element of a statement that did not match, with the expected and the actual value.

    Only a condition has `operator` and `key`. `actual` is None if the request has no such key. `reason` is a
    sentence if the two values alone do not show why they do not match.
    """

    element: Element
    wanted: tuple[str, ...]
    actual: tuple[str, ...] | None
    operator: str = ""
    key: str = ""
    reason: str = ""

    def __str__(self) -> str:
        wanted = _shown(", ".join(self.wanted)) or "nothing"
        actual = "absent" if self.actual is None else _shown(", ".join(self.actual))
        if self.element == "Condition":
            reason = f"; {self.reason}" if self.reason else ""
            return f"Condition {self.operator} {self.key}: wanted {wanted}; the request's is {actual}{reason}"
        return f"{self.element}: wanted {wanted}; the request's is {actual}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Result for one statement. `failure` is None if the statement applies."""

    layer: Layer
    statement: MatchedStatement
    effect: StatementEffect
    failure: Failure | None

    @property
    def applies(self) -> bool:
        """Report whether the statement applies to the request."""
        return self.failure is None

    def __str__(self) -> str:
        sid = f" ({self.statement.sid})" if self.statement.sid else ""
        outcome = "applies" if self.failure is None else f"does not apply. {self.failure}"
        return (
            f"{self.layer} policy {self.statement.policy}, statement {self.statement.index}{sid}, "
            f"{self.effect}: {outcome}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision, and the result for every statement."""

    request: AccessRequest
    decision: Decision
    findings: tuple[Finding, ...]

    def as_text(self) -> str:
        """Format the decision as one line, followed by one line for each statement."""
        request, decision = self.request, self.decision
        head = (
            f"{decision.effect} by the {decision.layer} layer: {_caller(request.principal)} "
            f"{request.action} on {_shown(request.resource)}"
        )
        return "\n".join([head, *(f"  {finding}" for finding in self.findings)])

    def as_json(self) -> dict[str, object]:
        """Return the explanation as values that JSON can represent."""
        return {
            "action": self.request.action,
            "resource": self.request.resource,
            "principal": _caller(self.request.principal),
            "effect": str(self.decision.effect),
            "layer": str(self.decision.layer),
            "matched": [_statement_json(matched) for matched in self.decision.matched],
            "statements": [_finding_json(finding) for finding in self.findings],
        }


def explain(request: AccessRequest, layers: PolicyLayers) -> Explanation:
    """Decide again. Report for every statement whether it applies, or which element failed first."""
    named = (
        *controls(request, layers),
        (Layer.IDENTITY, layers.identity),
        (Layer.RESOURCE, layers.resource),
        (Layer.BOUNDARY, layers.boundary),
        (Layer.SESSION, layers.session),
    )
    findings = tuple(
        finding
        for layer, policies in named
        if policies is not None
        for finding in _findings(request, layer, policies, bounded=layers.boundary is not None)
    )
    return Explanation(request=request, decision=decide(request, layers), findings=findings)


def denial_sentence(request: AccessRequest, decision: Decision, *, quote_resource: bool = False) -> str:
    """Return AWS's message for a denied request.

    Args:
        quote_resource: whether to put the ARN in double quotes, as S3 does; IAM, STS, EC2, DynamoDB and SQS
            do not. The message for a request on `*` names no resource. Unprintable characters are escaped.
    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    sentence = f"User: {_caller(request.principal)} is not authorized to perform: {request.action}"
    if request.resource != "*":
        resource = _shown(request.resource)
        resource = f'"{resource}"' if quote_resource else resource
        sentence += f" on resource: {resource}"
    is_trust = decision.layer is Layer.RESOURCE and request.action.lower().startswith("sts:")
    with_article, name = _TRUST_NAMES if is_trust else _NAMES[decision.layer]
    if decision.effect is Effect.EXPLICIT_DENY:
        return f"{sentence} with an explicit deny in {with_article}"
    return f"{sentence} because no {name} allows the {request.action} action"


def _shown(text: str) -> str:
    """Escape unprintable characters, newlines included, so that the text stays on one line."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def _caller(principal: PolicyPrincipal) -> str:
    return principal.arn or principal.service or principal.federated or "anonymous"


def _findings(
    request: AccessRequest, layer: Layer, policies: CompiledPolicies, *, bounded: bool
) -> Iterator[Finding]:
    for compiled in policies.statements:
        failure = _element_failure(request, compiled)
        if failure is None and layer is Layer.RESOURCE:
            failure = _principal_failure(request, compiled, bounded=bounded)
        yield Finding(
            layer=layer,
            statement=compiled.matched,
            effect=compiled.statement.effect,
            failure=failure or _condition_failure(request, compiled),
        )


def _element_failure(request: AccessRequest, compiled: CompiledStatement) -> Failure | None:
    statement = compiled.statement
    if not compiled.covers_action(request.action.lower()):
        wanted = statement.actions or _none_of(statement.not_actions)
        return Failure(element="Action", wanted=wanted, actual=(request.action,))
    if not compiled.covers_resource(request.resource, request.context.values):
        wanted = statement.resources or _none_of(statement.not_resources)
        return Failure(element="Resource", wanted=wanted, actual=(request.resource,))
    return None


def _principal_failure(
    request: AccessRequest, compiled: CompiledStatement, *, bounded: bool
) -> Failure | None:
    if compiled.reach(request.principal, bounded=bounded) is not Reach.NOBODY:
        return None
    return Failure(
        element="Principal", wanted=_whom(compiled.statement), actual=(_caller(request.principal),)
    )


def _condition_failure(request: AccessRequest, compiled: CompiledStatement) -> Failure | None:
    for condition, holds in zip(compiled.statement.conditions, compiled.conditions, strict=True):
        if not holds(request.context.values):
            actual = request.context.get(condition.key)
            return Failure(
                element="Condition",
                operator=condition.operator,
                key=condition.key,
                wanted=condition.values,
                actual=actual,
                reason=missing_set_operator(condition, actual),
            )
    return None


def _none_of(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"not {text}" for text in texts)


def _whom(statement: Statement) -> tuple[str, ...]:
    if statement.principals is not None:
        return _all_names(statement.principals)
    return _none_of(_all_names(statement.not_principals)) if statement.not_principals is not None else ()


def _all_names(named: Principals) -> tuple[str, ...]:
    return named.aws + named.services + named.federated + named.canonical_users


def _statement_json(statement: MatchedStatement) -> dict[str, object]:
    return {"policy": statement.policy, "sid": statement.sid, "index": statement.index}


def _finding_json(finding: Finding) -> dict[str, object]:
    failure = finding.failure
    return {
        "layer": str(finding.layer),
        **_statement_json(finding.statement),
        "effect": str(finding.effect),
        "applies": finding.applies,
        "failed": None
        if failure is None
        else {
            "element": failure.element,
            "operator": failure.operator,
            "key": failure.key,
            "wanted": list(failure.wanted),
            "actual": None if failure.actual is None else list(failure.actual),
            "reason": failure.reason,
        },
    }
