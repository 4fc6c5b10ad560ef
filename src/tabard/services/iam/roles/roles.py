"""Roles: making, reading, changing and deleting them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.credentials.keyring import LONGEST_SESSION
from tabard.model.revocation import Revocation
from tabard.model.role import Role
from tabard.names import new_unique_id
from tabard.services.iam.checks import arn_to_be, on_everything, on_role, to_make
from tabard.services.iam.documents import refuse_bad_trust_policy
from tabard.services.iam.entities import role_seen, role_to_change
from tabard.services.iam.errors import (
    InlinePoliciesLeft,
    InvalidInput,
    PoliciesAttached,
    RoleAlreadyExists,
    RolesInInstanceProfile,
)
from tabard.services.iam.pages import PagedRequest, page_in_order
from tabard.services.iam.policies.boundaries import boundary_key, refuse_bad_boundary
from tabard.services.iam.roles.trusted_principals import trusted_principals
from tabard.services.iam.shapes import bounded, role_shape, whole_role_shape
from tabard.services.iam.tags import TagInput, ignoring_case, requested_tags, tag_shapes, with_tags
from tabard.services.operation import Facts, Operation, Output, Read, Request, Write
from tabard.store.listings import by_name
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

DEFAULT_MAX_SESSION_DURATION_SECONDS = 3600
SERVICE_LINKED_PATH = "/aws-service-role/"

REVOCATION_KEPT = LONGEST_SESSION + timedelta(hours=1)
"""The mark outlives every session it ends; clocks differ a little."""


class CreateRoleRequest(Request, frozen=True, kw_only=True):
    """`max_session_duration` is in seconds, 3,600 to 43,200."""

    role_name: str
    assume_role_policy_document: str
    path: str = "/"
    description: str = ""
    max_session_duration: int = DEFAULT_MAX_SESSION_DURATION_SECONDS
    permissions_boundary: str | None = None
    tags: tuple[TagInput, ...] = ()


class RoleRequest(Request, frozen=True, kw_only=True):
    """GetRole, DeleteRole."""

    role_name: str


class ListRolesRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists the roles whose path begins with `path_prefix`."""

    path_prefix: str = "/"


class UpdateRoleRequest(Request, frozen=True, kw_only=True):
    """`max_session_duration` is in seconds, 3,600 to 43,200."""

    role_name: str
    description: str | None = None
    max_session_duration: int | None = None


class UpdateRoleDescriptionRequest(Request, frozen=True, kw_only=True):
    """The description may be empty."""

    role_name: str
    description: str


class UpdateAssumeRolePolicyRequest(Request, frozen=True, kw_only=True):
    """`policy_document` is the new trust policy."""

    role_name: str
    policy_document: str


def create_role_checks(request: CreateRoleRequest, facts: Facts) -> Sequence[Check]:
    """iam:CreateRole, and iam:TagRole if the request tags it, on the ARN that the role will have."""
    arn = arn_to_be("role", request.role_name, facts, path=request.path)
    boundary = boundary_key(request.permissions_boundary)
    return to_make(("iam:CreateRole", "iam:TagRole"), arn, request.tags, boundary)


def create_role(permit: Permit, request: CreateRoleRequest, tx: Transaction) -> Output:
    """Make a role.

    Raises:
        RoleAlreadyExists, MalformedPolicyDocument, LimitExceeded, InvalidInput, BoundaryDoesNotExist.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
    """
    if request.path.lower().startswith(SERVICE_LINKED_PATH):
        raise InvalidInput(reason=f"The path {SERVICE_LINKED_PATH} is reserved for service-linked roles.")
    refuse_bad_trust_policy(request.assume_role_policy_document)
    tags = with_tags((), requested_tags(request.tags, ignoring_case), ignoring_case)
    if tx.roles.named(request.role_name) is not None:
        raise RoleAlreadyExists(role_name=request.role_name)
    refuse_bad_boundary(request.permissions_boundary, tx)
    trusted = trusted_principals(permit, request.assume_role_policy_document, tx)
    role = Role(
        role_id=new_unique_id("AROA"),
        name=request.role_name,
        path=request.path,
        partition=permit.partition,
        account_id=permit.account_id,
        description=request.description,
        trust_policy=request.assume_role_policy_document,
        trusted=trusted,
        max_session_duration_seconds=request.max_session_duration,
        created_at=permit.now.replace(microsecond=0),
        permissions_boundary_arn=request.permissions_boundary,
        tags=tags,
    )
    permit.require("iam:CreateRole", role.arn)
    tx.roles.insert(role)
    return {"Role": {**role_shape(role), **bounded(role), **({"Tags": tag_shapes(tags)} if tags else {})}}


def get_role(_permit: Permit, request: RoleRequest, snapshot: Snapshot) -> Output:
    """Return one role, with its trust policy.

    Raises:
        NoSuchRole.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html
    """
    return {"Role": whole_role_shape(role_seen(snapshot, request.role_name))}


def list_roles(_permit: Permit, request: ListRolesRequest, snapshot: Snapshot) -> Output:
    """Return a page of the roles under a path, by name.

    Raises:
        ValidationError: the marker is not this list's.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html
    """
    every = snapshot.indexes.listings.roles
    roles, truncation = page_in_order(
        lambda after: every.under(request.path_prefix, key=after), by_name, request, listing="roles"
    )
    return {"Roles": [role_shape(role) for role in roles], **truncation}


def update_role(permit: Permit, request: UpdateRoleRequest, tx: Transaction) -> Output:
    """Change a role's description or maximum session duration; what the request leaves out stays as it is.

    Raises:
        NoSuchRole.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html
    """
    role = role_to_change(permit, tx, request.role_name, "iam:UpdateRole")
    if request.description is not None:
        role = replace(role, description=request.description)
    if request.max_session_duration is not None:
        role = replace(role, max_session_duration_seconds=request.max_session_duration)
    tx.roles.update(role)
    return {}


def update_role_description(permit: Permit, request: UpdateRoleDescriptionRequest, tx: Transaction) -> Output:
    """Change a role's description, and answer the role.

    Raises:
        NoSuchRole.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRoleDescription.html
    """
    role = role_to_change(permit, tx, request.role_name, "iam:UpdateRoleDescription")
    changed = replace(role, description=request.description)
    tx.roles.update(changed)
    return {"Role": role_shape(changed)}


def update_assume_role_policy(
    permit: Permit, request: UpdateAssumeRolePolicyRequest, tx: Transaction
) -> Output:
    """Replace a role's trust policy; sessions that are out stay valid, as AWS's do.

    Raises:
        NoSuchRole, MalformedPolicyDocument, LimitExceeded.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAssumeRolePolicy.html
    """
    role = role_to_change(permit, tx, request.role_name, "iam:UpdateAssumeRolePolicy")
    refuse_bad_trust_policy(request.policy_document)
    trusted = trusted_principals(permit, request.policy_document, tx)
    tx.roles.update(replace(role, trust_policy=request.policy_document, trusted=trusted))
    return {}


def delete_role(permit: Permit, request: RoleRequest, tx: Transaction) -> Output:
    """Delete a role that has no policies and is in no instance profile; its sessions end at once.

    Raises:
        NoSuchRole, RolesInInstanceProfile, PoliciesAttached, InlinePoliciesLeft.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html
    """
    role = role_to_change(permit, tx, request.role_name, "iam:DeleteRole")
    if tx.instance_profiles.holding(role.role_id):
        raise RolesInInstanceProfile
    if role.attached_policy_arns:
        raise PoliciesAttached
    if role.inline_policies:
        raise InlinePoliciesLeft
    tx.roles.delete(role.role_id)
    tx.revocations.record(
        Revocation(
            subject="role",
            subject_id=role.role_id,
            not_before=permit.now,
            forget_after=permit.now + REVOCATION_KEPT,
        )
    )
    return {}


OPERATIONS: tuple[Operation, ...] = (
    Write(CreateRoleRequest, create_role_checks, create_role, actions=("iam:CreateRole", "iam:TagRole")),
    Read(RoleRequest, on_role("iam:GetRole"), get_role),
    Read(ListRolesRequest, on_everything("iam:ListRoles"), list_roles),
    Write(UpdateRoleRequest, on_role("iam:UpdateRole"), update_role),
    Write(UpdateRoleDescriptionRequest, on_role("iam:UpdateRoleDescription"), update_role_description),
    Write(UpdateAssumeRolePolicyRequest, on_role("iam:UpdateAssumeRolePolicy"), update_assume_role_policy),
    Write(RoleRequest, on_role("iam:DeleteRole"), delete_role),
)
