"""The inputs of a simulation of a principal: its policies, its condition keys, its organization."""

import json
from collections.abc import Sequence

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.organization_tree import as_tree
from tabard.model.tabard_messages import (
    CallerKey,
    GetPrincipalPoliciesRequest,
    GetPrincipalPoliciesResult,
    PrincipalPolicy,
)
from tabard.names import Arn
from tabard.policy import Multivalued
from tabard.services.hosts.answers import answer
from tabard.services.iam.simulation.caller import caller_keys, simulated_principal
from tabard.services.iam.simulation.policies import (
    StoredPolicy,
    entity_of,
    stored_boundary_of,
    stored_identity_policies,
)
from tabard.services.operation import Facts, Operation, Output, Read
from tabard.services.tabard.errors import PrincipalNotFound
from tabard.store.snapshot import Snapshot

_ACTION = "tabard:GetPrincipalPolicies"


def get_principal_policies_checks(request: GetPrincipalPoliciesRequest, facts: Facts) -> Sequence[Check]:
    """Require tabard:GetPrincipalPolicies on the principal, and on the named caller if it is another one."""
    return [
        Check(action="tabard:GetPrincipalPolicies", resource=arn) for arn in _arns(request, facts.snapshot)
    ]


def get_principal_policies(
    permit: Permit, request: GetPrincipalPoliciesRequest, snapshot: Snapshot
) -> Output:
    """Return the policies of a user, group or role, and the condition keys that depend on the caller.

    Raises:
        PrincipalNotFound (400); InvalidInput, NoSuchEntity: the ARN names no user, group or role.
    """
    for arn in _arns(request, snapshot):
        permit.require(_ACTION, arn)
    return answer(principal_policies(request, snapshot))


def principal_policies(
    request: GetPrincipalPoliciesRequest, snapshot: Snapshot
) -> GetPrincipalPoliciesResult:
    """Return the same without a permit, for a process with direct access to the store.

    Raises:
        PrincipalNotFound, InvalidInput, NoSuchEntity.
    """
    holder = entity_of(_arn_of(request.principal, snapshot), snapshot)
    caller_arn = request.caller_arn or holder.arn
    asking = simulated_principal(caller_arn, account_id=snapshot.account_id)
    return GetPrincipalPoliciesResult(
        principal_arn=holder.arn,
        account_id=snapshot.account_id,
        identity_policies=tuple(map(_described, stored_identity_policies(holder, snapshot))),
        boundary=tuple(map(_described, stored_boundary_of(holder, snapshot))),
        caller_keys=tuple(
            CallerKey(key=key, values=tuple(values), is_multivalued=isinstance(values, Multivalued))
            for key, values in caller_keys(caller_arn, asking, snapshot).items()
        ),
        organization=next((json.dumps(as_tree(each)) for each in snapshot.organizations.values()), ""),
    )


def _described(policy: StoredPolicy) -> PrincipalPolicy:
    return PrincipalPolicy(
        name=policy.name,
        source_id=policy.source_id,
        source_type=policy.source_type,
        document=policy.text,
        holder=policy.holder,
    )


def _arns(request: GetPrincipalPoliciesRequest, snapshot: Snapshot) -> Sequence[str]:
    """Return the ARNs of the principals in the answer. A missing one is checked by its potential ARN."""
    try:
        principal = _arn_of(request.principal, snapshot)
    except PrincipalNotFound:
        principal = f"arn:{snapshot.partition}:iam::{snapshot.account_id}:{request.principal}"
    return list(dict.fromkeys(filter(None, (principal, request.caller_arn))))


def _arn_of(text: str, snapshot: Snapshot) -> str:
    """Convert `role/NAME` (for any path) or an ARN to the ARN. Raises PrincipalNotFound."""
    if Arn.parse(text) is not None:
        return text
    kind, _, name = text.partition("/")
    found = {
        "role": snapshot.role_named,
        "user": snapshot.user_named,
        "group": snapshot.group_named,
    }.get(kind)
    holder = found(name) if found is not None and name else None
    if holder is None:
        raise PrincipalNotFound(principal=f"{kind} {name}" if name else text)
    return holder.arn


OPERATIONS: tuple[Operation, ...] = (
    Read(GetPrincipalPoliciesRequest, get_principal_policies_checks, get_principal_policies),
)
