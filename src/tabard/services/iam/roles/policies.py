"""Policies of roles: inline ones, and managed ones attached to them.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html
"""

from tabard.access.authorize import Permit
from tabard.services.iam.checks import on_role
from tabard.services.iam.entities import bounded_role_to_change, role_seen
from tabard.services.iam.pages import PagedRequest
from tabard.services.iam.policies.boundaries import on_bounded_role, on_bounded_role_with_policy
from tabard.services.iam.policies.entity_policies import (
    attached_policies,
    inline_names,
    inline_shape,
    with_attached,
    with_inline,
    without_attached,
    without_inline,
)
from tabard.services.operation import Operation, Output, Read, Request, Write
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


class RoleAttachmentRequest(Request, frozen=True, kw_only=True):
    """AttachRolePolicy, DetachRolePolicy."""

    role_name: str
    policy_arn: str


class ListAttachedRolePoliciesRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists a role's managed policies whose path begins with `path_prefix`."""

    role_name: str
    path_prefix: str = "/"


def put_role_policy(permit: Permit, request: PutRolePolicyRequest, tx: Transaction) -> Output:
    """Put an inline policy on a role.

    Raises:
        NoSuchRole, MalformedPolicyDocument; InlinePoliciesTooLarge: all of the role's inline policies
        together have more than 10,240 characters.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
    """
    role = bounded_role_to_change(permit, tx, request.role_name, "iam:PutRolePolicy")
    tx.roles.update(with_inline(role, request.policy_name, request.policy_document))
    return {}


def get_role_policy(_permit: Permit, request: RolePolicyRequest, snapshot: Snapshot) -> Output:
    """Return one inline policy of a role.

    Raises:
        NoSuchRole, NoSuchInlinePolicy.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html
    """
    role = role_seen(snapshot, request.role_name)
    return {"RoleName": role.name, **inline_shape(role, request.policy_name)}


def list_role_policies(_permit: Permit, request: ListRolePoliciesRequest, snapshot: Snapshot) -> Output:
    """Return a page of the names of a role's inline policies.

    Raises:
        NoSuchRole.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRolePolicies.html
    """
    return inline_names(role_seen(snapshot, request.role_name), request)


def delete_role_policy(permit: Permit, request: RolePolicyRequest, tx: Transaction) -> Output:
    """Take an inline policy off a role.

    Raises:
        NoSuchRole, NoSuchInlinePolicy.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRolePolicy.html
    """
    role = bounded_role_to_change(permit, tx, request.role_name, "iam:DeleteRolePolicy")
    tx.roles.update(without_inline(role, request.policy_name))
    return {}


def attach_role_policy(permit: Permit, request: RoleAttachmentRequest, tx: Transaction) -> Output:
    """Attach a managed policy to a role; attaching it again changes nothing.

    Raises:
        NoSuchRole, PolicyDoesNotExist, InvalidInput; LimitExceeded: ten are attached.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html
    """
    role = bounded_role_to_change(permit, tx, request.role_name, "iam:AttachRolePolicy")
    tx.roles.update(with_attached(role, request.policy_arn, tx))
    return {}


def detach_role_policy(permit: Permit, request: RoleAttachmentRequest, tx: Transaction) -> Output:
    """Detach a managed policy from a role.

    Raises:
        NoSuchRole, PolicyNotAttached, InvalidInput.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DetachRolePolicy.html
    """
    role = bounded_role_to_change(permit, tx, request.role_name, "iam:DetachRolePolicy")
    tx.roles.update(without_attached(role, request.policy_arn))
    return {}


def list_attached_role_policies(
    _permit: Permit, request: ListAttachedRolePoliciesRequest, snapshot: Snapshot
) -> Output:
    """Return a page of the managed policies attached to a role, by name.

    Raises:
        NoSuchRole.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAttachedRolePolicies.html
    """
    role = role_seen(snapshot, request.role_name)
    return attached_policies(role.attached_policy_arns, request, snapshot, path_prefix=request.path_prefix)


OPERATIONS: tuple[Operation, ...] = (
    Write(PutRolePolicyRequest, on_bounded_role("iam:PutRolePolicy"), put_role_policy),
    Read(RolePolicyRequest, on_role("iam:GetRolePolicy"), get_role_policy),
    Read(ListRolePoliciesRequest, on_role("iam:ListRolePolicies"), list_role_policies),
    Write(RolePolicyRequest, on_bounded_role("iam:DeleteRolePolicy"), delete_role_policy),
    Write(RoleAttachmentRequest, on_bounded_role_with_policy("iam:AttachRolePolicy"), attach_role_policy),
    Write(RoleAttachmentRequest, on_bounded_role_with_policy("iam:DetachRolePolicy"), detach_role_policy),
    Read(
        ListAttachedRolePoliciesRequest, on_role("iam:ListAttachedRolePolicies"), list_attached_role_policies
    ),
)
