"""Whom a managed policy is attached to, and whom it bounds.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_manage-attach-detach.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tabard.access.authorize import Permit
from tabard.model.group import Group
from tabard.model.role import Role
from tabard.model.user import User
from tabard.services.iam.checks import on_policy
from tabard.services.iam.entities import policy_seen
from tabard.services.iam.pages import PagedRequest, page
from tabard.services.operation import Operation, Output, Read
from tabard.store.snapshot import Snapshot

EntityFilter = Literal["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"]
PolicyUsage = Literal["PermissionsPolicy", "PermissionsBoundary"]


class ListEntitiesForPolicyRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists whom a managed policy is attached to, and whom it bounds; `path_prefix` is of their paths.

    `policy_usage_filter` chooses one of the two.
    """

    policy_arn: str
    entity_filter: EntityFilter | None = None
    path_prefix: str = "/"
    policy_usage_filter: PolicyUsage | None = None


@dataclass(frozen=True, slots=True)
class _Holder:
    """A group, role or user; `kind` is the name of its members in the answer."""

    kind: Literal["Group", "Role", "User"]
    name: str
    unique_id: str


def list_entities_for_policy(
    _permit: Permit, request: ListEntitiesForPolicyRequest, snapshot: Snapshot
) -> Output:
    """Answer a page of the groups, roles and users that a managed policy is attached to or bounds.

    Raises:
        NoSuchPolicy, InvalidInput.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListEntitiesForPolicy.html
    """
    policy = policy_seen(snapshot, request.policy_arn)
    holders = [
        holder
        for holder in _holders(snapshot, request.path_prefix, policy.arn, request.policy_usage_filter)
        if request.entity_filter in (None, holder.kind)
    ]
    shown, truncation = page(
        holders, lambda holder: f"{holder.kind} {holder.name.lower()}", request, listing="policy-entities"
    )
    return {
        **{
            f"Policy{kind}s": [
                {f"{kind}Name": holder.name, f"{kind}Id": holder.unique_id}
                for holder in shown
                if holder.kind == kind
            ]
            for kind in ("Group", "User", "Role")
        },
        **truncation,
    }


def _holders(snapshot: Snapshot, path_prefix: str, arn: str, usage: PolicyUsage | None) -> Iterator[_Holder]:
    for role in snapshot.roles.values():
        if role.path.startswith(path_prefix) and _uses(role, arn, usage):
            yield _Holder("Role", role.name, role.role_id)
    for user in snapshot.users.values():
        if user.path.startswith(path_prefix) and _uses(user, arn, usage):
            yield _Holder("User", user.name, user.user_id)
    for group in snapshot.groups.values():
        if group.path.startswith(path_prefix) and _uses(group, arn, usage):
            yield _Holder("Group", group.name, group.group_id)


def _uses(holder: Role | User | Group, arn: str, usage: PolicyUsage | None) -> bool:
    """AWS: "If it is not included, all policies are returned." """
    if usage != "PermissionsBoundary" and arn in holder.attached_policy_arns:
        return True
    if usage == "PermissionsPolicy" or isinstance(holder, Group):
        return False
    return holder.permissions_boundary_arn == arn


OPERATIONS: tuple[Operation, ...] = (
    Read(ListEntitiesForPolicyRequest, on_policy("iam:ListEntitiesForPolicy"), list_entities_for_policy),
)
