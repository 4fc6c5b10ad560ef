"""Roles: what is answered, what is refused and in which words."""

from urllib.parse import unquote

import pytest

from tabard.errors import AwsError
from tests.support.one_account import ACCOUNT_ID, NOW, TRUSTS_ACCOUNT, TRUSTS_EC2, Account, allow

ROLE = {"RoleName": "web", "AssumeRolePolicyDocument": TRUSTS_EC2}
LONG_TRUST = TRUSTS_EC2.replace("ec2.amazonaws.com", "e" * 2048)
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def with_role(account: Account) -> Account:
    account.call("iam", "CreateRole", {**ROLE, "Path": "/app/", "Description": "front"})
    return account


def test_a_new_role_is_answered_with_its_encoded_trust_policy(account: Account) -> None:
    answer = account.call(
        "iam", "CreateRole", {**ROLE, "MaxSessionDuration": 7200, "Tags": [{"Key": "team", "Value": "a"}]}
    )
    role = answer["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT_ID}:role/web"
    assert role["RoleId"].startswith("AROA")
    assert role["CreateDate"] == NOW
    assert role["MaxSessionDuration"] == 7200
    assert role["Tags"] == [{"Key": "team", "Value": "a"}]
    assert role["AssumeRolePolicyDocument"].startswith("%7B%22Version%22%3A%222012-10-17%22")
    assert unquote(role["AssumeRolePolicyDocument"]) == TRUSTS_EC2


def test_a_role_is_found_whatever_the_case_of_its_name(with_role: Account) -> None:
    role = with_role.call("iam", "GetRole", {"RoleName": "WEB"})["Role"]
    assert (role["RoleName"], role["Path"], role["Description"]) == ("web", "/app/", "front")
    assert role["RoleLastUsed"] == {}


@pytest.mark.parametrize(
    ("operation", "wire_input", "code", "sentence"),
    [
        (
            "CreateRole",
            {**ROLE, "RoleName": "Web"},
            "EntityAlreadyExists",
            "Role with name Web already exists.",
        ),
        (
            "CreateRole",
            {**ROLE, "RoleName": "b", "AssumeRolePolicyDocument": "{"},
            "MalformedPolicyDocument",
            "Syntax errors in policy.",
        ),
        (
            "CreateRole",
            {**ROLE, "RoleName": "b", "AssumeRolePolicyDocument": LONG_TRUST},
            "LimitExceeded",
            "Cannot exceed quota for ACLSizePerRole: 2048",
        ),
        (
            "CreateRole",
            {**ROLE, "RoleName": "b", "Path": "/aws-service-role/x/"},
            "InvalidInput",
            "The path /aws-service-role/ is reserved for service-linked roles.",
        ),
        (
            "CreateRole",
            {**ROLE, "RoleName": "b", "Tags": [{"Key": "A", "Value": ""}, {"Key": "a", "Value": ""}]},
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
        ("GetRole", {"RoleName": "no"}, "NoSuchEntity", "The role with name no cannot be found."),
        ("UpdateRole", {"RoleName": "no"}, "NoSuchEntity", "The role with name no cannot be found."),
        (
            "UpdateRoleDescription",
            {"RoleName": "no", "Description": ""},
            "NoSuchEntity",
            "The role with name no cannot be found.",
        ),
        ("DeleteRole", {"RoleName": "no"}, "NoSuchEntity", "The role with name no cannot be found."),
        (
            "UpdateAssumeRolePolicy",
            {"RoleName": "no", "PolicyDocument": TRUSTS_EC2},
            "NoSuchEntity",
            "The role with name no cannot be found.",
        ),
        (
            "UpdateAssumeRolePolicy",
            {"RoleName": "web", "PolicyDocument": LONG_TRUST},
            "LimitExceeded",
            "Cannot exceed quota for ACLSizePerRole: 2048",
        ),
        (
            "UpdateAssumeRolePolicy",
            {"RoleName": "web", "PolicyDocument": allow("s3:GetObject")},
            "MalformedPolicyDocument",
            None,
        ),
        ("ListRoles", {"Marker": "bm9uc2Vuc2U="}, "ValidationError", "Invalid Marker."),
        ("ListRoles", {"Marker": "not base64"}, "ValidationError", "Invalid Marker."),
        (
            "TagRole",
            {"RoleName": "no", "Tags": [{"Key": "a", "Value": ""}]},
            "NoSuchEntity",
            "The role with name no cannot be found.",
        ),
        (
            "TagRole",
            {"RoleName": "web", "Tags": [{"Key": "AWS:x", "Value": ""}]},
            "InvalidInput",
            "The tag 'AWS:x' uses the prefix aws:, which is reserved for system tags in keys and values.",
        ),
        (
            "UntagRole",
            {"RoleName": "no", "TagKeys": ["a"]},
            "NoSuchEntity",
            "The role with name no cannot be found.",
        ),
        ("ListRoleTags", {"RoleName": "no"}, "NoSuchEntity", "The role with name no cannot be found."),
    ],
)
def test_refusals_of_roles(
    with_role: Account, operation: str, wire_input: dict[str, object], code: str, sentence: str | None
) -> None:
    with pytest.raises(AwsError) as refused:
        with_role.call("iam", operation, wire_input)
    assert refused.value.error_code == code
    assert sentence is None or refused.value.message == sentence


def test_white_space_does_not_count_against_the_size_of_a_trust_policy(account: Account) -> None:
    spacious = TRUSTS_EC2.replace('"Statement"', " " * 4000 + '"Statement"')
    account.call("iam", "CreateRole", {**ROLE, "AssumeRolePolicyDocument": spacious})


def test_update_changes_what_is_given_and_nothing_else(with_role: Account) -> None:
    with_role.call("iam", "UpdateRole", {"RoleName": "web", "MaxSessionDuration": 43200})
    role = with_role.call("iam", "GetRole", {"RoleName": "web"})["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("front", 43200)
    with_role.call("iam", "UpdateRole", {"RoleName": "web", "Description": "back"})
    role = with_role.call("iam", "GetRole", {"RoleName": "web"})["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("back", 43200)
    answer = with_role.call("iam", "UpdateRoleDescription", {"RoleName": "web", "Description": ""})
    assert "Description" not in answer["Role"]


def test_a_new_trust_policy_is_in_force_at_once(with_role: Account) -> None:
    with_role.call("iam", "UpdateAssumeRolePolicy", {"RoleName": "web", "PolicyDocument": TRUSTS_ACCOUNT})
    role = with_role.call("iam", "GetRole", {"RoleName": "web"})["Role"]
    assert unquote(role["AssumeRolePolicyDocument"]) == TRUSTS_ACCOUNT


def test_deleting_a_role_revokes_its_sessions(with_role: Account) -> None:
    role_id = with_role.call("iam", "GetRole", {"RoleName": "web"})["Role"]["RoleId"]
    with_role.call("iam", "DeleteRole", {"RoleName": "web"})
    snapshot = with_role.snapshot
    assert role_id not in snapshot.roles
    assert snapshot.revoked_at("role", role_id) == NOW


def test_a_role_made_anew_under_an_old_name_is_another_role(with_role: Account) -> None:
    before = with_role.call("iam", "GetRole", {"RoleName": "web"})["Role"]["RoleId"]
    with_role.call("iam", "DeleteRole", {"RoleName": "web"})
    after = with_role.call("iam", "CreateRole", ROLE)["Role"]["RoleId"]
    assert before != after


@pytest.mark.parametrize(
    ("operation", "wire_input", "undo", "undo_input", "sentence"),
    [
        (
            "PutRolePolicy",
            {"RoleName": "web", "PolicyName": "p", "PolicyDocument": allow("s3:GetObject")},
            "DeleteRolePolicy",
            {"RoleName": "web", "PolicyName": "p"},
            "Cannot delete entity, must delete policies first.",
        ),
        (
            "AttachRolePolicy",
            {"RoleName": "web", "PolicyArn": ADMINISTRATOR},
            "DetachRolePolicy",
            {"RoleName": "web", "PolicyArn": ADMINISTRATOR},
            "Cannot delete entity, must detach all policies first.",
        ),
        (
            "AddRoleToInstanceProfile",
            {"RoleName": "web", "InstanceProfileName": "box"},
            "RemoveRoleFromInstanceProfile",
            {"RoleName": "web", "InstanceProfileName": "box"},
            "Cannot delete entity, must remove roles from instance profile first.",
        ),
    ],
)
def test_a_role_in_use_cannot_be_deleted(
    with_role: Account,
    operation: str,
    wire_input: dict[str, object],
    undo: str,
    undo_input: dict[str, object],
    sentence: str,
) -> None:
    with_role.call("iam", "CreateInstanceProfile", {"InstanceProfileName": "box"})
    with_role.call("iam", operation, wire_input)
    with pytest.raises(AwsError) as refused:
        with_role.call("iam", "DeleteRole", {"RoleName": "web"})
    assert (refused.value.error_code, refused.value.http_status) == ("DeleteConflict", 409)
    assert refused.value.message == sentence
    with_role.call("iam", undo, undo_input)
    with_role.call("iam", "DeleteRole", {"RoleName": "web"})


def test_roles_are_listed_by_name_under_a_path_in_pages(account: Account) -> None:
    for name, path in (("b", "/x/"), ("A", "/x/"), ("c", "/y/"), ("D", "/x/y/")):
        account.call("iam", "CreateRole", {**ROLE, "RoleName": name, "Path": path})
    first = account.call("iam", "ListRoles", {"PathPrefix": "/x/", "MaxItems": 2})
    assert [role["RoleName"] for role in first["Roles"]] == ["A", "b"]
    assert first["IsTruncated"] is True
    second = account.call("iam", "ListRoles", {"PathPrefix": "/x/", "MaxItems": 2, "Marker": first["Marker"]})
    assert [role["RoleName"] for role in second["Roles"]] == ["D"]
    assert second["IsTruncated"] is False
    assert "Marker" not in second


def test_tags_of_roles_are_one_whatever_their_case(with_role: Account) -> None:
    tags = [{"Key": "Team", "Value": "a"}, {"Key": "stage", "Value": "test"}]
    with_role.call("iam", "TagRole", {"RoleName": "web", "Tags": tags})
    with_role.call("iam", "TagRole", {"RoleName": "web", "Tags": [{"Key": "team", "Value": "b"}]})
    answer = with_role.call("iam", "ListRoleTags", {"RoleName": "web"})
    assert answer["Tags"] == [{"Key": "stage", "Value": "test"}, {"Key": "team", "Value": "b"}]
    with_role.call("iam", "UntagRole", {"RoleName": "web", "TagKeys": ["STAGE", "none"]})
    role = with_role.call("iam", "GetRole", {"RoleName": "web"})["Role"]
    assert role["Tags"] == [{"Key": "team", "Value": "b"}]


def test_a_role_has_fifty_tags_at_most(with_role: Account) -> None:
    fifty = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    with_role.call("iam", "TagRole", {"RoleName": "web", "Tags": fifty})
    with pytest.raises(AwsError) as refused:
        with_role.call("iam", "TagRole", {"RoleName": "web", "Tags": [{"Key": "one more", "Value": ""}]})
    assert refused.value.error_code == "LimitExceeded"
