"""Permissions boundaries: managed policies that bound what a role or user may be granted.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.services.iam.checks import (
    Context,
    NamesPolicy,
    NamesRole,
    NamesUser,
    role_check,
    user_check,
)
from tabard.services.iam.entities import (
    BOUNDARY_KEY,
    bounded_role_to_change,
    bounded_user_to_change,
    refuse_other_than_policy_arn,
    role_to_change,
    user_to_change,
)
from tabard.services.iam.errors import BoundaryDoesNotExist
from tabard.services.operation import Facts, Operation, Output, Request, Write
from tabard.store.ports import Transaction


class NamesRoleAndPolicy(NamesRole, NamesPolicy, Protocol):
    """A request about a managed policy of one role."""


class NamesUserAndPolicy(NamesUser, NamesPolicy, Protocol):
    """A request about a managed policy of one user."""


class PutRolePermissionsBoundaryRequest(Request, frozen=True, kw_only=True):
    """`permissions_boundary` is the ARN of a managed policy."""

    role_name: str
    permissions_boundary: str


class DeleteRolePermissionsBoundaryRequest(Request, frozen=True, kw_only=True):
    """Names the role."""

    role_name: str


class PutUserPermissionsBoundaryRequest(Request, frozen=True, kw_only=True):
    """`permissions_boundary` is the ARN of a managed policy."""

    user_name: str
    permissions_boundary: str


class DeleteUserPermissionsBoundaryRequest(Request, frozen=True, kw_only=True):
    """Names the user."""

    user_name: str


def boundary_key(arn: str | None) -> Context:
    """Return the condition key `iam:PermissionsBoundary`, which is absent if there is no boundary.

    AWS: "Checks that the specified policy is attached as permissions boundary on the IAM principal resource."
    Where a request sets one, that is the one.
    """
    return {} if arn is None else {BOUNDARY_KEY: (arn,)}


def on_bounded_role(action: str) -> Callable[[NamesRole, Facts], Sequence[Check]]:
    """Return one check on the role, with its permissions boundary."""
    return lambda request, facts: (
        role_check(action, request.role_name, facts, _boundary_of_role(request.role_name, facts)),
    )


def on_bounded_role_with_policy(action: str) -> Callable[[NamesRoleAndPolicy, Facts], Sequence[Check]]:
    """Return a check on the role, with its boundary and the managed policy as `iam:PolicyARN`."""

    def checks(request: NamesRoleAndPolicy, facts: Facts) -> Sequence[Check]:
        boundary = _boundary_of_role(request.role_name, facts)
        context = {**boundary, "iam:policyarn": (request.policy_arn,)}
        return (role_check(action, request.role_name, facts, context),)

    return checks


def on_bounded_user(action: str) -> Callable[[NamesUser, Facts], Sequence[Check]]:
    """Return one check on the user, with its permissions boundary."""
    return lambda request, facts: (
        user_check(action, request.user_name, facts, _boundary_of_user(request.user_name, facts)),
    )


def on_bounded_user_with_policy(action: str) -> Callable[[NamesUserAndPolicy, Facts], Sequence[Check]]:
    """Return a check on the user, with its boundary and the managed policy as `iam:PolicyARN`."""

    def checks(request: NamesUserAndPolicy, facts: Facts) -> Sequence[Check]:
        boundary = _boundary_of_user(request.user_name, facts)
        context = {**boundary, "iam:policyarn": (request.policy_arn,)}
        return (user_check(action, request.user_name, facts, context),)

    return checks


def put_role_boundary_checks(request: PutRolePermissionsBoundaryRequest, facts: Facts) -> Sequence[Check]:
    """iam:PutRolePermissionsBoundary on the role, with the boundary it will have."""
    context = boundary_key(request.permissions_boundary)
    return (role_check("iam:PutRolePermissionsBoundary", request.role_name, facts, context),)


def put_user_boundary_checks(request: PutUserPermissionsBoundaryRequest, facts: Facts) -> Sequence[Check]:
    """iam:PutUserPermissionsBoundary on the user, with the boundary it will have."""
    context = boundary_key(request.permissions_boundary)
    return (user_check("iam:PutUserPermissionsBoundary", request.user_name, facts, context),)


def refuse_bad_boundary(arn: str | None, tx: Transaction) -> None:
    """Raises BoundaryDoesNotExist; InvalidInput if it is no managed policy's ARN."""
    if arn is None:
        return
    refuse_other_than_policy_arn(arn)
    if tx.managed_policies.get(arn) is None:
        raise BoundaryDoesNotExist(policy_arn=arn)


def put_role_permissions_boundary(
    permit: Permit, request: PutRolePermissionsBoundaryRequest, tx: Transaction
) -> Output:
    """Set a role's permissions boundary, in place of the one it had; its sessions are bounded at once.

    Raises:
        NoSuchRole, BoundaryDoesNotExist, InvalidInput.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePermissionsBoundary.html
    """
    role = role_to_change(permit, tx, request.role_name, "iam:PutRolePermissionsBoundary")
    refuse_bad_boundary(request.permissions_boundary, tx)
    tx.roles.update(replace(role, permissions_boundary_arn=request.permissions_boundary))
    return {}


def delete_role_permissions_boundary(
    permit: Permit, request: DeleteRolePermissionsBoundaryRequest, tx: Transaction
) -> Output:
    """Take a role's permissions boundary away; a role without one stays as it is.

    Raises:
        NoSuchRole.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRolePermissionsBoundary.html
    """
    role = bounded_role_to_change(permit, tx, request.role_name, "iam:DeleteRolePermissionsBoundary")
    tx.roles.update(replace(role, permissions_boundary_arn=None))
    return {}


def put_user_permissions_boundary(
    permit: Permit, request: PutUserPermissionsBoundaryRequest, tx: Transaction
) -> Output:
    """Set a user's permissions boundary, in place of the one it had.

    Raises:
        NoSuchUser, BoundaryDoesNotExist, InvalidInput.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPermissionsBoundary.html
    """
    user = user_to_change(permit, tx, request.user_name, "iam:PutUserPermissionsBoundary")
    refuse_bad_boundary(request.permissions_boundary, tx)
    tx.users.update(replace(user, permissions_boundary_arn=request.permissions_boundary))
    return {}


def delete_user_permissions_boundary(
    permit: Permit, request: DeleteUserPermissionsBoundaryRequest, tx: Transaction
) -> Output:
    """Take a user's permissions boundary away; a user without one stays as it is.

    Raises:
        NoSuchUser.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUserPermissionsBoundary.html
    """
    user = bounded_user_to_change(permit, tx, request.user_name, "iam:DeleteUserPermissionsBoundary")
    tx.users.update(replace(user, permissions_boundary_arn=None))
    return {}


def _boundary_of_role(name: str, facts: Facts) -> Context:
    role = facts.snapshot.role_named(name)
    return {} if role is None else boundary_key(role.permissions_boundary_arn)


def _boundary_of_user(name: str, facts: Facts) -> Context:
    user = facts.snapshot.user_named(name)
    return {} if user is None else boundary_key(user.permissions_boundary_arn)


OPERATIONS: tuple[Operation, ...] = (
    Write(PutRolePermissionsBoundaryRequest, put_role_boundary_checks, put_role_permissions_boundary),
    Write(
        DeleteRolePermissionsBoundaryRequest,
        on_bounded_role("iam:DeleteRolePermissionsBoundary"),
        delete_role_permissions_boundary,
    ),
    Write(PutUserPermissionsBoundaryRequest, put_user_boundary_checks, put_user_permissions_boundary),
    Write(
        DeleteUserPermissionsBoundaryRequest,
        on_bounded_user("iam:DeleteUserPermissionsBoundary"),
        delete_user_permissions_boundary,
    ),
)
