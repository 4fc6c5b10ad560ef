"""Users, groups and permissions boundaries, by plain boto3: what they may do follows each change at once."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.client import BaseClient

from tests.support.flow_fixtures import AdminClient
from tests.support.refusal import refusal, refusal_in_full
from tests.support.running_system import TRUST_EC2, RunningSystem, allow, deny, fresh

pytestmark = pytest.mark.flow

DENIED = ("AccessDenied", 403)
NO_SUCH = ("NoSuchEntity", 404)
EXISTS = ("EntityAlreadyExists", 409)
CONFLICT = ("DeleteConflict", 409)

ClientOf = Callable[[str, str], BaseClient]


@pytest.fixture(scope="module")
def iam(admin: AdminClient) -> BaseClient:
    return admin("iam")


@pytest.fixture
def user(iam: BaseClient) -> str:
    name = fresh("user")
    iam.create_user(UserName=name)
    return name


@pytest.fixture
def group(iam: BaseClient) -> str:
    name = fresh("group")
    iam.create_group(GroupName=name)
    return name


@pytest.fixture(scope="module")
def client_of(iam: BaseClient, system: RunningSystem) -> ClientOf:
    """A client of a user, with a key made for it."""

    def client(user: str, service: str) -> BaseClient:
        key = iam.create_access_key(UserName=user)["AccessKey"]
        return system.client(
            service, aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
        )

    return client


def policy_of(iam: BaseClient, *actions: str) -> str:
    """The ARN of a new managed policy that allows these actions."""
    document = json.dumps(allow(*actions))
    return str(iam.create_policy(PolicyName=fresh("managed"), PolicyDocument=document)["Policy"]["Arn"])


def names(found: list[dict[str, Any]], member: str) -> list[str]:
    return [str(item[member]) for item in found]


def test_a_users_life(iam: BaseClient, system: RunningSystem, client_of: ClientOf) -> None:
    name, renamed = fresh("life"), fresh("renamed")
    made = iam.create_user(UserName=name, Path="/people/", Tags=[{"Key": "team", "Value": "a"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{system.account_id}:user/people/{name}"
    assert refusal(iam.create_user, UserName=name.upper()) == EXISTS
    sts = client_of(name, "sts")
    iam.get_waiter("user_exists").wait(UserName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 3})
    iam.tag_user(UserName=name, Tags=[{"Key": "stage", "Value": "test"}])
    iam.untag_user(UserName=name, TagKeys=["team"])
    assert iam.list_user_tags(UserName=name)["Tags"] == [{"Key": "stage", "Value": "test"}]
    iam.update_user(UserName=name, NewUserName=renamed, NewPath="/")
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{system.account_id}:user/{renamed}"
    assert iam.get_user(UserName=renamed)["User"]["UserId"] == made["UserId"]
    assert refusal(iam.get_user, UserName=name) == NO_SUCH
    assert refusal(iam.delete_user, UserName=renamed) == CONFLICT
    for key in iam.list_access_keys(UserName=renamed)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=renamed, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=renamed)
    assert refusal(sts.get_caller_identity)[1] == 403


def test_policies_of_a_user(iam: BaseClient, user: str, client_of: ClientOf) -> None:
    own = client_of(user, "iam")
    assert refusal(own.list_roles) == DENIED
    iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=json.dumps(allow("iam:ListRoles")))
    own.list_roles()
    arn = policy_of(iam, "iam:ListUsers")
    iam.attach_user_policy(UserName=user, PolicyArn=arn)
    own.list_users()
    assert iam.list_user_policies(UserName=user)["PolicyNames"] == ["own"]
    assert iam.get_user_policy(UserName=user, PolicyName="own")["PolicyDocument"] == allow("iam:ListRoles")
    attached = iam.list_attached_user_policies(UserName=user)["AttachedPolicies"]
    assert names(attached, "PolicyArn") == [arn]
    iam.detach_user_policy(UserName=user, PolicyArn=arn)
    iam.delete_user_policy(UserName=user, PolicyName="own")
    assert (refusal(own.list_users), refusal(own.list_roles)) == (DENIED, DENIED)


def test_what_a_group_grants(iam: BaseClient, user: str, group: str, client_of: ClientOf) -> None:
    own, arn = client_of(user, "iam"), policy_of(iam, "iam:ListUsers")
    iam.put_group_policy(
        GroupName=group, PolicyName="roles", PolicyDocument=json.dumps(allow("iam:ListRoles"))
    )
    iam.attach_group_policy(GroupName=group, PolicyArn=arn)
    iam.add_user_to_group(GroupName=group, UserName=user)
    own.list_roles()
    own.list_users()
    found = iam.get_group(GroupName=group)
    assert (found["Group"]["GroupName"], names(found["Users"], "UserName")) == (group, [user])
    assert names(iam.list_groups_for_user(UserName=user)["Groups"], "GroupName") == [group]
    assert iam.list_group_policies(GroupName=group)["PolicyNames"] == ["roles"]
    document = iam.get_group_policy(GroupName=group, PolicyName="roles")["PolicyDocument"]
    assert document == allow("iam:ListRoles")
    assert names(iam.list_attached_group_policies(GroupName=group)["AttachedPolicies"], "PolicyArn") == [arn]
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert names(entities["PolicyGroups"], "GroupName") == [group]
    iam.put_group_policy(
        GroupName=group, PolicyName="roles", PolicyDocument=json.dumps(deny("iam:ListRoles"))
    )
    assert "explicit deny in an identity-based policy" in refusal_in_full(own.list_roles)[2]
    iam.remove_user_from_group(GroupName=group, UserName=user)
    assert "no identity-based policy allows" in refusal_in_full(own.list_users)[2]


def test_a_groups_life(iam: BaseClient, user: str, group: str) -> None:
    renamed, arn = fresh("renamed"), policy_of(iam, "iam:ListUsers")
    assert refusal(iam.create_group, GroupName=group.upper()) == EXISTS
    iam.update_group(GroupName=group, NewGroupName=renamed, NewPath="/teams/")
    assert renamed in names(iam.list_groups(PathPrefix="/teams/")["Groups"], "GroupName")
    iam.add_user_to_group(GroupName=renamed, UserName=user)
    iam.attach_group_policy(GroupName=renamed, PolicyArn=arn)
    iam.put_group_policy(GroupName=renamed, PolicyName="p", PolicyDocument=json.dumps(allow("s3:*")))
    assert refusal(iam.delete_group, GroupName=renamed) == CONFLICT
    iam.remove_user_from_group(GroupName=renamed, UserName=user)
    iam.detach_group_policy(GroupName=renamed, PolicyArn=arn)
    iam.delete_group_policy(GroupName=renamed, PolicyName="p")
    iam.delete_group(GroupName=renamed)
    assert refusal(iam.get_group, GroupName=renamed) == NO_SUCH


def test_a_groups_users_come_in_pages(iam: BaseClient, group: str) -> None:
    members = sorted(fresh("paged") for _ in range(5))
    for name in members:
        iam.create_user(UserName=name)
        iam.add_user_to_group(GroupName=group, UserName=name)
    pages = iam.get_paginator("get_group").paginate(GroupName=group, PaginationConfig={"PageSize": 2})
    assert [name for page in pages for name in names(page["Users"], "UserName")] == members


def test_a_boundary_bounds_a_user_from_the_moment_it_is_put(
    iam: BaseClient, user: str, client_of: ClientOf
) -> None:
    own, boundary = client_of(user, "iam"), policy_of(iam, "iam:ListRoles")
    iam.put_user_policy(UserName=user, PolicyName="all", PolicyDocument=json.dumps(allow("iam:List*")))
    own.list_users()
    iam.put_user_permissions_boundary(UserName=user, PermissionsBoundary=boundary)
    own.list_roles()
    code, status, message = refusal_in_full(own.list_users)
    assert (code, status) == DENIED
    assert "because no permissions boundary allows the iam:ListUsers action" in message
    shown = iam.get_user(UserName=user)["User"]["PermissionsBoundary"]
    assert shown["PermissionsBoundaryArn"] == boundary
    assert refusal(iam.delete_policy, PolicyArn=boundary) == CONFLICT
    entities = iam.list_entities_for_policy(PolicyArn=boundary, PolicyUsageFilter="PermissionsBoundary")
    assert names(entities["PolicyUsers"], "UserName") == [user]
    iam.delete_user_permissions_boundary(UserName=user)
    own.list_users()
    iam.delete_policy(PolicyArn=boundary)


def test_a_boundary_bounds_a_running_instance(system: RunningSystem, iam: BaseClient) -> None:
    boundary = policy_of(iam, "s3:ListAllMyBuckets")
    name = system.instance_profile_of(allow("s3:*", "sqs:*"))
    instance = system.launch(
        "#!/bin/sh\nenv -0 | base64 -w 0 && echo && exec sleep 3600\n", instance_profile=name
    )
    s3, sqs = instance.client("s3"), instance.client("sqs")
    sqs.list_queues()
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
    s3.list_buckets()
    assert "no permissions boundary allows" in refusal_in_full(sqs.list_queues)[2]
    assert iam.get_role(RoleName=name)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    iam.delete_role_permissions_boundary(RoleName=name)
    sqs.list_queues()


def test_a_delegated_administrator_makes_only_bounded_roles(
    iam: BaseClient, user: str, client_of: ClientOf
) -> None:
    """AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"""
    own, boundary = client_of(user, "iam"), policy_of(iam, "s3:GetObject")
    delegated = allow(
        "iam:CreateRole",
        "iam:PutRolePolicy",
        Condition={"StringEquals": {"iam:PermissionsBoundary": boundary}},
    )
    iam.put_user_policy(UserName=user, PolicyName="delegated", PolicyDocument=json.dumps(delegated))
    trust, free = json.dumps(TRUST_EC2), fresh("free")
    assert refusal(own.create_role, RoleName=free, AssumeRolePolicyDocument=trust) == DENIED
    bounded = fresh("bounded")
    own.create_role(RoleName=bounded, AssumeRolePolicyDocument=trust, PermissionsBoundary=boundary)
    iam.create_role(RoleName=free, AssumeRolePolicyDocument=trust)
    document = json.dumps(allow("s3:*"))
    own.put_role_policy(RoleName=bounded, PolicyName="p", PolicyDocument=document)
    assert refusal(own.put_role_policy, RoleName=free, PolicyName="p", PolicyDocument=document) == DENIED
