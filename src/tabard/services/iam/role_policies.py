"""Inline policies of roles.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html#inline-policies
"""

from dataclasses import replace

from tabard.access.authorize import Permit
from tabard.model.policies import InlinePolicy
from tabard.services.iam.documents import encoded, refuse_bad_inline_policy
from tabard.services.iam.entities import role_seen, role_to_change
from tabard.services.iam.errors import InlinePoliciesTooLarge, NoSuchInlinePolicy
from tabard.services.iam.pages import PagedRequest, page
from tabard.services.iam.quotas import INLINE_POLICY_SIZE_PER_ROLE, counted_size
from tabard.services.operation import Output, Request
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot


class PutRolePolicyRequest(Request, frozen=True, kw_only=True):
    """Adds an inline policy, or replaces the one of that name."""

    role_name: str
    policy_name: str
    policy_document: str


class RolePolicyRequest(Request, frozen=True, kw_only=True):
    """GetRolePolicy, DeleteRolePolicy."""

    role_name: str
    policy_name: str


class ListRolePoliciesRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists the names of a role's inline policies."""

    role_name: str


def put_role_policy(permit: Permit, request: PutRolePolicyRequest, tx: Transaction) -> Output:
    """Put an inline policy on a role.

    Raises:
        NoSuchRole, MalformedPolicyDocument; InlinePoliciesTooLarge: all of the role's inline policies
        together have more than 10,240 characters.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
    """
    role = role_to_change(permit, tx, request.role_name, "iam:PutRolePolicy")
    refuse_bad_inline_policy(request.policy_document)
    others = [policy for policy in role.inline_policies if policy.name != request.policy_name]
    policies = (*others, InlinePolicy(request.policy_name, request.policy_document))
    if sum(counted_size(policy.document) for policy in policies) > INLINE_POLICY_SIZE_PER_ROLE:
        raise InlinePoliciesTooLarge(limit=INLINE_POLICY_SIZE_PER_ROLE, role_name=role.name)
    tx.roles.update(replace(role, inline_policies=policies))
    return {}


def get_role_policy(_permit: Permit, request: RolePolicyRequest, snapshot: Snapshot) -> Output:
    """Answer one inline policy of a role.

    Raises:
        NoSuchRole, NoSuchInlinePolicy.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html
    """
    role = role_seen(snapshot, request.role_name)
    for policy in role.inline_policies:
        if policy.name == request.policy_name:
            return {
                "RoleName": role.name,
                "PolicyName": policy.name,
                "PolicyDocument": encoded(policy.document),
            }
    raise NoSuchInlinePolicy(owner="role", policy_name=request.policy_name)


def list_role_policies(_permit: Permit, request: ListRolePoliciesRequest, snapshot: Snapshot) -> Output:
    """Answer a page of the names of a role's inline policies.

    Raises:
        NoSuchRole.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRolePolicies.html
    """
    role = role_seen(snapshot, request.role_name)
    names = [policy.name for policy in role.inline_policies]
    shown, truncation = page(names, lambda name: name, request, listing="role-policies")
    return {"PolicyNames": shown, **truncation}


def delete_role_policy(permit: Permit, request: RolePolicyRequest, tx: Transaction) -> Output:
    """Take an inline policy off a role.

    Raises:
        NoSuchRole, NoSuchInlinePolicy.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRolePolicy.html
    """
    role = role_to_change(permit, tx, request.role_name, "iam:DeleteRolePolicy")
    kept = tuple(policy for policy in role.inline_policies if policy.name != request.policy_name)
    if len(kept) == len(role.inline_policies):
        raise NoSuchInlinePolicy(owner="role", policy_name=request.policy_name)
    tx.roles.update(replace(role, inline_policies=kept))
    return {}
