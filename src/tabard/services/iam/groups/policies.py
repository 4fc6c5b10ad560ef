"""Policies of groups: inline ones, and managed ones attached to them.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html
"""

from tabard.access.authorize import Permit
from tabard.services.iam.checks import on_group, on_group_with_policy
from tabard.services.iam.entities import group_seen, group_to_change
from tabard.services.iam.pages import PagedRequest
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


class PutGroupPolicyRequest(Request, frozen=True, kw_only=True):
    """Adds an inline policy, or replaces the one of that name."""

    group_name: str
    policy_name: str
    policy_document: str


class GroupPolicyRequest(Request, frozen=True, kw_only=True):
    """GetGroupPolicy, DeleteGroupPolicy."""

    group_name: str
    policy_name: str


class ListGroupPoliciesRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists the names of a group's inline policies."""

    group_name: str


class GroupAttachmentRequest(Request, frozen=True, kw_only=True):
    """AttachGroupPolicy, DetachGroupPolicy."""

    group_name: str
    policy_arn: str


class ListAttachedGroupPoliciesRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists a group's managed policies whose path begins with `path_prefix`."""

    group_name: str
    path_prefix: str = "/"


def put_group_policy(permit: Permit, request: PutGroupPolicyRequest, tx: Transaction) -> Output:
    """Put an inline policy on a group.

    Raises:
        NoSuchGroup, MalformedPolicyDocument; InlinePoliciesTooLarge: all of the group's inline policies
        together have more than 5,120 characters.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutGroupPolicy.html
    """
    group = group_to_change(permit, tx, request.group_name, "iam:PutGroupPolicy")
    tx.groups.update(with_inline(group, request.policy_name, request.policy_document))
    return {}


def get_group_policy(_permit: Permit, request: GroupPolicyRequest, snapshot: Snapshot) -> Output:
    """Return one inline policy of a group.

    Raises:
        NoSuchGroup, NoSuchInlinePolicy.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetGroupPolicy.html
    """
    group = group_seen(snapshot, request.group_name)
    return {"GroupName": group.name, **inline_shape(group, request.policy_name)}


def list_group_policies(_permit: Permit, request: ListGroupPoliciesRequest, snapshot: Snapshot) -> Output:
    """Return a page of the names of a group's inline policies.

    Raises:
        NoSuchGroup.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListGroupPolicies.html
    """
    return inline_names(group_seen(snapshot, request.group_name), request)


def delete_group_policy(permit: Permit, request: GroupPolicyRequest, tx: Transaction) -> Output:
    """Take an inline policy off a group.

    Raises:
        NoSuchGroup, NoSuchInlinePolicy.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteGroupPolicy.html
    """
    group = group_to_change(permit, tx, request.group_name, "iam:DeleteGroupPolicy")
    tx.groups.update(without_inline(group, request.policy_name))
    return {}


def attach_group_policy(permit: Permit, request: GroupAttachmentRequest, tx: Transaction) -> Output:
    """Attach a managed policy to a group; attaching it again changes nothing.

    Raises:
        NoSuchGroup, PolicyDoesNotExist, InvalidInput; LimitExceeded: ten are attached.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachGroupPolicy.html
    """
    group = group_to_change(permit, tx, request.group_name, "iam:AttachGroupPolicy")
    tx.groups.update(with_attached(group, request.policy_arn, tx))
    return {}


def detach_group_policy(permit: Permit, request: GroupAttachmentRequest, tx: Transaction) -> Output:
    """Detach a managed policy from a group.

    Raises:
        NoSuchGroup, PolicyNotAttached, InvalidInput.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DetachGroupPolicy.html
    """
    group = group_to_change(permit, tx, request.group_name, "iam:DetachGroupPolicy")
    tx.groups.update(without_attached(group, request.policy_arn))
    return {}


def list_attached_group_policies(
    _permit: Permit, request: ListAttachedGroupPoliciesRequest, snapshot: Snapshot
) -> Output:
    """Return a page of the managed policies attached to a group, by name.

    Raises:
        NoSuchGroup.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAttachedGroupPolicies.html
    """
    group = group_seen(snapshot, request.group_name)
    return attached_policies(group.attached_policy_arns, request, snapshot, path_prefix=request.path_prefix)


OPERATIONS: tuple[Operation, ...] = (
    Write(PutGroupPolicyRequest, on_group("iam:PutGroupPolicy"), put_group_policy),
    Read(GroupPolicyRequest, on_group("iam:GetGroupPolicy"), get_group_policy),
    Read(ListGroupPoliciesRequest, on_group("iam:ListGroupPolicies"), list_group_policies),
    Write(GroupPolicyRequest, on_group("iam:DeleteGroupPolicy"), delete_group_policy),
    Write(GroupAttachmentRequest, on_group_with_policy("iam:AttachGroupPolicy"), attach_group_policy),
    Write(GroupAttachmentRequest, on_group_with_policy("iam:DetachGroupPolicy"), detach_group_policy),
    Read(
        ListAttachedGroupPoliciesRequest,
        on_group("iam:ListAttachedGroupPolicies"),
        list_attached_group_policies,
    ),
)
