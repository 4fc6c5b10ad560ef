"""`tabard policy simulate`: decide requests by policies from files, or by a principal's policies."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from tabard.access.denial_record import denial_record_of
from tabard.cli.decision_text import denial_record_text, layer_name, statement_name
from tabard.cli.listing import JsonOption, show_json
from tabard.cli.policy_check import text_of
from tabard.cli.reading import reading_failures, system_or_stopped
from tabard.cli.running import DataDirOption, EndpointOption, ProfileOption, complain
from tabard.cli.shown import printable
from tabard.errors import AwsError
from tabard.model.organization_tree import organization_of
from tabard.model.tabard_messages import GetPrincipalPoliciesRequest, PrincipalPolicy
from tabard.names import Arn
from tabard.policy import (
    CompiledPolicies,
    DocumentKind,
    MatchedStatement,
    Multivalued,
    PolicyLayers,
    RequestContext,
    missing_context_keys,
)
from tabard.services.iam.simulation.caller import caller_keys, simulated_principal, untyped_values
from tabard.services.iam.simulation.policies import (
    Source,
    SourceType,
    StoredPolicy,
    compiled,
    given_policy,
)
from tabard.services.iam.simulation.simulate import refuse_bad_names
from tabard.services.iam.simulation.simulation import Scenario
from tabard.services.tabard.principal_policies import principal_policies
from tabard.store.controls import NO_CONTROLS, Controls, controls_of
from tabard.wiring.data_dir import DataDir
from tabard.wiring.store import snapshot_of

if TYPE_CHECKING:
    from tabard.administration.client import SystemClient

NOBODYS_ACCOUNT = "123456789012"
"""The account of a caller who is not named: that of AWS's own examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """The simulated principal, and its existing policies."""

    caller_arn: str | None = None
    account_id: str = NOBODYS_ACCOUNT
    caller_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    identity: tuple[Source, ...] = ()
    boundary: tuple[Source, ...] = ()
    controls: Controls = NO_CONTROLS


def simulate(
    invocation: typer.Context,
    actions: Annotated[
        list[str], typer.Option("--action", help="An action, service:Name. Repeat the option for several.")
    ],
    resources: Annotated[
        list[str] | None,
        typer.Option("--resource", help="An ARN (default: *). Repeat the option for several."),
    ] = None,
    policies: Annotated[
        list[Path] | None,
        typer.Option("--policy", help="An identity policy; - reads stdin. Repeat the option for several."),
    ] = None,
    principal: Annotated[
        str,
        typer.Option(
            "--principal",
            help="Simulate this principal of the system: role/NAME, user/NAME, group/NAME or an ARN.",
        ),
    ] = "",
    caller: Annotated[
        str, typer.Option("--caller", help="The ARN of the caller. Default: the principal's ARN.")
    ] = "",
    context: Annotated[
        list[str] | None,
        typer.Option(
            "--context", help="A condition key of the request, KEY=VALUE. Repeat the option for several."
        ),
    ] = None,
    boundary: Annotated[
        Path | None, typer.Option("--boundary", help="A permissions boundary, instead of the principal's.")
    ] = None,
    session: Annotated[
        list[Path] | None, typer.Option("--session", help="A session policy. Repeat the option for several.")
    ] = None,
    resource_policy: Annotated[
        Path | None, typer.Option("--resource-policy", help="The resource policy of the resource.")
    ] = None,
    service_control: Annotated[
        list[Path] | None,
        typer.Option(
            "--scp",
            help="A service control policy, instead of the system's. Repeat it for each level, root first.",
        ),
    ] = None,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide requests by policies from files, or by the policies of a role or user, and show the reasons.

    The exit status is 0 if every request is allowed, else 1. With --principal, a running system requires the
    action tabard:GetPrincipalPolicies.
    """
    if not policies and not principal:
        complain("pass policies with --policy, or a principal with --principal")
    try:
        refuse_bad_names(actions, resources or ())
        whose = Whose()
        if principal:
            source = system_or_stopped(
                invocation, data_dir=data_dir, endpoint=endpoint, profile=profile, as_json=as_json
            )
            whose = _of_system(source, principal, caller)
        scenario = _scenario(
            whose,
            caller,
            context=_context(context or ()),
            policies=_read(policies or (), DocumentKind.IDENTITY),
            boundary=_read([boundary] if boundary is not None else (), DocumentKind.BOUNDARY),
            session=_read(session or (), DocumentKind.SESSION),
            resource=_read([resource_policy] if resource_policy is not None else (), DocumentKind.RESOURCE),
            levels=tuple(
                compiled([level]) for level in _read(service_control or (), DocumentKind.SERVICE_CONTROL)
            ),
        )
    except AwsError as error:
        complain(printable(error.message))
    layers = scenario.layers()
    decisions = [
        _decided(scenario, layers, action, resource) for action in actions for resource in resources or ["*"]
    ]
    if as_json:
        show_json({"decisions": decisions})
    else:
        for line in chain.from_iterable(map(decision_text, decisions)):
            typer.echo(printable(line))
    raise typer.Exit(1 if any(decided["effect"] != "allow" for decided in decisions) else 0)


def decision_text(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield one decision for people, line by line."""
    layer = layer_name(told["layer"])
    matched = [MatchedStatement(said["policy"], said["sid"], said["index"]) for said in told["matched"]]
    by = f" by {' and '.join(statement_name(each) for each in matched)} ({layer})" if matched else ""
    verdict = {
        "allow": f"allowed{by}",
        "explicit-deny": f"denied{by}",
        "implicit-deny": f"denied: no {layer} allows it",
    }[told["effect"]]
    yield f"{told['action']} on {told['resource']}: {verdict}"
    yield from denial_record_text(told)
    if told["missing"]:
        yield f"  not given  {', '.join(told['missing'])}"


def _decided(scenario: Scenario, layers: PolicyLayers, action: str, resource: str) -> dict[str, Any]:
    request = scenario.request(action, resource)
    missing: dict[str, str] = {}
    for sources, policies in (
        (scenario.identity, layers.identity),
        (scenario.resource, layers.resource),
        (scenario.boundary, layers.boundary),
        (scenario.session, layers.session),
    ):
        if policies is not None:
            keys = missing_context_keys(request, [source.document for source in sources], policies)
            missing.update((key.lower(), key) for key in keys)
    return {**denial_record_of(request, layers), "missing": list(missing.values())}


def _scenario(
    whose: Whose,
    caller: str,
    *,
    context: Mapping[str, tuple[str, ...]],
    policies: tuple[Source, ...],
    boundary: tuple[Source, ...],
    session: tuple[Source, ...],
    resource: tuple[Source, ...],
    levels: tuple[CompiledPolicies, ...],
) -> Scenario:
    caller_arn = caller or whose.caller_arn
    asking = simulated_principal(caller_arn, account_id=whose.account_id)
    known = whose.caller_keys or caller_keys(caller_arn, asking, None)
    return Scenario(
        principal=asking,
        context=RequestContext(
            {**whose.controls.principal_keys, **whose.controls.resource_keys, **known, **context}
        ),
        identity=(*whose.identity, *policies),
        boundary=boundary or whose.boundary,
        session=session,
        resource=resource,
        service_control=levels or whose.controls.service,
        resource_control=whose.controls.resource,
    )


def _of_system(source: "SystemClient | DataDir", principal: str, caller: str) -> Whose:
    """Somebody of a running or a stopped system, with all the policies that apply."""
    kind, _, name = principal.partition("/")
    if Arn.parse(principal) is None and not (kind in ("role", "user", "group") and name):
        complain(f"--principal {principal} is not role/NAME, user/NAME, group/NAME or an ARN")
    request = GetPrincipalPoliciesRequest(principal=principal, caller_arn=caller)
    with reading_failures(source):
        if isinstance(source, DataDir):
            found = principal_policies(request, snapshot_of(source))
        else:
            from tabard.administration.account import principal_policies as asked_policies

            found = asked_policies(source, request)
    organization = organization_of(json.loads(found.organization)) if found.organization else None
    return Whose(
        caller_arn=found.principal_arn,
        account_id=found.account_id,
        caller_keys={
            each.key: Multivalued(each.values) if each.is_multivalued else each.values
            for each in found.caller_keys
        },
        identity=tuple(map(_source, found.identity_policies)),
        boundary=tuple(map(_source, found.boundary)),
        controls=controls_of(organization, found.account_id),
    )


def _source(policy: PrincipalPolicy) -> Source:
    return StoredPolicy(
        name=policy.name,
        source_id=policy.source_id,
        source_type=cast(SourceType, policy.source_type),
        text=policy.document,
        holder=policy.holder,
    ).source()


def _read(files: Sequence[Path], kind: DocumentKind) -> tuple[Source, ...]:
    """Return the policies in these files, named by them. Raises InvalidInput."""
    return tuple(given_policy(text_of(file), name=str(file), kind=kind) for file in files)


def _context(pairs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the condition keys of the request; a key that comes several times has several values.

    AWS's reference says which keys are multivalued, and so does a key that comes several times.
    """
    found: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or ":" not in key:
            complain(
                f"--context {printable(pair)} is not KEY=VALUE; write for example aws:SourceIp=203.0.113.7"
            )
        found[key.lower()] = (*found.get(key.lower(), ()), value)
    return {key: untyped_values(key, values) for key, values in found.items()}
