"""IAM's groups, operation by operation.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/
"""

from tabard.services.iam.checks import on_everything, on_group, on_group_with_policy
from tabard.services.iam.groups import groups, memberships
from tabard.services.iam.groups import policies as group_policies
from tabard.services.operation import Operation, Read, Write

GROUPS: tuple[Operation, ...] = (
    Write("CreateGroup", groups.CreateGroupRequest, groups.create_group_checks, groups.create_group),
    Read("GetGroup", groups.GetGroupRequest, on_group("iam:GetGroup"), groups.get_group),
    Read("ListGroups", groups.ListGroupsRequest, on_everything("iam:ListGroups"), groups.list_groups),
    Write("UpdateGroup", groups.UpdateGroupRequest, groups.update_group_checks, groups.update_group),
    Write("DeleteGroup", groups.DeleteGroupRequest, on_group("iam:DeleteGroup"), groups.delete_group),
    Write(
        "AddUserToGroup",
        memberships.GroupUserRequest,
        on_group("iam:AddUserToGroup"),
        memberships.add_user_to_group,
    ),
    Write(
        "RemoveUserFromGroup",
        memberships.GroupUserRequest,
        on_group("iam:RemoveUserFromGroup"),
        memberships.remove_user_from_group,
    ),
    Write(
        "PutGroupPolicy",
        group_policies.PutGroupPolicyRequest,
        on_group("iam:PutGroupPolicy"),
        group_policies.put_group_policy,
    ),
    Read(
        "GetGroupPolicy",
        group_policies.GroupPolicyRequest,
        on_group("iam:GetGroupPolicy"),
        group_policies.get_group_policy,
    ),
    Read(
        "ListGroupPolicies",
        group_policies.ListGroupPoliciesRequest,
        on_group("iam:ListGroupPolicies"),
        group_policies.list_group_policies,
    ),
    Write(
        "DeleteGroupPolicy",
        group_policies.GroupPolicyRequest,
        on_group("iam:DeleteGroupPolicy"),
        group_policies.delete_group_policy,
    ),
    Write(
        "AttachGroupPolicy",
        group_policies.GroupAttachmentRequest,
        on_group_with_policy("iam:AttachGroupPolicy"),
        group_policies.attach_group_policy,
    ),
    Write(
        "DetachGroupPolicy",
        group_policies.GroupAttachmentRequest,
        on_group_with_policy("iam:DetachGroupPolicy"),
        group_policies.detach_group_policy,
    ),
    Read(
        "ListAttachedGroupPolicies",
        group_policies.ListAttachedGroupPoliciesRequest,
        on_group("iam:ListAttachedGroupPolicies"),
        group_policies.list_attached_group_policies,
    ),
)
