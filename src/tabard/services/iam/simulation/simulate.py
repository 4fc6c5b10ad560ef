"""Simulating policies, before they are attached or as they are.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html
"""

import re
from collections.abc import Mapping, Sequence

from tabard.access.authorize import Permit
from tabard.names import ACCOUNT_ID, Arn
from tabard.policy import CompiledPolicies, DocumentKind, RequestContext
from tabard.policy.compiled_statement import CompiledStatement
from tabard.services.iam.checks import on_everything
from tabard.services.iam.errors import InvalidInput
from tabard.services.iam.pages import DEFAULT_PAGE_ENTRIES, PagedRequest, page
from tabard.services.iam.simulation.caller import ContextEntry, caller_keys, context_of, simulated_principal
from tabard.services.iam.simulation.context_keys import on_policy_source
from tabard.services.iam.simulation.exclusions import PolicyIdentifier, excludes_type, without_excluded
from tabard.services.iam.simulation.policies import (
    Source,
    boundary_of,
    compiled,
    entity_of,
    given_policies,
    given_policy,
    identity_policies,
)
from tabard.services.iam.simulation.simulation import Scenario, Simulation
from tabard.services.operation import Operation, Output, Read, Request
from tabard.store.controls import NO_CONTROLS
from tabard.store.snapshot import Snapshot

MOST_STATEMENTS_AT_ONCE = 20_000
"""Actions × resources × statements of one answer, some 0.2 s; a page ends before there are more."""

_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9-]+")
_INSTANCE_STORE = ("instance", "image", "security-group", "network-interface")
_RESOURCES_OF_SCENARIO = {
    "EC2-VPC-InstanceStore": _INSTANCE_STORE,
    "EC2-VPC-InstanceStore-Subnet": (*_INSTANCE_STORE, "subnet"),
    "EC2-VPC-EBS": (*_INSTANCE_STORE, "volume"),
    "EC2-VPC-EBS-Subnet": (*_INSTANCE_STORE, "subnet", "volume"),
}


class OrganizationLevel(Request, frozen=True, kw_only=True):
    """The service control policies of one level, from the organization's root to the account."""

    service_control_policy_input_list: tuple[str, ...] = ()


class _SimulateRequest(PagedRequest, frozen=True, kw_only=True):
    """The common members of both simulations. Without `resource_arns` the resource is `*`."""

    action_names: tuple[str, ...]
    permissions_boundary_policy_input_list: tuple[str, ...] = ()
    resource_arns: tuple[str, ...] = ()
    resource_policy: str | None = None
    resource_owner: str | None = None
    caller_arn: str | None = None
    context_entries: tuple[ContextEntry, ...] = ()
    resource_handling_option: str | None = None


class SimulateCustomPolicyRequest(_SimulateRequest, frozen=True, kw_only=True):
    """The policies come with the request."""

    policy_input_list: tuple[str, ...]
    ordered_organization_policy_input_list: tuple[OrganizationLevel, ...] = ()


class SimulatePrincipalPolicyRequest(_SimulateRequest, frozen=True, kw_only=True):
    """The policies are those of a user, a group or a role; more may come with the request."""

    policy_source_arn: str
    policy_input_list: tuple[str, ...] = ()
    policy_exclusion_list: tuple[PolicyIdentifier, ...] = ()


def simulate_custom_policy(
    permit: Permit, request: SimulateCustomPolicyRequest, snapshot: Snapshot
) -> Output:
    """Say what policies that come with the request would allow.

    Raises:
        InvalidInput: a policy, an ARN, an action, a context entry or their combination is not acceptable.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html
    Differs: resource policies are simulated for roles too; SourcePolicyType is one of the documented values.
    """
    levels = request.ordered_organization_policy_input_list
    scenario = _scenario(
        permit,
        request,
        snapshot,
        caller_arn=request.caller_arn,
        identity=given_policies(
            request.policy_input_list, parameter="PolicyInputList", kind=DocumentKind.IDENTITY
        ),
        boundary=(),
        service_control=tuple(_level(level, number) for number, level in enumerate(levels, 1)),
    )
    return _results(request, scenario)


def simulate_principal_policy(
    permit: Permit, request: SimulatePrincipalPolicyRequest, snapshot: Snapshot
) -> Output:
    """Say what the policies of a user, a group or a role allow, as they are now.

    Raises:
        NoSuchEntity; InvalidInput: as above. PolicyEvaluation (500): an attached policy cannot be evaluated.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
    Differs: resource policies are simulated for roles too; SourcePolicyType is one of the documented values.
    """
    holder = entity_of(request.policy_source_arn, snapshot)
    excluded = request.policy_exclusion_list
    given = given_policies(request.policy_input_list, parameter="PolicyInputList", kind=DocumentKind.IDENTITY)
    boundary = () if excludes_type(excluded, "permission-boundary") else boundary_of(holder, snapshot)
    scenario = _scenario(
        permit,
        request,
        snapshot,
        caller_arn=request.caller_arn or request.policy_source_arn,
        identity=(*without_excluded(identity_policies(holder, snapshot), excluded), *given),
        boundary=without_excluded(boundary, excluded),
        service_control=() if excludes_type(excluded, "scp") else snapshot.controls.service,
        known=snapshot.controls.principal_keys,
    )
    return _results(request, scenario)


def _scenario(
    permit: Permit,
    request: _SimulateRequest,
    snapshot: Snapshot,
    *,
    caller_arn: str | None,
    identity: tuple[Source, ...],
    boundary: tuple[Source, ...],
    service_control: tuple[CompiledPolicies, ...],
    known: Mapping[str, tuple[str, ...]] = NO_CONTROLS.principal_keys,
) -> Scenario:
    refuse_bad_names(request.action_names, request.resource_arns)
    _refuse_bad_scenario(request)
    principal = simulated_principal(caller_arn, account_id=permit.account_id)
    given_boundary = given_policies(
        request.permissions_boundary_policy_input_list,
        parameter="PermissionsBoundaryPolicyInputList",
        kind=DocumentKind.BOUNDARY,
    )
    if len(given_boundary) > 1:
        raise InvalidInput(reason="You can input only one permissions boundary policy.")
    resource: tuple[Source, ...] = ()
    if request.resource_policy is not None:
        if caller_arn is None:
            raise InvalidInput(reason="CallerArn is required where a ResourcePolicy is simulated.")
        resource = (given_policy(request.resource_policy, name="ResourcePolicy", kind=DocumentKind.RESOURCE),)
        _refuse_inapplicable(resource[0], request.resource_arns)
    return Scenario(
        principal=principal,
        context=RequestContext(
            {
                **known,
                **caller_keys(caller_arn, principal, snapshot),
                **context_of(request.context_entries),
            }
        ),
        identity=identity,
        boundary=given_boundary or boundary,
        resource=resource,
        service_control=service_control,
        resource_owner=_account_of(request.resource_owner),
    )


def _results(request: _SimulateRequest, scenario: Scenario) -> Output:
    """Return a page of results, one for each action.

    AWS: "Note that IAM might return fewer than the MaxItems number of results even when there are more".
    """
    each_costs = max(1, len(request.resource_arns)) * max(1, scenario.statement_count)
    if each_costs > MOST_STATEMENTS_AT_ONCE:
        raise InvalidInput(
            reason=f"One action on {len(request.resource_arns)} resources with {scenario.statement_count} "
            f"statements is too much at once; simulate fewer resources or policies."
        )
    room = min(request.max_items or DEFAULT_PAGE_ENTRIES, MOST_STATEMENTS_AT_ONCE // each_costs)
    numbered = enumerate(request.action_names)
    shown, truncation = page(
        numbered,
        lambda entry: f"{entry[0]:08d}",
        PagedRequest(marker=request.marker, max_items=room),
        listing="simulation",
    )
    simulation = Simulation(scenario)
    results = [simulation.result(action, request.resource_arns) for _, action in shown]
    return {"EvaluationResults": results, **truncation}


def _level(level: OrganizationLevel, number: int) -> CompiledPolicies:
    texts = level.service_control_policy_input_list
    if not texts:
        raise InvalidInput(reason=f"Level {number} of OrderedOrganizationPolicyInputList has no policy.")
    name = f"OrderedOrganizationPolicyInputList.{number}"
    return compiled(given_policies(texts, parameter=name, kind=DocumentKind.SERVICE_CONTROL))


def refuse_bad_names(actions: Sequence[str], resources: Sequence[str]) -> None:
    """Raises InvalidInput where one is no action, or neither an ARN nor `*`."""
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise InvalidInput(
                reason=f"Invalid action {action}: an action is named with its service and without wildcards, "
                f"such as iam:CreateUser."
            )
    for resource in resources:
        if resource != "*" and Arn.parse(resource) is None:
            raise InvalidInput(reason=f"Invalid resource {resource}: it is neither an ARN nor *.")


def _refuse_bad_scenario(request: _SimulateRequest) -> None:
    option = request.resource_handling_option
    if option is None:
        return
    if option not in _RESOURCES_OF_SCENARIO:
        raise InvalidInput(
            reason=f"ResourceHandlingOption {option} is not one of {', '.join(_RESOURCES_OF_SCENARIO)}."
        )
    given = {_kind_of(resource) for resource in request.resource_arns}
    missing = [kind for kind in _RESOURCES_OF_SCENARIO[option] if kind not in given]
    if missing:
        raise InvalidInput(reason=f"{option} needs resources of these kinds too: {', '.join(missing)}.")


def _kind_of(resource: str) -> str:
    arn = Arn.parse(resource)
    return arn.resource.partition("/")[0] if arn is not None and arn.service == "ec2" else ""


def _refuse_inapplicable(policy: Source, resources: Sequence[str]) -> None:
    """AWS: "it must be applicable to all of the resources included in the simulation or you receive an
    invalid input error."
    """
    statements = compiled([policy]).statements
    for resource in resources:
        if not any(_may_cover(statement, resource) for statement in statements):
            raise InvalidInput(reason=f"ResourcePolicy is not applicable to the resource {resource}.")


def _may_cover(statement: CompiledStatement, resource: str) -> bool:
    has_variables = any("${" in text for text in statement.statement.resources)
    return has_variables or statement.covers_resource(resource, {})


def _account_of(owner: str | None) -> str:
    """Return the account that ResourceOwner names, by its id or by the ARN of its root."""
    if owner is None:
        return ""
    arn = Arn.parse(owner)
    account = arn.account_id if arn is not None and arn.resource == "root" else owner
    if not ACCOUNT_ID.fullmatch(account):
        raise InvalidInput(reason=f"ResourceOwner {owner} does not name an account.")
    return account


OPERATIONS: tuple[Operation, ...] = (
    Read(SimulateCustomPolicyRequest, on_everything("iam:SimulateCustomPolicy"), simulate_custom_policy),
    Read(
        SimulatePrincipalPolicyRequest,
        on_policy_source("iam:SimulatePrincipalPolicy"),
        simulate_principal_policy,
    ),
)
