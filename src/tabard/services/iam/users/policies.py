"""Policies of users: inline ones, and managed ones attached to them.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html
"""

from tabard.access.authorize import Permit
from tabard.services.iam.checks import on_user
from tabard.services.iam.entities import bounded_user_to_change, user_seen
from tabard.services.iam.pages import PagedRequest
from tabard.services.iam.policies.boundaries import on_bounded_user, on_bounded_user_with_policy
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


class PutUserPolicyRequest(Request, frozen=True, kw_only=True):
    """Adds an inline policy, or replaces the one of that name."""

    user_name: str
    policy_name: str
    policy_document: str


class UserPolicyRequest(Request, frozen=True, kw_only=True):
    """GetUserPolicy, DeleteUserPolicy."""

    user_name: str
    policy_name: str


class ListUserPoliciesRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists the names of a user's inline policies."""

    user_name: str


class UserAttachmentRequest(Request, frozen=True, kw_only=True):
    """AttachUserPolicy, DetachUserPolicy."""

    user_name: str
    policy_arn: str


class ListAttachedUserPoliciesRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists a user's managed policies whose path begins with `path_prefix`."""

    user_name: str
    path_prefix: str = "/"


def put_user_policy(permit: Permit, request: PutUserPolicyRequest, tx: Transaction) -> Output:
    """Put an inline policy on a user.

    Raises:
        NoSuchUser, MalformedPolicyDocument; InlinePoliciesTooLarge: all of the user's inline policies
        together have more than 2,048 characters.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html
    """
    user = bounded_user_to_change(permit, tx, request.user_name, "iam:PutUserPolicy")
    tx.users.update(with_inline(user, request.policy_name, request.policy_document))
    return {}


def get_user_policy(_permit: Permit, request: UserPolicyRequest, snapshot: Snapshot) -> Output:
    """Return one inline policy of a user.

    Raises:
        NoSuchUser, NoSuchInlinePolicy.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUserPolicy.html
    """
    user = user_seen(snapshot, request.user_name)
    return {"UserName": user.name, **inline_shape(user, request.policy_name)}


def list_user_policies(_permit: Permit, request: ListUserPoliciesRequest, snapshot: Snapshot) -> Output:
    """Return a page of the names of a user's inline policies.

    Raises:
        NoSuchUser.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUserPolicies.html
    """
    return inline_names(user_seen(snapshot, request.user_name), request)


def delete_user_policy(permit: Permit, request: UserPolicyRequest, tx: Transaction) -> Output:
    """Take an inline policy off a user.

    Raises:
        NoSuchUser, NoSuchInlinePolicy.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUserPolicy.html
    """
    user = bounded_user_to_change(permit, tx, request.user_name, "iam:DeleteUserPolicy")
    tx.users.update(without_inline(user, request.policy_name))
    return {}


def attach_user_policy(permit: Permit, request: UserAttachmentRequest, tx: Transaction) -> Output:
    """Attach a managed policy to a user; attaching it again changes nothing.

    Raises:
        NoSuchUser, PolicyDoesNotExist, InvalidInput; LimitExceeded: ten are attached.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachUserPolicy.html
    """
    user = bounded_user_to_change(permit, tx, request.user_name, "iam:AttachUserPolicy")
    tx.users.update(with_attached(user, request.policy_arn, tx))
    return {}


def detach_user_policy(permit: Permit, request: UserAttachmentRequest, tx: Transaction) -> Output:
    """Detach a managed policy from a user.

    Raises:
        NoSuchUser, PolicyNotAttached, InvalidInput.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DetachUserPolicy.html
    """
    user = bounded_user_to_change(permit, tx, request.user_name, "iam:DetachUserPolicy")
    tx.users.update(without_attached(user, request.policy_arn))
    return {}


def list_attached_user_policies(
    _permit: Permit, request: ListAttachedUserPoliciesRequest, snapshot: Snapshot
) -> Output:
    """Return a page of the managed policies attached to a user, by name.

    Raises:
        NoSuchUser.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAttachedUserPolicies.html
    """
    user = user_seen(snapshot, request.user_name)
    return attached_policies(user.attached_policy_arns, request, snapshot, path_prefix=request.path_prefix)


OPERATIONS: tuple[Operation, ...] = (
    Write(PutUserPolicyRequest, on_bounded_user("iam:PutUserPolicy"), put_user_policy),
    Read(UserPolicyRequest, on_user("iam:GetUserPolicy"), get_user_policy),
    Read(ListUserPoliciesRequest, on_user("iam:ListUserPolicies"), list_user_policies),
    Write(UserPolicyRequest, on_bounded_user("iam:DeleteUserPolicy"), delete_user_policy),
    Write(UserAttachmentRequest, on_bounded_user_with_policy("iam:AttachUserPolicy"), attach_user_policy),
    Write(UserAttachmentRequest, on_bounded_user_with_policy("iam:DetachUserPolicy"), detach_user_policy),
    Read(
        ListAttachedUserPoliciesRequest, on_user("iam:ListAttachedUserPolicies"), list_attached_user_policies
    ),
)
