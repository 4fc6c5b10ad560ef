"""Managed policies attached to roles and users.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_manage-attach-detach.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tabard.access.authorize import Permit
from tabard.model.policies import ManagedPolicy
from tabard.services.iam.entities import (
    policy_seen,
    refuse_other_than_policy_arn,
    role_seen,
    role_to_change,
    user_seen,
)
from tabard.services.iam.errors import LimitExceeded, PolicyDoesNotExist, PolicyNotAttached
from tabard.services.iam.pages import PagedRequest, page
from tabard.services.iam.quotas import POLICIES_PER_ROLE
from tabard.services.operation import Output, Request
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

EntityFilter = Literal["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"]
PolicyUsage = Literal["PermissionsPolicy", "PermissionsBoundary"]


class RoleAttachmentRequest(Request, frozen=True, kw_only=True):
    """AttachRolePolicy, DetachRolePolicy."""

    role_name: str
    policy_arn: str


class ListAttachedRolePoliciesRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists a role's managed policies whose path begins with `path_prefix`."""

    role_name: str
    path_prefix: str = "/"


class ListAttachedUserPoliciesRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists a user's managed policies whose path begins with `path_prefix`."""

    user_name: str
    path_prefix: str = "/"


class ListEntitiesForPolicyRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists whom a managed policy is attached to; `path_prefix` is of the entities' paths."""

    policy_arn: str
    entity_filter: EntityFilter | None = None
    path_prefix: str = "/"
    policy_usage_filter: PolicyUsage | None = None


def attach_role_policy(permit: Permit, request: RoleAttachmentRequest, tx: Transaction) -> Output:
    """Attach a managed policy to a role; attaching it again changes nothing.

    Raises:
        NoSuchRole, PolicyDoesNotExist, InvalidInput; LimitExceeded: ten are attached.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html
    """
    role = role_to_change(permit, tx, request.role_name, "iam:AttachRolePolicy")
    refuse_other_than_policy_arn(request.policy_arn)
    if tx.managed_policies.get(request.policy_arn) is None:
        raise PolicyDoesNotExist(policy_arn=request.policy_arn)
    if request.policy_arn in role.attached_policy_arns:
        return {}
    if len(role.attached_policy_arns) >= POLICIES_PER_ROLE:
        raise LimitExceeded(quota="PoliciesPerRole", limit=POLICIES_PER_ROLE)
    tx.roles.update(replace(role, attached_policy_arns=(*role.attached_policy_arns, request.policy_arn)))
    return {}


def detach_role_policy(permit: Permit, request: RoleAttachmentRequest, tx: Transaction) -> Output:
    """Detach a managed policy from a role.

    Raises:
        NoSuchRole, PolicyNotAttached, InvalidInput.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DetachRolePolicy.html
    """
    role = role_to_change(permit, tx, request.role_name, "iam:DetachRolePolicy")
    refuse_other_than_policy_arn(request.policy_arn)
    if request.policy_arn not in role.attached_policy_arns:
        raise PolicyNotAttached(policy_arn=request.policy_arn)
    kept = tuple(arn for arn in role.attached_policy_arns if arn != request.policy_arn)
    tx.roles.update(replace(role, attached_policy_arns=kept))
    return {}


def list_attached_role_policies(
    _permit: Permit, request: ListAttachedRolePoliciesRequest, snapshot: Snapshot
) -> Output:
    """Answer a page of the managed policies attached to a role, by name.

    Raises:
        NoSuchRole.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAttachedRolePolicies.html
    """
    role = role_seen(snapshot, request.role_name)
    return _attached(role.attached_policy_arns, request, snapshot, path_prefix=request.path_prefix)


def list_attached_user_policies(
    _permit: Permit, request: ListAttachedUserPoliciesRequest, snapshot: Snapshot
) -> Output:
    """Answer a page of the managed policies attached to a user, by name.

    Raises:
        NoSuchUser.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAttachedUserPolicies.html
    """
    user = user_seen(snapshot, request.user_name)
    return _attached(user.attached_policy_arns, request, snapshot, path_prefix=request.path_prefix)


def _attached(arns: Sequence[str], request: PagedRequest, snapshot: Snapshot, *, path_prefix: str) -> Output:
    policies = [snapshot.managed_policies[arn] for arn in arns if arn in snapshot.managed_policies]
    under_path = [policy for policy in policies if policy.path.startswith(path_prefix)]
    shown, truncation = page(under_path, name_then_owner, request, listing="attached-policies")
    return {
        "AttachedPolicies": [{"PolicyName": policy.name, "PolicyArn": policy.arn} for policy in shown],
        **truncation,
    }


def name_then_owner(policy: ManagedPolicy) -> str:
    """Orders managed policies: AWS may name one as the account does."""
    return f"{policy.name.lower()} {policy.account_id}"


@dataclass(frozen=True, slots=True)
class _Holder:
    """A user or role that a managed policy is attached to."""

    kind: Literal["Role", "User"]
    name: str
    unique_id: str


def list_entities_for_policy(
    _permit: Permit, request: ListEntitiesForPolicyRequest, snapshot: Snapshot
) -> Output:
    """Answer a page of the roles and users that a managed policy is attached to.

    Raises:
        NoSuchPolicy, InvalidInput.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListEntitiesForPolicy.html
    """
    policy = policy_seen(snapshot, request.policy_arn)
    holders = (
        () if request.policy_usage_filter == "PermissionsBoundary" else _holders(policy, request, snapshot)
    )
    shown, truncation = page(
        holders, lambda holder: f"{holder.kind} {holder.name.lower()}", request, listing="policy-entities"
    )
    return {
        "PolicyGroups": [],
        "PolicyUsers": [
            {"UserName": holder.name, "UserId": holder.unique_id} for holder in shown if holder.kind == "User"
        ],
        "PolicyRoles": [
            {"RoleName": holder.name, "RoleId": holder.unique_id} for holder in shown if holder.kind == "Role"
        ],
        **truncation,
    }


def _holders(
    policy: ManagedPolicy, request: ListEntitiesForPolicyRequest, snapshot: Snapshot
) -> Iterator[_Holder]:
    if request.entity_filter in (None, "Role"):
        for role in snapshot.roles.values():
            if policy.arn in role.attached_policy_arns and role.path.startswith(request.path_prefix):
                yield _Holder("Role", role.name, role.role_id)
    if request.entity_filter in (None, "User"):
        for user in snapshot.users.values():
            if policy.arn in user.attached_policy_arns and user.path.startswith(request.path_prefix):
                yield _Holder("User", user.name, user.user_id)
