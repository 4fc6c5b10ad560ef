"""IAM, by plain boto3: every operation that is offered, its pages and its refusals."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.client import BaseClient

from tests.support.flow_fixtures import AdminClient
from tests.support.refusal import refusal, refusal_in_full
from tests.support.running_system import TRUST_EC2, RunningSystem, allow, deny, fresh, statements

pytestmark = pytest.mark.flow

TRUST = json.dumps(TRUST_EC2)
READ = allow("s3:GetObject", on="arn:aws:s3:::b/*")
WRITE = allow("s3:PutObject", on="arn:aws:s3:::b/*")
NO_SUCH = ("NoSuchEntity", 404)
EXISTS = ("EntityAlreadyExists", 409)
MALFORMED = ("MalformedPolicyDocument", 400)
CONFLICT = ("DeleteConflict", 409)


@pytest.fixture(scope="module")
def iam(admin: AdminClient) -> BaseClient:
    return admin("iam")


@pytest.fixture
def role(iam: BaseClient) -> str:
    name = fresh("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    return name


@pytest.fixture
def policy(iam: BaseClient) -> str:
    made = iam.create_policy(PolicyName=fresh("managed"), PolicyDocument=json.dumps(READ))
    return str(made["Policy"]["Arn"])


def items(client: BaseClient, operation: str, member: str, *, size: int = 2, **more: object) -> list[Any]:
    """What all pages of a listing hold, a few items a page."""
    pages = client.get_paginator(operation).paginate(**more, PaginationConfig={"PageSize": size})
    return [item for page in pages for item in page[member]]


def test_a_roles_life(iam: BaseClient, system: RunningSystem) -> None:
    name = fresh("life")
    made = iam.create_role(
        RoleName=name,
        Path="/division/",
        AssumeRolePolicyDocument=TRUST,
        Description="first",
        MaxSessionDuration=7200,
        Tags=[{"Key": "team", "Value": "one"}],
    )["Role"]
    assert made["Arn"] == f"arn:aws:iam::{system.account_id}:role/division/{name}"
    assert made["RoleId"].startswith("AROA")
    assert refusal(iam.create_role, RoleName=name.upper(), AssumeRolePolicyDocument=TRUST) == EXISTS
    iam.get_waiter("role_exists").wait(RoleName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 3})
    iam.update_role(RoleName=name, Description="second", MaxSessionDuration=3600)
    assert iam.update_role_description(RoleName=name, Description="third")["Role"]["Description"] == "third"
    other = {"Version": "2012-10-17", "Statement": [{**TRUST_EC2["Statement"][0], "Sid": "Changed"}]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(other))
    role = iam.get_role(RoleName=name)["Role"]
    assert role["AssumeRolePolicyDocument"] == other
    assert (role["Description"], role["MaxSessionDuration"]) == ("third", 3600)
    assert role["Tags"] == [{"Key": "team", "Value": "one"}]
    assert (role["RoleId"], role["CreateDate"]) == (made["RoleId"], made["CreateDate"])
    assert name in [item["RoleName"] for item in items(iam, "list_roles", "Roles", PathPrefix="/division/")]
    iam.delete_role(RoleName=name)
    assert refusal(iam.get_role, RoleName=name) == NO_SUCH
    assert refusal(iam.delete_role, RoleName=name) == NO_SUCH


def test_the_account_has_one_alias_which_the_next_replaces(iam: BaseClient) -> None:
    iam.create_account_alias(AccountAlias="first-alias")
    iam.create_account_alias(AccountAlias="second-alias")
    assert items(iam, "list_account_aliases", "AccountAliases") == ["second-alias"]
    assert refusal(iam.create_account_alias, AccountAlias="second-alias") == EXISTS
    assert refusal(iam.create_account_alias, AccountAlias="two--hyphens") == ("ValidationError", 400)
    iam.delete_account_alias(AccountAlias="second-alias")
    assert refusal(iam.delete_account_alias, AccountAlias="second-alias") == NO_SUCH
    assert items(iam, "list_account_aliases", "AccountAliases") == []


def test_roles_are_listed_in_pages_in_order(iam: BaseClient) -> None:
    path = f"/{fresh('pages')}/"
    names = sorted(fresh("paged") for _ in range(5))
    for name in names:
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=TRUST)
    assert [item["RoleName"] for item in items(iam, "list_roles", "Roles", PathPrefix=path)] == names
    first = iam.list_roles(PathPrefix=path, MaxItems=3)
    assert (len(first["Roles"]), first["IsTruncated"]) == (3, True)


def test_role_tags(iam: BaseClient, role: str) -> None:
    iam.tag_role(RoleName=role, Tags=[{"Key": key, "Value": key.upper()} for key in "abc"])
    iam.untag_role(RoleName=role, TagKeys=["b"])
    assert items(iam, "list_role_tags", "Tags", size=1, RoleName=role) == [
        {"Key": "a", "Value": "A"},
        {"Key": "c", "Value": "C"},
    ]


def test_inline_policies(iam: BaseClient, role: str) -> None:
    for name in ("one", "two", "three"):
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(READ))
    iam.put_role_policy(RoleName=role, PolicyName="two", PolicyDocument=json.dumps(WRITE))
    assert iam.get_role_policy(RoleName=role, PolicyName="two")["PolicyDocument"] == WRITE
    listed = items(iam, "list_role_policies", "PolicyNames", RoleName=role)
    assert listed == ["one", "three", "two"]
    assert refusal(iam.delete_role, RoleName=role) == CONFLICT
    for name in listed:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    assert refusal(iam.get_role_policy, RoleName=role, PolicyName="two") == NO_SUCH
    assert refusal(iam.delete_role_policy, RoleName=role, PolicyName="two") == NO_SUCH
    iam.delete_role(RoleName=role)


def test_managed_policies(iam: BaseClient, role: str, policy: str) -> None:
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)  # twice is once
    attached = items(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=role)
    assert [item["PolicyArn"] for item in attached] == [policy]
    assert iam.get_policy(PolicyArn=policy)["Policy"]["AttachmentCount"] == 1
    held_by = iam.list_entities_for_policy(PolicyArn=policy)
    assert [item["RoleName"] for item in held_by["PolicyRoles"]] == [role]
    assert refusal(iam.delete_policy, PolicyArn=policy) == CONFLICT
    assert refusal(iam.delete_role, RoleName=role) == CONFLICT
    iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    assert refusal(iam.detach_role_policy, RoleName=role, PolicyArn=policy) == NO_SUCH
    iam.delete_policy(PolicyArn=policy)
    assert refusal(iam.attach_role_policy, RoleName=role, PolicyArn=policy) == NO_SUCH
    assert refusal(iam.get_policy, PolicyArn=policy) == NO_SUCH


def test_policy_versions(iam: BaseClient, policy: str) -> None:
    second = iam.create_policy_version(PolicyArn=policy, PolicyDocument=json.dumps(WRITE), SetAsDefault=True)[
        "PolicyVersion"
    ]
    assert (second["VersionId"], second["IsDefaultVersion"]) == ("v2", True)
    assert iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"] == "v2"
    document = iam.get_policy_version(PolicyArn=policy, VersionId="v2")["PolicyVersion"]["Document"]
    assert document == WRITE
    assert refusal(iam.delete_policy_version, PolicyArn=policy, VersionId="v2") == CONFLICT
    iam.set_default_policy_version(PolicyArn=policy, VersionId="v1")
    versions = items(iam, "list_policy_versions", "Versions", size=1, PolicyArn=policy)
    assert {item["VersionId"]: item["IsDefaultVersion"] for item in versions} == {"v1": True, "v2": False}
    for _ in range(3):
        iam.create_policy_version(PolicyArn=policy, PolicyDocument=json.dumps(READ))
    beyond = refusal(iam.create_policy_version, PolicyArn=policy, PolicyDocument=json.dumps(READ))
    assert beyond == ("LimitExceeded", 409)
    assert refusal(iam.delete_policy, PolicyArn=policy) == CONFLICT
    for number in (2, 3, 4, 5):
        iam.delete_policy_version(PolicyArn=policy, VersionId=f"v{number}")
    iam.delete_policy(PolicyArn=policy)


def test_policies_are_listed(iam: BaseClient, policy: str) -> None:
    local = items(iam, "list_policies", "Policies", Scope="Local")
    assert policy in [item["Arn"] for item in local]
    aws = [item["Arn"] for item in items(iam, "list_policies", "Policies", Scope="AWS", size=100)]
    assert "arn:aws:iam::aws:policy/AdministratorAccess" in aws
    assert policy not in aws
    unattached = items(iam, "list_policies", "Policies", OnlyAttached=True, Scope="Local")
    assert policy not in [item["Arn"] for item in unattached]


def test_an_instance_profiles_life(iam: BaseClient, role: str, system: RunningSystem) -> None:
    name = fresh("profile")
    made = iam.create_instance_profile(
        InstanceProfileName=name, Path="/p/", Tags=[{"Key": "k", "Value": "v"}]
    )["InstanceProfile"]
    assert made["Arn"] == f"arn:aws:iam::{system.account_id}:instance-profile/p/{name}"
    assert made["InstanceProfileId"].startswith("AIPA")
    assert refusal(iam.create_instance_profile, InstanceProfileName=name) == EXISTS
    wait = iam.get_waiter("instance_profile_exists")
    wait.wait(InstanceProfileName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 3})
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
    again = refusal(iam.add_role_to_instance_profile, InstanceProfileName=name, RoleName=role)
    assert again == ("LimitExceeded", 409)  # one role each
    held = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    assert [item["RoleName"] for item in held["Roles"]] == [role]
    of_role = items(iam, "list_instance_profiles_for_role", "InstanceProfiles", RoleName=role)
    assert [item["InstanceProfileName"] for item in of_role] == [name]
    listed = items(iam, "list_instance_profiles", "InstanceProfiles", PathPrefix="/p/")
    assert name in [item["InstanceProfileName"] for item in listed]
    assert refusal(iam.delete_role, RoleName=role) == CONFLICT
    assert refusal(iam.delete_instance_profile, InstanceProfileName=name) == CONFLICT
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
    gone = refusal(iam.remove_role_from_instance_profile, InstanceProfileName=name, RoleName=role)
    assert gone == NO_SUCH
    iam.delete_instance_profile(InstanceProfileName=name)
    assert refusal(iam.get_instance_profile, InstanceProfileName=name) == NO_SUCH


def test_instance_profile_tags(iam: BaseClient) -> None:
    name = fresh("tagged")
    iam.create_instance_profile(InstanceProfileName=name)
    iam.tag_instance_profile(InstanceProfileName=name, Tags=[{"Key": "a", "Value": "1"}])
    iam.tag_instance_profile(
        InstanceProfileName=name, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]
    )
    iam.untag_instance_profile(InstanceProfileName=name, TagKeys=["b"])
    tags = iam.list_instance_profile_tags(InstanceProfileName=name)["Tags"]
    assert tags == [{"Key": "a", "Value": "2"}]


def test_the_user_admin(iam: BaseClient, system: RunningSystem) -> None:
    user = iam.get_user()["User"]
    assert user["Arn"] == f"arn:aws:iam::{system.account_id}:user/admin"
    assert iam.get_user(UserName="admin")["User"]["UserId"] == user["UserId"]
    assert [item["UserName"] for item in items(iam, "list_users", "Users")] == ["admin"]
    attached = iam.list_attached_user_policies(UserName="admin")["AttachedPolicies"]
    assert [item["PolicyName"] for item in attached] == ["AdministratorAccess"]
    assert iam.list_user_policies(UserName="admin")["PolicyNames"] == []
    assert refusal(iam.get_user_policy, UserName="admin", PolicyName="none") == NO_SUCH
    assert refusal(iam.get_user, UserName="nobody") == NO_SUCH


@pytest.fixture
def second_key(iam: BaseClient) -> Iterator[dict[str, str]]:
    key = iam.create_access_key(UserName="admin")["AccessKey"]
    yield key
    iam.delete_access_key(UserName="admin", AccessKeyId=key["AccessKeyId"])


def test_access_keys(iam: BaseClient, system: RunningSystem, second_key: dict[str, str]) -> None:
    key_id = second_key["AccessKeyId"]
    assert key_id.startswith("AKIA")
    listed = items(iam, "list_access_keys", "AccessKeyMetadata", size=1, UserName="admin")
    assert {item["AccessKeyId"] for item in listed} == {system.access_key_id, key_id}
    assert refusal(iam.create_access_key, UserName="admin") == ("LimitExceeded", 409)
    keys = {"aws_access_key_id": key_id, "aws_secret_access_key": second_key["SecretAccessKey"]}
    sts = system.client("sts", **keys)
    assert sts.get_caller_identity()["Arn"].endswith(":user/admin")
    iam.update_access_key(UserName="admin", AccessKeyId=key_id, Status="Inactive")
    assert refusal(sts.get_caller_identity) == ("InvalidClientTokenId", 403)
    iam.update_access_key(UserName="admin", AccessKeyId=key_id, Status="Active")
    sts.get_caller_identity()
    absent = "AKIAIOSFODNN7EXAMPLE"
    assert refusal(iam.delete_access_key, UserName="admin", AccessKeyId=absent) == NO_SUCH


NO_POLICIES = [
    "not json",
    "{}",
    json.dumps(statements({"Effect": "Permit", "Action": "*", "Resource": "*"})),
    json.dumps(statements({"Effect": "Allow", "Action": "*"})),
    json.dumps({**deny("*"), "Version": "2010-01-01"}),
]


@pytest.mark.parametrize("document", [*NO_POLICIES, TRUST])
def test_documents_that_are_no_policy(iam: BaseClient, role: str, document: str) -> None:
    put = refusal_in_full(iam.put_role_policy, RoleName=role, PolicyName="p", PolicyDocument=document)
    assert put[:2] == MALFORMED
    assert put[2]
    assert refusal(iam.create_policy, PolicyName=fresh("bad"), PolicyDocument=document) == MALFORMED


@pytest.mark.parametrize("document", [*NO_POLICIES, json.dumps(READ)])
def test_documents_that_are_no_trust_policy(iam: BaseClient, role: str, document: str) -> None:
    name = fresh("bad")
    assert refusal(iam.create_role, RoleName=name, AssumeRolePolicyDocument=document) == MALFORMED
    assert refusal(iam.update_assume_role_policy, RoleName=role, PolicyDocument=document) == MALFORMED
    assert refusal(iam.get_role, RoleName=name) == NO_SUCH


def test_what_is_not_offered_is_refused(iam: BaseClient) -> None:
    assert refusal(iam.create_virtual_mfa_device, VirtualMFADeviceName="some") == ("InvalidAction", 400)
    assert refusal(iam.create_service_linked_role, AWSServiceName="x.amazonaws.com") == ("InvalidAction", 400)
