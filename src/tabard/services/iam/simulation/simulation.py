"""The result of a simulation, by the engine that decides every request.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tabard.names import Arn
from tabard.policy import (
    AccessRequest,
    CompiledPolicies,
    Decision,
    Effect,
    Explanation,
    Finding,
    Layer,
    PolicyLayers,
    PolicyPrincipal,
    RequestContext,
    Span,
    StatementEffect,
    compile_policies,
    decide,
    explain,
)
from tabard.policy.context_keys import KeysAsked
from tabard.services.iam.service_reference import resource_format
from tabard.services.iam.simulation.policies import Source, compiled
from tabard.services.operation import Output

_DECISIONS = {
    Effect.ALLOW: "allowed",
    Effect.EXPLICIT_DENY: "explicitDeny",
    Effect.IMPLICIT_DENY: "implicitDeny",
}
_MOST_RESTRICTIVE_FIRST = (Effect.EXPLICIT_DENY, Effect.IMPLICIT_DENY, Effect.ALLOW)
_NO_POLICIES = compile_policies(())
_TOLD_OF = (Layer.IDENTITY, Layer.RESOURCE)
"""AWS: "Only statements from identity-based and resource-based policies appear here." """


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The caller, the condition keys, and every policy that would decide.

    `boundary`, `session` and `resource` are empty if there is none. `service_control` has a set for each
    level of the organization. `resource_owner` is the account of resources whose ARN names none; empty: the
    caller's.
    """

    principal: PolicyPrincipal
    context: RequestContext
    identity: tuple[Source, ...]
    boundary: tuple[Source, ...] = ()
    session: tuple[Source, ...] = ()
    resource: tuple[Source, ...] = ()
    service_control: tuple[CompiledPolicies, ...] = ()
    resource_control: tuple[CompiledPolicies, ...] = ()
    resource_owner: str = ""

    def layers(self) -> PolicyLayers:
        """Return the policies, compiled."""
        return PolicyLayers(
            identity=compiled(self.identity),
            resource=compiled(self.resource) if self.resource else None,
            boundary=compiled(self.boundary) if self.boundary else None,
            session=compiled(self.session) if self.session else None,
            service_control=self.service_control,
            resource_control=self.resource_control,
        )

    def request(self, action: str, resource: str) -> AccessRequest:
        """Return the result for one action on one resource."""
        arn = Arn.parse(resource)
        owner = arn.account_id if arn is not None and arn.account_id.isdigit() else ""
        owner = owner or self.resource_owner or self.principal.account_id
        context = RequestContext({"aws:resourceaccount": (owner,), **self.context.values})
        return AccessRequest(action, resource, self.principal, context, owner)

    @property
    def statement_count(self) -> int:
        """Return the number of statements that each decision evaluates."""
        sources = (*self.identity, *self.boundary, *self.session, *self.resource)
        controls = sum(len(level.statements) for level in (*self.service_control, *self.resource_control))
        return controls + sum(len(source.document.statements) for source in sources)


@dataclass(frozen=True, kw_only=True)
class _Simulated:
    """One action on one resource, decided."""

    resource: str
    explanation: Explanation
    layers: PolicyLayers
    sources: Mapping[tuple[Layer, str], Source] = field(repr=False)
    asked: Sequence[KeysAsked] = field(repr=False)

    @property
    def decision(self) -> Decision:
        return self.explanation.decision

    @cached_property
    def is_cross_account(self) -> bool:
        request = self.explanation.request
        return request.resource_account != request.principal.account_id

    @cached_property
    def allowed_by_organization(self) -> bool | None:
        """Whether the control policies alone would allow it; None if there are none."""
        if not self.layers.service_control and not self.layers.resource_control:
            return None
        alone = decide(
            self.explanation.request,
            self.layers._replace(identity=_NO_POLICIES, resource=None, boundary=None, session=None),
        )
        return alone.layer not in (Layer.SERVICE_CONTROL, Layer.RESOURCE_CONTROL)

    @cached_property
    def allowed_by_boundary(self) -> bool | None:
        """Whether the permissions boundary allows it; None if there is none."""
        return None if self.layers.boundary is None else self.said_by(Layer.BOUNDARY) is Effect.ALLOW

    def said_by(self, layer: Layer) -> Effect:
        """Return the decision of one kind of policies by itself."""
        effects = {finding.effect for finding in self._applying((layer,))}
        if StatementEffect.DENY in effects:
            return Effect.EXPLICIT_DENY
        return Effect.ALLOW if StatementEffect.ALLOW in effects else Effect.IMPLICIT_DENY

    def details(self) -> dict[str, Effect]:
        """Return the decision of each kind of policies. Across accounts, both sides must allow."""
        if not self.is_cross_account or self.allowed_by_organization is False:
            return {}
        said = {
            "IAM Policy": self.said_by(Layer.IDENTITY),
            "Resource Policy": self.said_by(Layer.RESOURCE),
        }
        if self.layers.boundary is not None:
            said["Permissions Boundary Policy"] = self.said_by(Layer.BOUNDARY)
        return said

    def matched(self) -> list[dict[str, object]]:
        """Return the statements that the decision rests on.

        AWS: "if only one statement denies that operation, then the explicit deny overrides any allow. In
        addition, the deny statement is the only entry included in the result."
        """
        if self.decision.effect is Effect.IMPLICIT_DENY:
            return []
        wanted = StatementEffect.ALLOW if self.decision.allowed else StatementEffect.DENY
        return [
            _statement(self.sources[finding.layer, finding.statement.policy], finding.statement.index)
            for finding in self._applying(_TOLD_OF)
            if finding.effect is wanted
        ]

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """The condition keys that the policies ask for and the simulation was not given."""
        found = (key for asked in self.asked for key in asked.missing(self.explanation.request))
        return tuple({key.lower(): key for key in found}.values())

    def _applying(self, layers: Sequence[Layer]) -> list[Finding]:
        return [
            finding for finding in self.explanation.findings if finding.applies and finding.layer in layers
        ]


class Simulation:
    """A scenario, ready to be asked."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._layers = scenario.layers()
        self._sources = {
            (layer, source.name): source
            for layer, sources in (
                (Layer.IDENTITY, scenario.identity),
                (Layer.RESOURCE, scenario.resource),
            )
            for source in sources
        }
        # "Only context keys referenced by identity-based and resource-based policies appear here."
        self._asked = [
            KeysAsked([source.document for source in sources], policies)
            for sources, policies in (
                (scenario.identity, self._layers.identity),
                (scenario.resource, self._layers.resource),
            )
            if policies is not None
        ]

    def result(self, action: str, resources: Sequence[str]) -> Output:
        """Return the result for one action: over all resources, and on each.

        AWS: "The top-level EvalDecision reflects the most restrictive decision across all resources". Where
        no resource is named, it is `*` and there is nothing to tell of each.
        """
        simulated = [self._simulated(action, resource) for resource in resources or ("*",)]
        effect = _most_restrictive(each.decision.effect for each in simulated)
        is_specific = bool(resources) and list(resources) != ["*"]
        result: dict[str, object] = {
            "EvalActionName": action,
            "EvalResourceName": resource_format(action) if is_specific else "*",
            "EvalDecision": _DECISIONS[effect],
            "MatchedStatements": _distinct(
                statement
                for each in simulated
                if each.decision.effect is effect
                for statement in each.matched()
            ),
            "MissingContextValues": list(dict.fromkeys(key for each in simulated for key in each.missing)),
            **_details([each.details() for each in simulated], told=is_specific),
            **_allowed_by(
                simulated, "OrganizationsDecisionDetail", "AllowedByOrganizations", _by_organization
            ),
            **_boundary(simulated),
        }
        if is_specific:
            result["ResourceSpecificResults"] = [_resource_result(each) for each in simulated]
        return result

    def _simulated(self, action: str, resource: str) -> _Simulated:
        return _Simulated(
            resource=resource,
            explanation=explain(self._scenario.request(action, resource), self._layers),
            layers=self._layers,
            sources=self._sources,
            asked=self._asked,
        )


def _resource_result(simulated: _Simulated) -> dict[str, object]:
    return {
        "EvalResourceName": simulated.resource,
        "EvalResourceDecision": _DECISIONS[simulated.decision.effect],
        "MatchedStatements": simulated.matched(),
        "MissingContextValues": list(simulated.missing),
        **_details([simulated.details()], told=simulated.is_cross_account),
        **_boundary([simulated]),
    }


def _boundary(simulated: Sequence[_Simulated]) -> dict[str, object]:
    return _allowed_by(
        simulated, "PermissionsBoundaryDecisionDetail", "AllowedByPermissionsBoundary", _by_boundary
    )


def _by_boundary(simulated: _Simulated) -> bool | None:
    return simulated.allowed_by_boundary


def _by_organization(simulated: _Simulated) -> bool | None:
    return simulated.allowed_by_organization


def _allowed_by(
    simulated: Sequence[_Simulated], detail: str, member: str, of: Callable[[_Simulated], bool | None]
) -> dict[str, object]:
    """Return whether something allows it on every resource; nothing if there is no such thing."""
    answers = [of(each) for each in simulated]
    return {} if None in answers else {detail: {member: all(answers)}}


def _details(each: Sequence[Mapping[str, Effect]], *, told: bool) -> dict[str, object]:
    """AWS: "the most restrictive decision per policy type across all requested resources"."""
    kinds = dict.fromkeys(kind for details in each for kind in details)
    said = {
        kind: _DECISIONS[_most_restrictive(details[kind] for details in each if kind in details)]
        for kind in kinds
    }
    return {"EvalDecisionDetails": said} if told or said else {}


def _most_restrictive(effects: Iterable[Effect]) -> Effect:
    return min(effects, key=_MOST_RESTRICTIVE_FIRST.index)


def _distinct(statements: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    return list({repr(statement): statement for statement in statements}.values())


def _statement(source: Source, index: int) -> dict[str, object]:
    span: Span = source.spans[index]
    return {
        "SourcePolicyId": source.source_id,
        "SourcePolicyType": source.source_type,
        "StartPosition": {"Line": span.start.line, "Column": span.start.column},
        "EndPosition": {"Line": span.end.line, "Column": span.end.column},
    }
