"""Managed policies and their versions."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from tabard.access.check import Check
from tabard.errors import AwsError
from tabard.services.iam.groups.groups import GetGroupRequest, get_group
from tabard.services.iam.policies.entities import ListEntitiesForPolicyRequest, list_entities_for_policy
from tests.support.one_account import ACCOUNT_ID, NOW, TRUSTS_EC2, Account, allow

ARN = f"arn:aws:iam::{ACCOUNT_ID}:policy/app/read"
ABSENT = f"arn:aws:iam::{ACCOUNT_ID}:policy/absent"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
DOCUMENT = allow("s3:GetObject")
OTHER = allow("s3:PutObject")


@pytest.fixture
def with_policy(account: Account) -> Account:
    account.call(
        "iam",
        "CreatePolicy",
        {"PolicyName": "read", "Path": "/app/", "PolicyDocument": DOCUMENT, "Description": "reads"},
    )
    account.call("iam", "CreateRole", {"RoleName": "web", "AssumeRolePolicyDocument": TRUSTS_EC2})
    return account


def test_a_managed_policy_is_answered_without_its_document(with_policy: Account) -> None:
    policy = with_policy.call("iam", "GetPolicy", {"PolicyArn": ARN})["Policy"]
    assert policy["PolicyId"].startswith("ANPA")
    assert {key: value for key, value in policy.items() if key != "PolicyId"} == {
        "PolicyName": "read",
        "Arn": ARN,
        "Path": "/app/",
        "DefaultVersionId": "v1",
        "AttachmentCount": 0,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": NOW,
        "UpdateDate": NOW,
        "Description": "reads",
    }


def test_tags_of_policies_differ_by_case(account: Account) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    answer = account.call(
        "iam", "CreatePolicy", {"PolicyName": "p", "PolicyDocument": DOCUMENT, "Tags": tags}
    )
    assert answer["Policy"]["Tags"] == tags


def test_versions_are_added_chosen_and_deleted(with_policy: Account) -> None:
    with_policy.now = NOW + timedelta(minutes=1)
    made = with_policy.call("iam", "CreatePolicyVersion", {"PolicyArn": ARN, "PolicyDocument": OTHER})
    assert made["PolicyVersion"] == {
        "VersionId": "v2",
        "IsDefaultVersion": False,
        "CreateDate": NOW + timedelta(minutes=1),
    }
    with_policy.call("iam", "SetDefaultPolicyVersion", {"PolicyArn": ARN, "VersionId": "v2"})
    policy = with_policy.call("iam", "GetPolicy", {"PolicyArn": ARN})["Policy"]
    assert (policy["DefaultVersionId"], policy["UpdateDate"]) == ("v2", NOW + timedelta(minutes=1))
    listed = with_policy.call("iam", "ListPolicyVersions", {"PolicyArn": ARN})["Versions"]
    assert [(version["VersionId"], version["IsDefaultVersion"]) for version in listed] == [
        ("v2", True),
        ("v1", False),
    ]
    with_policy.call("iam", "DeletePolicyVersion", {"PolicyArn": ARN, "VersionId": "v1"})
    version = with_policy.call("iam", "GetPolicyVersion", {"PolicyArn": ARN, "VersionId": "v2"})
    assert unquote(version["PolicyVersion"]["Document"]) == OTHER
    with_policy.call("iam", "DeletePolicy", {"PolicyArn": ARN})


def test_the_default_version_is_the_one_in_force(with_policy: Account) -> None:
    with_policy.call("iam", "AttachRolePolicy", {"RoleName": "web", "PolicyArn": ARN})
    with_policy.call(
        "iam",
        "CreatePolicyVersion",
        {"PolicyArn": ARN, "PolicyDocument": allow("iam:ListRoles"), "SetAsDefault": True},
    )
    assert with_policy.call("iam", "ListRoles", as_=with_policy.session("web"))["Roles"]
    with_policy.call("iam", "SetDefaultPolicyVersion", {"PolicyArn": ARN, "VersionId": "v1"})
    with pytest.raises(AwsError, match="not authorized"):
        with_policy.call("iam", "ListRoles", as_=with_policy.session("web"))


@pytest.mark.parametrize(
    ("operation", "wire_input", "code", "sentence"),
    [
        (
            "CreatePolicy",
            {"PolicyName": "READ", "PolicyDocument": DOCUMENT},
            "EntityAlreadyExists",
            "A policy called READ already exists. Duplicate names are not allowed.",
        ),
        (
            "CreatePolicy",
            {"PolicyName": "b", "PolicyDocument": "[]"},
            "MalformedPolicyDocument",
            "Syntax errors in policy.",
        ),
        (
            "CreatePolicy",
            {"PolicyName": "b", "PolicyDocument": DOCUMENT.replace('"Version":"2012-10-17",', "")},
            "MalformedPolicyDocument",
            "Policy document must be version 2012-10-17 or greater.",
        ),
        (
            "CreatePolicy",
            {"PolicyName": "b", "PolicyDocument": allow("s3:*", resource="arn:aws:s3:::" + "b" * 6144)},
            "LimitExceeded",
            "Cannot exceed quota for PolicySize: 6144",
        ),
        ("GetPolicy", {"PolicyArn": ABSENT}, "NoSuchEntity", f"Policy {ABSENT} was not found."),
        (
            "GetPolicy",
            {"PolicyArn": "arn:aws:iam::123456789012:role/web"},
            "InvalidInput",
            "ARN arn:aws:iam::123456789012:role/web is not valid.",
        ),
        ("DeletePolicy", {"PolicyArn": ABSENT}, "NoSuchEntity", f"Policy {ABSENT} was not found."),
        ("DeletePolicy", {"PolicyArn": ADMINISTRATOR}, "AccessDenied", "Policy is outside your own account."),
        (
            "CreatePolicyVersion",
            {"PolicyArn": ADMINISTRATOR, "PolicyDocument": DOCUMENT, "SetAsDefault": True},
            "AccessDenied",
            "Policy is outside your own account.",
        ),
        (
            "CreatePolicyVersion",
            {"PolicyArn": ABSENT, "PolicyDocument": DOCUMENT},
            "NoSuchEntity",
            f"Policy {ABSENT} was not found.",
        ),
        (
            "CreatePolicyVersion",
            {"PolicyArn": ARN, "PolicyDocument": "{"},
            "MalformedPolicyDocument",
            "Syntax errors in policy.",
        ),
        (
            "GetPolicyVersion",
            {"PolicyArn": ARN, "VersionId": "v2"},
            "NoSuchEntity",
            f"Policy {ARN} version v2 does not exist or is not attachable.",
        ),
        (
            "SetDefaultPolicyVersion",
            {"PolicyArn": ARN, "VersionId": "v2"},
            "NoSuchEntity",
            f"Policy {ARN} version v2 does not exist or is not attachable.",
        ),
        (
            "DeletePolicyVersion",
            {"PolicyArn": ARN, "VersionId": "v2"},
            "NoSuchEntity",
            f"Policy {ARN} version v2 does not exist or is not attachable.",
        ),
        (
            "DeletePolicyVersion",
            {"PolicyArn": ARN, "VersionId": "v1"},
            "DeleteConflict",
            "Cannot delete the default version of a policy.",
        ),
        ("ListPolicyVersions", {"PolicyArn": ABSENT}, "NoSuchEntity", f"Policy {ABSENT} was not found."),
        ("ListEntitiesForPolicy", {"PolicyArn": ABSENT}, "NoSuchEntity", f"Policy {ABSENT} was not found."),
    ],
)
def test_refusals_of_managed_policies(
    with_policy: Account, operation: str, wire_input: dict[str, object], code: str, sentence: str
) -> None:
    with pytest.raises(AwsError) as refused:
        with_policy.call("iam", operation, wire_input)
    assert (refused.value.error_code, refused.value.message) == (code, sentence)


def test_a_policy_has_five_versions_at_most(with_policy: Account) -> None:
    wire_input = {"PolicyArn": ARN, "PolicyDocument": OTHER}
    for _ in range(4):
        with_policy.call("iam", "CreatePolicyVersion", wire_input)
    with pytest.raises(AwsError) as refused:
        with_policy.call("iam", "CreatePolicyVersion", wire_input)
    assert refused.value.error_code == "LimitExceeded"
    assert refused.value.message == (
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an "
        "existing version."
    )
    with_policy.call("iam", "DeletePolicyVersion", {"PolicyArn": ARN, "VersionId": "v2"})
    made = with_policy.call("iam", "CreatePolicyVersion", wire_input)
    assert made["PolicyVersion"]["VersionId"] == "v6"


def test_a_policy_in_use_cannot_be_deleted(with_policy: Account) -> None:
    with_policy.call("iam", "AttachRolePolicy", {"RoleName": "web", "PolicyArn": ARN})
    with_policy.call("iam", "CreatePolicyVersion", {"PolicyArn": ARN, "PolicyDocument": OTHER})
    with pytest.raises(AwsError) as refused:
        with_policy.call("iam", "DeletePolicy", {"PolicyArn": ARN})
    assert (refused.value.error_code, refused.value.message) == (
        "DeleteConflict",
        "Cannot delete a policy attached to entities.",
    )
    with_policy.call("iam", "DetachRolePolicy", {"RoleName": "web", "PolicyArn": ARN})
    with pytest.raises(AwsError, match="This policy has more than one version"):
        with_policy.call("iam", "DeletePolicy", {"PolicyArn": ARN})


@pytest.mark.parametrize(
    ("wire_input", "names"),
    [
        ({}, ["AdministratorAccess", "read", "zoo"]),
        ({"Scope": "AWS"}, ["AdministratorAccess"]),
        ({"Scope": "Local"}, ["read", "zoo"]),
        ({"OnlyAttached": True}, ["AdministratorAccess", "read"]),
        ({"PathPrefix": "/app/"}, ["read"]),
        ({"PolicyUsageFilter": "PermissionsBoundary"}, []),
        ({"Scope": "Local", "MaxItems": 1}, ["read"]),
    ],
)
def test_policies_are_listed_by_name(
    with_policy: Account, wire_input: dict[str, object], names: list[str]
) -> None:
    with_policy.call("iam", "CreatePolicy", {"PolicyName": "zoo", "PolicyDocument": DOCUMENT})
    with_policy.call("iam", "AttachRolePolicy", {"RoleName": "web", "PolicyArn": ARN})
    answer = with_policy.call("iam", "ListPolicies", wire_input)
    assert [policy["PolicyName"] for policy in answer["Policies"]] == names
    assert all("Tags" not in policy and "Description" not in policy for policy in answer["Policies"])


@pytest.mark.parametrize(
    ("wire_input", "roles", "users"),
    [
        ({}, ["web"], ["admin"]),
        ({"EntityFilter": "Role"}, ["web"], []),
        ({"EntityFilter": "User"}, [], ["admin"]),
        ({"EntityFilter": "Group"}, [], []),
        ({"PathPrefix": "/other/"}, [], []),
        ({"PolicyUsageFilter": "PermissionsBoundary"}, [], []),
        ({"MaxItems": 1}, ["web"], []),
    ],
)
def test_holders_of_a_policy_are_listed(
    with_policy: Account, wire_input: dict[str, object], roles: list[str], users: list[str]
) -> None:
    with_policy.call("iam", "AttachRolePolicy", {"RoleName": "web", "PolicyArn": ADMINISTRATOR})
    answer = with_policy.call("iam", "ListEntitiesForPolicy", {"PolicyArn": ADMINISTRATOR, **wire_input})
    assert [role["RoleName"] for role in answer["PolicyRoles"]] == roles
    assert [user["UserName"] for user in answer["PolicyUsers"]] == users
    assert answer["PolicyGroups"] == []


class NotListed(Mapping[str, Any]):
    """Aggregates that are found by their id, and never gone through."""

    def __init__(self, aggregates: Mapping[str, Any]) -> None:
        self._aggregates = aggregates

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - as the mapping's
        return self._aggregates[key]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("went through every aggregate of a kind")

    def __len__(self) -> int:
        return len(self._aggregates)


def test_a_page_of_a_policys_holders_or_a_groups_users_goes_through_no_others(with_policy: Account) -> None:
    call = with_policy.call
    call("iam", "CreateGroup", {"GroupName": "team"})
    for name in ("Zoe", "amy", "bob"):
        call("iam", "CreateUser", {"UserName": name, "PermissionsBoundary": ARN})
        call("iam", "AddUserToGroup", {"GroupName": "team", "UserName": name})
    for kind, name in (("User", "bob"), ("Role", "web"), ("Group", "team")):
        call("iam", f"Attach{kind}Policy", {f"{kind}Name": name, "PolicyArn": ARN})
    snapshot = with_policy.snapshot
    every = {"users": snapshot.users, "groups": snapshot.groups, "roles": snapshot.roles}
    snapshot = replace(snapshot, **{kind: NotListed(each) for kind, each in every.items()})
    permit = with_policy.permit(with_policy.admin, Check(action="iam:GetGroup", resource="*"))

    found: list[str] = []
    request = ListEntitiesForPolicyRequest(policy_arn=ARN, max_items=2)
    while True:
        answer: Any = list_entities_for_policy(permit, request, snapshot)
        for kind in ("Group", "Role", "User"):
            found += [each[f"{kind}Name"] for each in answer[f"Policy{kind}s"]]
        if not answer["IsTruncated"]:
            break
        request = ListEntitiesForPolicyRequest(policy_arn=ARN, max_items=2, marker=answer["Marker"])
    assert found == ["team", "web", "amy", "bob", "Zoe"]

    members: Any = get_group(permit, GetGroupRequest(group_name="team", max_items=2), snapshot)
    assert [user["UserName"] for user in members["Users"]] == ["amy", "bob"]
    rest = GetGroupRequest(group_name="team", marker=members["Marker"])
    members = get_group(permit, rest, snapshot)
    assert [user["UserName"] for user in members["Users"]] == ["Zoe"]
