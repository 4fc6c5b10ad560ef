"""The decision: AWS's evaluation logic over the layers of policies that apply to a request.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
and …/reference_policies_evaluation-logic-cross-account.html
"""

from collections.abc import Iterator
from typing import NamedTuple

from tabard.policy.compiled import ActionIndex, CompiledPolicies
from tabard.policy.compiled_statement import CompiledStatement
from tabard.policy.control import controls_resources_of, is_service_linked
from tabard.policy.decision import Decision, Effect, Layer
from tabard.policy.principals import Reach
from tabard.policy.request import AccessRequest, PrincipalKind


class PolicyLayers(NamedTuple):
    """The policies that apply to one request. None means that the request has no such layer.

    `resource` is the policy of the resource itself. For `sts:AssumeRole`, it is the role's trust policy.

    `service_control` has the service control policies of the principal's account. `resource_control` has the
    resource control policies of the resource's account. Each has one set per level, from the organization's
    root through each organizational unit to the account. Both are empty without an organization, and for its
    management account: "SCPs don't affect users or roles in the management account", "RCPs don't affect
    resources in the management account". Every level of `resource_control` begins with
    `RESOURCE_CONTROL_FULL_ACCESS`, which cannot be detached.
    """

    identity: CompiledPolicies
    resource: CompiledPolicies | None = None
    boundary: CompiledPolicies | None = None
    session: CompiledPolicies | None = None
    service_control: tuple[CompiledPolicies, ...] = ()
    resource_control: tuple[CompiledPolicies, ...] = ()


_IMPLICIT = {layer: Decision(Effect.IMPLICIT_DENY, layer) for layer in Layer}


def decide(request: AccessRequest, layers: PolicyLayers) -> Decision:
    """Decide one request. An explicit deny in any layer wins. A request that no policy allows is denied.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
    """
    identity = layers.identity.for_action(request.action)
    denied = _explicit_deny(request, layers, identity)
    if denied is None and (layers.service_control or layers.resource_control):
        denied = _denied_by_control(request, layers)
    if denied is not None:
        return denied
    principal = request.principal
    named, reach = _NOBODY if layers.resource is None else _named_by(layers.resource, request)
    if (
        not principal.account_id
    ):  # a service, an identity provider or an anonymous caller has no identity policies
        return _IMPLICIT[Layer.RESOURCE] if named is None else _allow(Layer.RESOURCE, named)
    granted = (
        None if identity.allow is None else identity.allow.first(request.resource, request.context.values)
    )
    # "… implicitly denied with the exception of the AWS account root user, which has full access."
    is_granted = granted is not None or principal.kind is PrincipalKind.ROOT
    if request.resource_account and request.resource_account != principal.account_id:
        # "The request is allowed only if both evaluations return a decision of Allow."
        if not is_granted:
            return _IMPLICIT[Layer.IDENTITY]
        if named is None:
            return _IMPLICIT[Layer.RESOURCE]
    elif reach is Reach.DIRECT:
        return _allow(Layer.RESOURCE, named)
    elif named is None and _must_be_named(request):
        return _IMPLICIT[Layer.RESOURCE]
    elif not is_granted and reach is not Reach.ROLE:
        return _IMPLICIT[Layer.IDENTITY]
    if layers.boundary is not None and _first_allow(layers.boundary, request) is None:
        return _IMPLICIT[Layer.BOUNDARY]
    if layers.session is not None and _first_allow(layers.session, request) is None:
        return _IMPLICIT[Layer.SESSION]
    if granted is not None and named is None:
        return granted.grant
    return _allow(Layer.IDENTITY if is_granted else Layer.RESOURCE, granted, named)


def controls(request: AccessRequest, layers: PolicyLayers) -> Iterator[tuple[Layer, CompiledPolicies]]:
    """Yield the levels of control policies for this request. Each level must allow, and none may deny.

    AWS: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html
    and …/orgs_manage_policies_rcps_evaluation.html
    """
    principal = request.principal
    if is_service_linked(principal):
        return
    if controls_resources_of(request.action):
        for level in layers.resource_control:
            yield Layer.RESOURCE_CONTROL, level
    # "SCPs affect only IAM users and roles that are managed by accounts that are part of the organization."
    if principal.account_id:
        for level in layers.service_control:
            yield Layer.SERVICE_CONTROL, level


def _denied_by_control(request: AccessRequest, layers: PolicyLayers) -> Decision | None:
    """Return a deny at any level, or else the implicit deny of the first level that does not allow."""
    asked = tuple(controls(request, layers))
    for layer, level in asked:
        statement = _first_deny(level, request)
        if statement is not None:
            return _deny(layer, statement)
    for layer, level in asked:
        if _first_allow(level, request) is None:
            return _IMPLICIT[layer]
    return None


_NOBODY: tuple[None, Reach] = (None, Reach.NOBODY)


def _explicit_deny(request: AccessRequest, layers: PolicyLayers, identity: ActionIndex) -> Decision | None:
    """Find an explicit deny in any layer.

    AWS: "If the enforcement code finds even one explicit deny that applies, the code returns a final
    decision of Deny."
    """
    if identity.deny is not None:
        statement = identity.deny.first(request.resource, request.context.values)
        if statement is not None:
            return _deny(Layer.IDENTITY, statement)
    if layers.resource is not None:
        index = layers.resource.for_action(request.action).deny
        bounded = layers.boundary is not None
        for statement in index.every(request.resource, request.context.values) if index is not None else ():
            if statement.reach(request.principal, bounded=bounded) is not Reach.NOBODY:
                return _deny(Layer.RESOURCE, statement)
    if layers.boundary is not None:
        statement = _first_deny(layers.boundary, request)
        if statement is not None:
            return _deny(Layer.BOUNDARY, statement)
    if layers.session is not None:
        statement = _first_deny(layers.session, request)
        if statement is not None:
            return _deny(Layer.SESSION, statement)
    return None


def _first_deny(policies: CompiledPolicies, request: AccessRequest) -> CompiledStatement | None:
    index = policies.for_action(request.action).deny
    return None if index is None else index.first(request.resource, request.context.values)


def _first_allow(policies: CompiledPolicies, request: AccessRequest) -> CompiledStatement | None:
    index = policies.for_action(request.action).allow
    return None if index is None else index.first(request.resource, request.context.values)


def _named_by(policies: CompiledPolicies, request: AccessRequest) -> tuple[CompiledStatement | None, Reach]:
    """Find the statement that allows the principal most directly.

    The reach of that statement decides which policies may still limit the permission: "the principal ARN
    that is specified in the policy determines whether implicit denies in other policy types are applicable
    to the final decision".
    """
    most: tuple[CompiledStatement | None, Reach] = _NOBODY
    index = policies.for_action(request.action).allow
    for statement in index.every(request.resource, request.context.values) if index is not None else ():
        reach = statement.reach(request.principal, bounded=False)
        if reach > most[1]:
            most = (statement, reach)
    return most


def _must_be_named(request: AccessRequest) -> bool:
    """Report whether the resource policy must name the principal explicitly.

    AWS: "IAM role trust policies and KMS key policies are exceptions to this logic, because they must
    explicitly allow access for principals."
    """
    if ":role/" in request.resource:
        return request.action[:4].lower() == "sts:"
    return ":key/" in request.resource and request.action[:4].lower() == "kms:"


def _deny(layer: Layer, statement: CompiledStatement) -> Decision:
    return Decision(Effect.EXPLICIT_DENY, layer, (statement.matched,))


def _allow(layer: Layer, *statements: CompiledStatement | None) -> Decision:
    matched = tuple(statement.matched for statement in statements if statement is not None)
    return Decision(Effect.ALLOW, layer, matched)
