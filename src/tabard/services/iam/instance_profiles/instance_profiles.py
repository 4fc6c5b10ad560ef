"""Instance profiles, and the one role each may hold.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2_instance-profiles.html
"""

from collections.abc import Sequence
from dataclasses import replace

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.instance_profile import InstanceProfile
from tabard.names import new_unique_id
from tabard.services.iam.checks import (
    arn_to_be,
    instance_profile_check,
    on_everything,
    on_instance_profile,
    on_role,
    pass_role_check,
    to_make,
)
from tabard.services.iam.entities import (
    instance_profile_seen,
    instance_profile_to_change,
    role_seen,
    role_to_change,
)
from tabard.services.iam.errors import (
    InstanceProfileAlreadyExists,
    LimitExceeded,
    NoSuchRole,
    RoleNotInInstanceProfile,
    RolesInInstanceProfile,
)
from tabard.services.iam.pages import PagedRequest, page, page_in_order
from tabard.services.iam.quotas import ROLES_PER_INSTANCE_PROFILE
from tabard.services.iam.shapes import instance_profile_shape, whole_instance_profile_shape
from tabard.services.iam.tags import TagInput, minding_case, requested_tags, with_tags
from tabard.services.operation import Facts, Operation, Output, Read, Request, Write
from tabard.store.listings import by_name
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot


class CreateInstanceProfileRequest(Request, frozen=True, kw_only=True):
    """Makes an instance profile that holds no role yet."""

    instance_profile_name: str
    path: str = "/"
    tags: tuple[TagInput, ...] = ()


class InstanceProfileRequest(Request, frozen=True, kw_only=True):
    """GetInstanceProfile, DeleteInstanceProfile."""

    instance_profile_name: str


class ListInstanceProfilesRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists the instance profiles whose path begins with `path_prefix`."""

    path_prefix: str = "/"


class ListInstanceProfilesForRoleRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists the instance profiles that hold a role."""

    role_name: str


class InstanceProfileRoleRequest(Request, frozen=True, kw_only=True):
    """AddRoleToInstanceProfile, RemoveRoleFromInstanceProfile."""

    instance_profile_name: str
    role_name: str


def create_instance_profile_checks(request: CreateInstanceProfileRequest, facts: Facts) -> Sequence[Check]:
    """iam:CreateInstanceProfile, and iam:TagInstanceProfile if the request tags it, on the ARN to be."""
    arn = arn_to_be("instance-profile", request.instance_profile_name, facts, path=request.path)
    return to_make(("iam:CreateInstanceProfile", "iam:TagInstanceProfile"), arn, request.tags)


def add_role_checks(request: InstanceProfileRoleRequest, facts: Facts) -> Sequence[Check]:
    """iam:AddRoleToInstanceProfile on the instance profile, and iam:PassRole on the role.

    AWS: "The caller of this operation must be granted the PassRole permission on the IAM role by a
    permissions policy." For iam:AssociatedResourceArn, "the ARN value must be
    arn:aws:ec2:*:CallerAccountId:instance/*".
    """
    any_instance = f"arn:{facts.partition}:ec2:*:{facts.account_id}:instance/*"
    return (
        instance_profile_check("iam:AddRoleToInstanceProfile", request.instance_profile_name, facts),
        pass_role_check(request.role_name, facts, associated_resource_arn=any_instance),
    )


def create_instance_profile(permit: Permit, request: CreateInstanceProfileRequest, tx: Transaction) -> Output:
    """Make an instance profile without a role.

    Raises:
        InstanceProfileAlreadyExists, InvalidInput.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateInstanceProfile.html
    """
    tags = with_tags((), requested_tags(request.tags, minding_case), minding_case)
    if tx.instance_profiles.named(request.instance_profile_name) is not None:
        raise InstanceProfileAlreadyExists(instance_profile_name=request.instance_profile_name)
    instance_profile = InstanceProfile(
        instance_profile_id=new_unique_id("AIPA"),
        name=request.instance_profile_name,
        path=request.path,
        partition=permit.partition,
        account_id=permit.account_id,
        created_at=permit.now.replace(microsecond=0),
        tags=tags,
    )
    permit.require("iam:CreateInstanceProfile", instance_profile.arn)
    tx.instance_profiles.insert(instance_profile)
    return {"InstanceProfile": whole_instance_profile_shape(instance_profile, tx.roles.get)}


def get_instance_profile(_permit: Permit, request: InstanceProfileRequest, snapshot: Snapshot) -> Output:
    """Return one instance profile, with the role it holds.

    Raises:
        NoSuchInstanceProfile.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetInstanceProfile.html
    """
    instance_profile = instance_profile_seen(snapshot, request.instance_profile_name)
    return {"InstanceProfile": whole_instance_profile_shape(instance_profile, snapshot.roles.get)}


def list_instance_profiles(
    _permit: Permit, request: ListInstanceProfilesRequest, snapshot: Snapshot
) -> Output:
    """Return a page of the instance profiles under a path, by name.

    Raises:
        ValidationError: the marker is not this list's.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfiles.html
    """
    every = snapshot.indexes.listings.instance_profiles
    found = page_in_order(
        lambda after: every.under(request.path_prefix, key=after),
        by_name,
        request,
        listing="instance-profiles",
    )
    return _shapes(*found, snapshot)


def list_instance_profiles_for_role(
    _permit: Permit, request: ListInstanceProfilesForRoleRequest, snapshot: Snapshot
) -> Output:
    """Return a page of the instance profiles that hold a role.

    Raises:
        NoSuchRole.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfilesForRole.html
    """
    role = role_seen(snapshot, request.role_name)
    holding = snapshot.instance_profiles_holding(role.role_id)
    found = page(holding, lambda one: one.name.lower(), request, listing="instance-profiles-for-role")
    return _shapes(*found, snapshot)


def _shapes(shown: Sequence[InstanceProfile], truncation: Output, snapshot: Snapshot) -> Output:
    shapes = [instance_profile_shape(one, snapshot.roles.get) for one in shown]
    return {"InstanceProfiles": shapes, **truncation}


def delete_instance_profile(permit: Permit, request: InstanceProfileRequest, tx: Transaction) -> Output:
    """Delete an instance profile that holds no role, even where instances are associated with it.

    Raises:
        NoSuchInstanceProfile, RolesInInstanceProfile.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteInstanceProfile.html
    """
    instance_profile = instance_profile_to_change(
        permit, tx, request.instance_profile_name, "iam:DeleteInstanceProfile"
    )
    if instance_profile.role_id is not None:
        raise RolesInInstanceProfile
    tx.instance_profiles.delete(instance_profile.instance_profile_id)
    return {}


def add_role_to_instance_profile(
    permit: Permit, request: InstanceProfileRoleRequest, tx: Transaction
) -> Output:
    """Put a role into an instance profile; instances associated with it get the role's sessions.

    Raises:
        NoSuchInstanceProfile, NoSuchRole; LimitExceeded: it holds a role already.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddRoleToInstanceProfile.html
    Differs: no eventual consistency; associated instances see the role at once.
    """
    instance_profile = instance_profile_to_change(
        permit, tx, request.instance_profile_name, "iam:AddRoleToInstanceProfile"
    )
    role = role_to_change(permit, tx, request.role_name, "iam:PassRole")
    if instance_profile.role_id is not None:
        raise LimitExceeded(quota="InstanceSessionsPerInstanceProfile", limit=ROLES_PER_INSTANCE_PROFILE)
    tx.instance_profiles.update(replace(instance_profile, role_id=role.role_id))
    return {}


def remove_role_from_instance_profile(
    permit: Permit, request: InstanceProfileRoleRequest, tx: Transaction
) -> Output:
    """Take the role out of an instance profile; its instances are served no session from then on.

    Sessions that are out live until they expire, as AWS's do.

    Raises:
        NoSuchInstanceProfile, NoSuchRole, RoleNotInInstanceProfile.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_RemoveRoleFromInstanceProfile.html
    """
    instance_profile = instance_profile_to_change(
        permit, tx, request.instance_profile_name, "iam:RemoveRoleFromInstanceProfile"
    )
    role = tx.roles.named(request.role_name)
    if role is None:
        raise NoSuchRole(role_name=request.role_name)
    if instance_profile.role_id != role.role_id:
        raise RoleNotInInstanceProfile(role_name=role.name, instance_profile_name=instance_profile.name)
    tx.instance_profiles.update(replace(instance_profile, role_id=None))
    return {}


OPERATIONS: tuple[Operation, ...] = (
    Write(
        CreateInstanceProfileRequest,
        create_instance_profile_checks,
        create_instance_profile,
        actions=("iam:CreateInstanceProfile", "iam:TagInstanceProfile"),
    ),
    Read(InstanceProfileRequest, on_instance_profile("iam:GetInstanceProfile"), get_instance_profile),
    Read(ListInstanceProfilesRequest, on_everything("iam:ListInstanceProfiles"), list_instance_profiles),
    Read(
        ListInstanceProfilesForRoleRequest,
        on_role("iam:ListInstanceProfilesForRole"),
        list_instance_profiles_for_role,
    ),
    Write(InstanceProfileRequest, on_instance_profile("iam:DeleteInstanceProfile"), delete_instance_profile),
    Write(
        InstanceProfileRoleRequest,
        add_role_checks,
        add_role_to_instance_profile,
        actions=("iam:AddRoleToInstanceProfile", "iam:PassRole"),
    ),
    Write(
        InstanceProfileRoleRequest,
        on_instance_profile("iam:RemoveRoleFromInstanceProfile"),
        remove_role_from_instance_profile,
    ),
)
