"""IAM's errors, with AWS's sentences.

AWS: the "Errors" section of each operation in https://docs.aws.amazon.com/IAM/latest/APIReference/
"""

from typing import ClassVar

from tabard.errors import AwsError


class NoSuchEntity(AwsError):
    """The request names something that does not exist."""

    code = "NoSuchEntity"
    status = 404


class NoSuchRole(NoSuchEntity):
    """No role of this name, whatever its case."""

    sentence = "The role with name {role_name} cannot be found."


class NoSuchUser(NoSuchEntity):
    """No user of this name, whatever its case."""

    sentence = "The user with name {user_name} cannot be found."


class NoSuchGroup(NoSuchEntity):
    """No group of this name, whatever its case."""

    sentence = "The group with name {group_name} cannot be found."


class UserNotInGroup(NoSuchEntity):
    """The user is there, and is not in this group."""

    sentence = "The user with name {user_name} is not in the group with name {group_name}."


class NoSuchInstanceProfile(NoSuchEntity):
    """No instance profile of this name, whatever its case."""

    sentence = "Instance Profile {instance_profile_name} cannot be found."


class RoleNotInInstanceProfile(NoSuchEntity):
    """The instance profile holds no role, or another one."""

    sentence = "The role with name {role_name} cannot be found in Instance Profile {instance_profile_name}."


class NoSuchInlinePolicy(NoSuchEntity):
    """The holder, a "role", "user" or "group", has no inline policy of this name."""

    sentence = "The {holder} policy with name {policy_name} cannot be found."


class NoSuchPolicy(NoSuchEntity):
    """No managed policy has this ARN."""

    sentence = "Policy {policy_arn} was not found."


class PolicyNotAttached(NoSuchEntity):
    """The managed policy is not attached to this role, user or group."""

    sentence = "Policy {policy_arn} was not found."


class PolicyDoesNotExist(NoSuchEntity):
    """No managed policy that could be attached has this ARN."""

    sentence = "Policy {policy_arn} does not exist or is not attachable."


class BoundaryDoesNotExist(NoSuchEntity):
    """No managed policy that could be a permissions boundary has this ARN."""

    sentence = "Scope ARN: {policy_arn} does not exist or is not attachable."


class NoSuchPolicyVersion(NoSuchEntity):
    """The managed policy is there, this version of it is not."""

    sentence = "Policy {policy_arn} version {version_id} does not exist or is not attachable."


class NoSuchAccessKey(NoSuchEntity):
    """No key of this id belongs to the user that the request names."""

    sentence = "The Access Key with id {access_key_id} cannot be found."


class NoSuchAccountAlias(NoSuchEntity):
    """The account has no alias, or another one."""

    sentence = "The account alias {account_alias} cannot be found."


class EntityAlreadyExists(AwsError):
    """The name is taken; names are unique without regard to case."""

    code = "EntityAlreadyExists"
    status = 409


class RoleAlreadyExists(EntityAlreadyExists):
    """The role's name is taken."""

    sentence = "Role with name {role_name} already exists."


class UserAlreadyExists(EntityAlreadyExists):
    """The user's name is taken."""

    sentence = "User with name {user_name} already exists."


class GroupAlreadyExists(EntityAlreadyExists):
    """The group's name is taken."""

    sentence = "Group with name {group_name} already exists."


class AccountAliasAlreadyExists(EntityAlreadyExists):
    """This account or another one has the alias."""

    sentence = "The account alias {account_alias} already exists."


class InstanceProfileAlreadyExists(EntityAlreadyExists):
    """The instance profile's name is taken."""

    sentence = "Instance Profile {instance_profile_name} already exists."


class PolicyAlreadyExists(EntityAlreadyExists):
    """The managed policy's name is taken, under this path or another."""

    sentence = "A policy called {policy_name} already exists. Duplicate names are not allowed."


class DeleteConflict(AwsError):
    """Something still hangs on what should be deleted."""

    code = "DeleteConflict"
    status = 409


class RolesInInstanceProfile(DeleteConflict):
    """A role that an instance profile holds, or an instance profile that holds a role."""

    sentence = "Cannot delete entity, must remove roles from instance profile first."


class PoliciesAttached(DeleteConflict):
    """A role, user or group to which managed policies are attached."""

    sentence = "Cannot delete entity, must detach all policies first."


class InlinePoliciesLeft(DeleteConflict):
    """A role, user or group that has inline policies."""

    sentence = "Cannot delete entity, must delete policies first."


class AccessKeysLeft(DeleteConflict):
    """A user who has access keys."""

    sentence = "Cannot delete entity, must delete access keys first."


class UsersInGroup(DeleteConflict):
    """A group that users are in, or a user who is in groups."""

    sentence = "Cannot delete entity, must remove users from group first."


class PolicyInUse(DeleteConflict):
    """A managed policy that is attached to a user, group or role, or is the permissions boundary of one."""

    sentence = "Cannot delete a policy attached to entities."


class PolicyHasVersions(DeleteConflict):
    """A managed policy with more versions than its default one."""

    sentence = (
        "This policy has more than one version. Before you delete a policy, you must delete the policy's "
        "versions. The default version is deleted with the policy."
    )


class DefaultVersionInUse(DeleteConflict):
    """The default version goes with its policy alone."""

    sentence = "Cannot delete the default version of a policy."


class LimitExceeded(AwsError):
    """AWS's quota for this thing is reached. `quota` is the name AWS gives it."""

    code = "LimitExceeded"
    status = 409
    sentence = "Cannot exceed quota for {quota}: {limit}"


class InlinePoliciesTooLarge(LimitExceeded):
    """The inline policies of one role, user or group, taken together."""

    sentence = "Maximum policy size of {limit} bytes exceeded for {holder} {name}"


class TooManyPolicyVersions(LimitExceeded):
    """A managed policy has five versions already."""

    sentence = (
        "A managed policy can have up to {limit} versions. Before you create a new version, you must delete "
        "an existing version."
    )


class InvalidInput(AwsError):
    """A value is not acceptable, though its form is."""

    code = "InvalidInput"
    status = 400
    sentence = "{reason}"


class PolicyOutsideAccount(AwsError):
    """A managed policy of AWS's own can be attached and read, never changed."""

    code = "AccessDenied"
    status = 403
    sentence: ClassVar[str] = "Policy is outside your own account."


class PolicyEvaluation(AwsError):
    """AWS: "The request failed because a provided policy could not be successfully evaluated." """

    code = "PolicyEvaluation"
    fault = "Receiver"
    status = 500
    sentence = "The policy {policy} could not be evaluated: {reason}"
