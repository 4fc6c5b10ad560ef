"""IAM's users and their access keys, operation by operation.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/
"""

from tabard.services.iam.checks import on_everything, on_own_or_named_user, on_user
from tabard.services.iam.groups import memberships
from tabard.services.iam.policies import boundaries
from tabard.services.iam.policies.boundaries import on_bounded_user, on_bounded_user_with_policy
from tabard.services.iam.users import access_keys, users
from tabard.services.iam.users import policies as user_policies
from tabard.services.iam.users import tags as user_tags
from tabard.services.operation import Operation, Read, Write

USERS: tuple[Operation, ...] = (
    Write("CreateUser", users.CreateUserRequest, users.create_user_checks, users.create_user),
    Read("GetUser", users.GetUserRequest, on_own_or_named_user("iam:GetUser"), users.get_user),
    Read("ListUsers", users.ListUsersRequest, on_everything("iam:ListUsers"), users.list_users),
    Write("UpdateUser", users.UpdateUserRequest, users.update_user_checks, users.update_user),
    Write("DeleteUser", users.DeleteUserRequest, on_user("iam:DeleteUser"), users.delete_user),
    Write("TagUser", user_tags.TagUserRequest, user_tags.tag_user_checks, user_tags.tag_user),
    Write("UntagUser", user_tags.UntagUserRequest, user_tags.untag_user_checks, user_tags.untag_user),
    Read(
        "ListUserTags", user_tags.ListUserTagsRequest, on_user("iam:ListUserTags"), user_tags.list_user_tags
    ),
    Write(
        "PutUserPolicy",
        user_policies.PutUserPolicyRequest,
        on_bounded_user("iam:PutUserPolicy"),
        user_policies.put_user_policy,
    ),
    Read(
        "GetUserPolicy",
        user_policies.UserPolicyRequest,
        on_user("iam:GetUserPolicy"),
        user_policies.get_user_policy,
    ),
    Read(
        "ListUserPolicies",
        user_policies.ListUserPoliciesRequest,
        on_user("iam:ListUserPolicies"),
        user_policies.list_user_policies,
    ),
    Write(
        "DeleteUserPolicy",
        user_policies.UserPolicyRequest,
        on_bounded_user("iam:DeleteUserPolicy"),
        user_policies.delete_user_policy,
    ),
    Write(
        "AttachUserPolicy",
        user_policies.UserAttachmentRequest,
        on_bounded_user_with_policy("iam:AttachUserPolicy"),
        user_policies.attach_user_policy,
    ),
    Write(
        "DetachUserPolicy",
        user_policies.UserAttachmentRequest,
        on_bounded_user_with_policy("iam:DetachUserPolicy"),
        user_policies.detach_user_policy,
    ),
    Read(
        "ListAttachedUserPolicies",
        user_policies.ListAttachedUserPoliciesRequest,
        on_user("iam:ListAttachedUserPolicies"),
        user_policies.list_attached_user_policies,
    ),
    Write(
        "PutUserPermissionsBoundary",
        boundaries.PutUserPermissionsBoundaryRequest,
        boundaries.put_user_boundary_checks,
        boundaries.put_user_permissions_boundary,
    ),
    Write(
        "DeleteUserPermissionsBoundary",
        boundaries.DeleteUserPermissionsBoundaryRequest,
        on_bounded_user("iam:DeleteUserPermissionsBoundary"),
        boundaries.delete_user_permissions_boundary,
    ),
    Read(
        "ListGroupsForUser",
        memberships.ListGroupsForUserRequest,
        on_user("iam:ListGroupsForUser"),
        memberships.list_groups_for_user,
    ),
)

ACCESS_KEYS: tuple[Operation, ...] = (
    Write(
        "CreateAccessKey",
        access_keys.CreateAccessKeyRequest,
        on_own_or_named_user("iam:CreateAccessKey"),
        access_keys.create_access_key,
    ),
    Read(
        "ListAccessKeys",
        access_keys.ListAccessKeysRequest,
        on_own_or_named_user("iam:ListAccessKeys"),
        access_keys.list_access_keys,
    ),
    Write(
        "UpdateAccessKey",
        access_keys.UpdateAccessKeyRequest,
        on_own_or_named_user("iam:UpdateAccessKey"),
        access_keys.update_access_key,
    ),
    Write(
        "DeleteAccessKey",
        access_keys.DeleteAccessKeyRequest,
        on_own_or_named_user("iam:DeleteAccessKey"),
        access_keys.delete_access_key,
    ),
)
