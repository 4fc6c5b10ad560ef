"""IAM, operation by operation.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/
"""

from tabard.services.iam import account_aliases
from tabard.services.iam.checks import (
    on_everything,
    on_instance_profile,
    on_policy,
    on_role,
)
from tabard.services.iam.groups.operations import GROUPS
from tabard.services.iam.instance_profiles import instance_profiles
from tabard.services.iam.instance_profiles import tags as instance_profile_tags
from tabard.services.iam.policies import boundaries, policies
from tabard.services.iam.policies import entities as policy_entities
from tabard.services.iam.policies import versions as policy_versions
from tabard.services.iam.policies.boundaries import (
    on_bounded_role,
    on_bounded_role_with_policy,
)
from tabard.services.iam.roles import policies as role_policies
from tabard.services.iam.roles import roles
from tabard.services.iam.roles import tags as role_tags
from tabard.services.iam.simulation.operations import SIMULATIONS
from tabard.services.iam.users.operations import ACCESS_KEYS, USERS
from tabard.services.operation import Operation, Read, Write

_Operations = tuple[Operation, ...]

_ROLES: _Operations = (
    Write("CreateRole", roles.CreateRoleRequest, roles.create_role_checks, roles.create_role),
    Read("GetRole", roles.RoleRequest, on_role("iam:GetRole"), roles.get_role),
    Read("ListRoles", roles.ListRolesRequest, on_everything("iam:ListRoles"), roles.list_roles),
    Write("UpdateRole", roles.UpdateRoleRequest, on_role("iam:UpdateRole"), roles.update_role),
    Write(
        "UpdateRoleDescription",
        roles.UpdateRoleDescriptionRequest,
        on_role("iam:UpdateRoleDescription"),
        roles.update_role_description,
    ),
    Write(
        "UpdateAssumeRolePolicy",
        roles.UpdateAssumeRolePolicyRequest,
        on_role("iam:UpdateAssumeRolePolicy"),
        roles.update_assume_role_policy,
    ),
    Write("DeleteRole", roles.RoleRequest, on_role("iam:DeleteRole"), roles.delete_role),
    Write("TagRole", role_tags.TagRoleRequest, role_tags.tag_role_checks, role_tags.tag_role),
    Write("UntagRole", role_tags.UntagRoleRequest, role_tags.untag_role_checks, role_tags.untag_role),
    Read(
        "ListRoleTags", role_tags.ListRoleTagsRequest, on_role("iam:ListRoleTags"), role_tags.list_role_tags
    ),
    Write(
        "PutRolePolicy",
        role_policies.PutRolePolicyRequest,
        on_bounded_role("iam:PutRolePolicy"),
        role_policies.put_role_policy,
    ),
    Read(
        "GetRolePolicy",
        role_policies.RolePolicyRequest,
        on_role("iam:GetRolePolicy"),
        role_policies.get_role_policy,
    ),
    Read(
        "ListRolePolicies",
        role_policies.ListRolePoliciesRequest,
        on_role("iam:ListRolePolicies"),
        role_policies.list_role_policies,
    ),
    Write(
        "DeleteRolePolicy",
        role_policies.RolePolicyRequest,
        on_bounded_role("iam:DeleteRolePolicy"),
        role_policies.delete_role_policy,
    ),
    Write(
        "AttachRolePolicy",
        role_policies.RoleAttachmentRequest,
        on_bounded_role_with_policy("iam:AttachRolePolicy"),
        role_policies.attach_role_policy,
    ),
    Write(
        "DetachRolePolicy",
        role_policies.RoleAttachmentRequest,
        on_bounded_role_with_policy("iam:DetachRolePolicy"),
        role_policies.detach_role_policy,
    ),
    Read(
        "ListAttachedRolePolicies",
        role_policies.ListAttachedRolePoliciesRequest,
        on_role("iam:ListAttachedRolePolicies"),
        role_policies.list_attached_role_policies,
    ),
    Write(
        "PutRolePermissionsBoundary",
        boundaries.PutRolePermissionsBoundaryRequest,
        boundaries.put_role_boundary_checks,
        boundaries.put_role_permissions_boundary,
    ),
    Write(
        "DeleteRolePermissionsBoundary",
        boundaries.DeleteRolePermissionsBoundaryRequest,
        on_bounded_role("iam:DeleteRolePermissionsBoundary"),
        boundaries.delete_role_permissions_boundary,
    ),
)

_POLICIES: _Operations = (
    Write(
        "CreatePolicy", policies.CreatePolicyRequest, policies.create_policy_checks, policies.create_policy
    ),
    Read("GetPolicy", policies.PolicyRequest, on_policy("iam:GetPolicy"), policies.get_policy),
    Read(
        "ListPolicies",
        policies.ListPoliciesRequest,
        on_everything("iam:ListPolicies"),
        policies.list_policies,
    ),
    Write("DeletePolicy", policies.PolicyRequest, on_policy("iam:DeletePolicy"), policies.delete_policy),
    Write(
        "CreatePolicyVersion",
        policy_versions.CreatePolicyVersionRequest,
        on_policy("iam:CreatePolicyVersion"),
        policy_versions.create_policy_version,
    ),
    Read(
        "GetPolicyVersion",
        policy_versions.PolicyVersionRequest,
        on_policy("iam:GetPolicyVersion"),
        policy_versions.get_policy_version,
    ),
    Read(
        "ListPolicyVersions",
        policy_versions.ListPolicyVersionsRequest,
        on_policy("iam:ListPolicyVersions"),
        policy_versions.list_policy_versions,
    ),
    Write(
        "DeletePolicyVersion",
        policy_versions.PolicyVersionRequest,
        on_policy("iam:DeletePolicyVersion"),
        policy_versions.delete_policy_version,
    ),
    Write(
        "SetDefaultPolicyVersion",
        policy_versions.PolicyVersionRequest,
        on_policy("iam:SetDefaultPolicyVersion"),
        policy_versions.set_default_policy_version,
    ),
    Read(
        "ListEntitiesForPolicy",
        policy_entities.ListEntitiesForPolicyRequest,
        on_policy("iam:ListEntitiesForPolicy"),
        policy_entities.list_entities_for_policy,
    ),
)

_INSTANCE_PROFILES: _Operations = (
    Write(
        "CreateInstanceProfile",
        instance_profiles.CreateInstanceProfileRequest,
        instance_profiles.create_instance_profile_checks,
        instance_profiles.create_instance_profile,
    ),
    Read(
        "GetInstanceProfile",
        instance_profiles.InstanceProfileRequest,
        on_instance_profile("iam:GetInstanceProfile"),
        instance_profiles.get_instance_profile,
    ),
    Read(
        "ListInstanceProfiles",
        instance_profiles.ListInstanceProfilesRequest,
        on_everything("iam:ListInstanceProfiles"),
        instance_profiles.list_instance_profiles,
    ),
    Read(
        "ListInstanceProfilesForRole",
        instance_profiles.ListInstanceProfilesForRoleRequest,
        on_role("iam:ListInstanceProfilesForRole"),
        instance_profiles.list_instance_profiles_for_role,
    ),
    Write(
        "DeleteInstanceProfile",
        instance_profiles.InstanceProfileRequest,
        on_instance_profile("iam:DeleteInstanceProfile"),
        instance_profiles.delete_instance_profile,
    ),
    Write(
        "AddRoleToInstanceProfile",
        instance_profiles.InstanceProfileRoleRequest,
        instance_profiles.add_role_checks,
        instance_profiles.add_role_to_instance_profile,
    ),
    Write(
        "RemoveRoleFromInstanceProfile",
        instance_profiles.InstanceProfileRoleRequest,
        on_instance_profile("iam:RemoveRoleFromInstanceProfile"),
        instance_profiles.remove_role_from_instance_profile,
    ),
    Write(
        "TagInstanceProfile",
        instance_profile_tags.TagInstanceProfileRequest,
        instance_profile_tags.tag_instance_profile_checks,
        instance_profile_tags.tag_instance_profile,
    ),
    Write(
        "UntagInstanceProfile",
        instance_profile_tags.UntagInstanceProfileRequest,
        instance_profile_tags.untag_instance_profile_checks,
        instance_profile_tags.untag_instance_profile,
    ),
    Read(
        "ListInstanceProfileTags",
        instance_profile_tags.ListInstanceProfileTagsRequest,
        on_instance_profile("iam:ListInstanceProfileTags"),
        instance_profile_tags.list_instance_profile_tags,
    ),
)

OPERATIONS: _Operations = (
    *_ROLES,
    *_POLICIES,
    *_INSTANCE_PROFILES,
    *USERS,
    *GROUPS,
    *ACCESS_KEYS,
    *SIMULATIONS,
    *account_aliases.OPERATIONS,
)
