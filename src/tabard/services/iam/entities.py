"""Finding the entity that a request names, in a snapshot to read it, in a transaction to change it.

INVARIANT: what is changed is what was decided about: inside the transaction the permit must cover the ARN
that the entity has now.
"""

from collections.abc import Mapping

from tabard.access.authorize import Permit
from tabard.model.group import Group
from tabard.model.instance_profile import InstanceProfile
from tabard.model.policies import ManagedPolicy
from tabard.model.role import Role
from tabard.model.user import User
from tabard.names import Arn
from tabard.services.iam.errors import (
    InvalidInput,
    NoSuchGroup,
    NoSuchInstanceProfile,
    NoSuchPolicy,
    NoSuchRole,
    NoSuchUser,
    PolicyOutsideAccount,
)
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

BOUNDARY_KEY = "iam:permissionsboundary"


def role_seen(snapshot: Snapshot, name: str) -> Role:
    """Return the role of this name. Raises NoSuchRole."""
    role = snapshot.role_named(name)
    if role is None:
        raise NoSuchRole(role_name=name)
    return role


def role_to_change(permit: Permit, tx: Transaction, name: str, action: str) -> Role:
    """Return the current role of this name. Raises NoSuchRole; AccessDenied if it became another."""
    role = tx.roles.named(name)
    if role is None:
        raise NoSuchRole(role_name=name)
    permit.require(action, role.arn)
    return role


def bounded_role_to_change(permit: Permit, tx: Transaction, name: str, action: str) -> Role:
    """Return the same, and only under the permissions boundary that the decision saw."""
    role = role_to_change(permit, tx, name, action)
    permit.require(action, role.arn, boundary_seen(role.permissions_boundary_arn))
    return role


def user_seen(snapshot: Snapshot, name: str) -> User:
    """Return the user of this name. Raises NoSuchUser."""
    user = snapshot.user_named(name)
    if user is None:
        raise NoSuchUser(user_name=name)
    return user


def user_to_change(permit: Permit, tx: Transaction, name: str, action: str) -> User:
    """Return the current user of this name. Raises NoSuchUser; AccessDenied if it became another."""
    user = tx.users.named(name)
    if user is None:
        raise NoSuchUser(user_name=name)
    permit.require(action, user.arn)
    return user


def bounded_user_to_change(permit: Permit, tx: Transaction, name: str, action: str) -> User:
    """Return the same, and only under the permissions boundary that the decision saw."""
    user = user_to_change(permit, tx, name, action)
    permit.require(action, user.arn, boundary_seen(user.permissions_boundary_arn))
    return user


def boundary_seen(arn: str | None) -> Mapping[str, tuple[str, ...] | None]:
    """Return the value of `iam:PermissionsBoundary` in a decision about a role or user with this boundary."""
    return {BOUNDARY_KEY: None if arn is None else (arn,)}


def group_seen(snapshot: Snapshot, name: str) -> Group:
    """Return the group of this name. Raises NoSuchGroup."""
    group = snapshot.group_named(name)
    if group is None:
        raise NoSuchGroup(group_name=name)
    return group


def group_to_change(permit: Permit, tx: Transaction, name: str, action: str) -> Group:
    """Return the current group of this name. Raises NoSuchGroup; AccessDenied if it became another."""
    group = tx.groups.named(name)
    if group is None:
        raise NoSuchGroup(group_name=name)
    permit.require(action, group.arn)
    return group


def instance_profile_seen(snapshot: Snapshot, name: str) -> InstanceProfile:
    """Return the instance profile of this name. Raises NoSuchInstanceProfile."""
    instance_profile = snapshot.instance_profile_named(name)
    if instance_profile is None:
        raise NoSuchInstanceProfile(instance_profile_name=name)
    return instance_profile


def instance_profile_to_change(permit: Permit, tx: Transaction, name: str, action: str) -> InstanceProfile:
    """Return the current instance profile of this name. Raises NoSuchInstanceProfile; AccessDenied."""
    instance_profile = tx.instance_profiles.named(name)
    if instance_profile is None:
        raise NoSuchInstanceProfile(instance_profile_name=name)
    permit.require(action, instance_profile.arn)
    return instance_profile


def policy_seen(snapshot: Snapshot, arn: str) -> ManagedPolicy:
    """Return the managed policy of this ARN. Raises NoSuchPolicy; InvalidInput if it is no policy's ARN."""
    refuse_other_than_policy_arn(arn)
    policy = snapshot.managed_policies.get(arn)
    if policy is None:
        raise NoSuchPolicy(policy_arn=arn)
    return policy


def policy_to_change(permit: Permit, tx: Transaction, arn: str, action: str) -> ManagedPolicy:
    """Return the customer-managed policy of this ARN as it is now.

    Raises:
        NoSuchPolicy; InvalidInput; PolicyOutsideAccount: AWS's own policies cannot be changed.
    """
    refuse_other_than_policy_arn(arn)
    policy = tx.managed_policies.get(arn)
    if policy is None:
        raise NoSuchPolicy(policy_arn=arn)
    permit.require(action, policy.arn)
    if policy.account_id != permit.account_id:
        raise PolicyOutsideAccount
    return policy


def refuse_other_than_policy_arn(text: str) -> None:
    """Raises InvalidInput where `text` is not the ARN of a managed policy."""
    arn = Arn.parse(text)
    if arn is None or arn.service != "iam" or arn.region or not arn.resource.startswith("policy/"):
        raise InvalidInput(reason=f"ARN {text} is not valid.")
