"""IAM's entities as AWS answers them, by AWS's member names.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_Types.html. Lists leave out what only a Get
answers: "this operation does not return the following attributes, even though they are an attribute of the
returned object".
"""

from collections.abc import Callable

from tabard.model.access_key import AccessKey
from tabard.model.group import Group
from tabard.model.instance_profile import InstanceProfile
from tabard.model.policies import ManagedPolicy, PolicyVersion
from tabard.model.role import Role
from tabard.model.user import User
from tabard.services.iam.documents import encoded
from tabard.services.iam.tags import tag_shapes

Shape = dict[str, object]
FindRole = Callable[[str], Role | None]


def role_shape(role: Role) -> Shape:
    """Return a Role as lists have it."""
    shape: Shape = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.role_id,
        "Arn": role.arn,
        "CreateDate": role.created_at,
        "AssumeRolePolicyDocument": encoded(role.trust_policy),
        "MaxSessionDuration": role.max_session_duration_seconds,
    }
    if role.description:
        shape["Description"] = role.description
    return shape


def whole_role_shape(role: Role) -> Shape:
    """Return a Role as GetRole has it.

    Differs: RoleLastUsed is always empty.
    """
    return {**role_shape(role), **bounded(role), **_tagged(role), "RoleLastUsed": {}}


def instance_profile_shape(instance_profile: InstanceProfile, find_role: FindRole) -> Shape:
    """Return an InstanceProfile as lists have it, with the role it holds."""
    role = None if instance_profile.role_id is None else find_role(instance_profile.role_id)
    return {
        "Path": instance_profile.path,
        "InstanceProfileName": instance_profile.name,
        "InstanceProfileId": instance_profile.instance_profile_id,
        "Arn": instance_profile.arn,
        "CreateDate": instance_profile.created_at,
        "Roles": [] if role is None else [role_shape(role)],
    }


def whole_instance_profile_shape(instance_profile: InstanceProfile, find_role: FindRole) -> Shape:
    """Return an InstanceProfile as GetInstanceProfile has it."""
    return {**instance_profile_shape(instance_profile, find_role), **_tagged(instance_profile)}


def user_shape(user: User) -> Shape:
    """Return a User as lists have it."""
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.user_id,
        "Arn": user.arn,
        "CreateDate": user.created_at,
    }


def whole_user_shape(user: User) -> Shape:
    """Return a User as GetUser has it."""
    return {**user_shape(user), **bounded(user), **_tagged(user)}


def group_shape(group: Group) -> Shape:
    """Return a Group; AWS answers it alike everywhere."""
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.group_id,
        "Arn": group.arn,
        "CreateDate": group.created_at,
    }


def policy_shape(policy: ManagedPolicy, *, attached: int, bounds: int) -> Shape:
    """Return a Policy as lists have it: to how many it is attached, and of how many it is the boundary."""
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.policy_id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": policy.default_version_id,
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": bounds,
        "IsAttachable": True,
        "CreateDate": policy.created_at,
        "UpdateDate": policy.updated_at,
    }


def whole_policy_shape(policy: ManagedPolicy, *, attached: int, bounds: int) -> Shape:
    """Return a Policy as GetPolicy has it."""
    shape = {**policy_shape(policy, attached=attached, bounds=bounds), **_tagged(policy)}
    if policy.description:
        shape["Description"] = policy.description
    return shape


def version_shape(policy: ManagedPolicy, version: PolicyVersion) -> Shape:
    """Return a PolicyVersion as lists have it, without its document."""
    return {
        "VersionId": version.version_id,
        "IsDefaultVersion": version.version_id == policy.default_version_id,
        "CreateDate": version.created_at,
    }


def access_key_shape(access_key: AccessKey, user_name: str | None) -> Shape:
    """Return an access key's metadata; the root's key has no user name."""
    shape: Shape = {
        "AccessKeyId": access_key.access_key_id,
        "Status": access_key.status.value,
        "CreateDate": access_key.created_at,
    }
    return shape if user_name is None else {"UserName": user_name, **shape}


def bounded(entity: Role | User) -> Shape:
    """Return the member `PermissionsBoundary` of a role or user that has one."""
    if entity.permissions_boundary_arn is None:
        return {}
    return {
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": entity.permissions_boundary_arn,
        }
    }


def _tagged(entity: Role | User | InstanceProfile | ManagedPolicy) -> Shape:
    return {"Tags": tag_shapes(entity.tags)} if entity.tags else {}
