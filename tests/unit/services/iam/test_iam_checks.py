"""What requests to IAM need to be allowed: the ARN, with the entity's path, and the condition keys."""

import pytest

from tabard.errors import AwsError
from tests.support.one_account import ACCOUNT_ID, TRUSTS_EC2, Account, allow

PREFIX = f"arn:aws:iam::{ACCOUNT_ID}:"
TEAM = [{"Key": "Team", "Value": "a"}]


@pytest.fixture
def furnished(account: Account) -> Account:
    account.call(
        "iam",
        "CreateRole",
        {"RoleName": "web", "Path": "/app/", "AssumeRolePolicyDocument": TRUSTS_EC2, "Tags": TEAM},
    )
    account.call("iam", "CreateInstanceProfile", {"InstanceProfileName": "box", "Path": "/p/", "Tags": TEAM})
    account.call(
        "iam",
        "CreatePolicy",
        {"PolicyName": "read", "PolicyDocument": allow("s3:GetObject"), "Tags": TEAM},
    )
    account.add_user("alice", path="/people/")
    return account


@pytest.mark.parametrize(
    ("operation", "wire_input", "resource"),
    [
        ("GetRole", {"RoleName": "WEB"}, "role/app/web"),
        ("GetRole", {"RoleName": "no"}, "role/no"),
        ("CreateRole", {"RoleName": "new", "Path": "/x/", "AssumeRolePolicyDocument": "{}"}, "role/x/new"),
        ("CreateRole", {"RoleName": "web", "AssumeRolePolicyDocument": "{}"}, "role/web"),
        ("GetInstanceProfile", {"InstanceProfileName": "Box"}, "instance-profile/p/box"),
        ("GetInstanceProfile", {"InstanceProfileName": "no"}, "instance-profile/no"),
        ("CreateInstanceProfile", {"InstanceProfileName": "new"}, "instance-profile/new"),
        ("ListInstanceProfilesForRole", {"RoleName": "web"}, "role/app/web"),
        ("CreatePolicy", {"PolicyName": "new", "PolicyDocument": "{}", "Path": "/x/"}, "policy/x/new"),
        ("GetPolicy", {"PolicyArn": PREFIX + "policy/read"}, "policy/read"),
        ("GetUser", {"UserName": "ALICE"}, "user/people/alice"),
        ("GetUser", {"UserName": "no"}, "user/no"),
        ("GetUser", {}, "user/admin"),
        ("ListAccessKeys", {}, "user/admin"),
    ],
)
def test_the_resource_is_the_entitys_arn(
    furnished: Account, operation: str, wire_input: dict[str, object], resource: str
) -> None:
    checks = furnished.checks("iam", operation, wire_input)
    assert [(check.action, check.resource) for check in checks] == [(f"iam:{operation}", PREFIX + resource)]


@pytest.mark.parametrize("operation", ["ListRoles", "ListUsers", "ListPolicies", "ListInstanceProfiles"])
def test_lists_without_a_resource_type_are_on_everything(account: Account, operation: str) -> None:
    assert [check.resource for check in account.checks("iam", operation, {})] == ["*"]


REQUEST_TAGS = {"aws:requesttag/stage": ("test",), "aws:tagkeys": ("Stage",)}
STAGE = [{"Key": "Stage", "Value": "test"}]
ROLE_TAGS = {"aws:resourcetag/team": ("a",), "iam:resourcetag/team": ("a",)}


@pytest.mark.parametrize(
    ("operation", "wire_input", "context"),
    [
        ("GetRole", {"RoleName": "web"}, ROLE_TAGS),
        ("TagRole", {"RoleName": "web", "Tags": STAGE}, {**ROLE_TAGS, **REQUEST_TAGS}),
        ("UntagRole", {"RoleName": "web", "TagKeys": ["a", "b"]}, {**ROLE_TAGS, "aws:tagkeys": ("a", "b")}),
        (
            "AttachRolePolicy",
            {"RoleName": "web", "PolicyArn": PREFIX + "policy/read"},
            {**ROLE_TAGS, "iam:policyarn": (PREFIX + "policy/read",)},
        ),
        ("GetInstanceProfile", {"InstanceProfileName": "box"}, {"aws:resourcetag/team": ("a",)}),
        (
            "TagInstanceProfile",
            {"InstanceProfileName": "no", "Tags": STAGE},
            REQUEST_TAGS,
        ),
        ("GetPolicy", {"PolicyArn": PREFIX + "policy/read"}, {"aws:resourcetag/team": ("a",)}),
        ("GetPolicy", {"PolicyArn": PREFIX + "policy/no"}, {}),
    ],
)
def test_the_context_has_the_tags_and_the_policy(
    furnished: Account, operation: str, wire_input: dict[str, object], context: dict[str, tuple[str, ...]]
) -> None:
    (check,) = furnished.checks("iam", operation, wire_input)
    assert check.context == context


@pytest.mark.parametrize(
    ("operation", "wire_input", "tagging"),
    [
        ("CreateRole", {"RoleName": "n", "AssumeRolePolicyDocument": "{}", "Tags": STAGE}, "iam:TagRole"),
        ("CreatePolicy", {"PolicyName": "n", "PolicyDocument": "{}", "Tags": STAGE}, "iam:TagPolicy"),
        ("CreateInstanceProfile", {"InstanceProfileName": "n", "Tags": STAGE}, "iam:TagInstanceProfile"),
    ],
)
def test_making_a_tagged_thing_needs_leave_to_tag_it(
    account: Account, operation: str, wire_input: dict[str, object], tagging: str
) -> None:
    checks = account.checks("iam", operation, wire_input)
    assert [check.action for check in checks] == [f"iam:{operation}", tagging]
    assert all(check.context == REQUEST_TAGS for check in checks)


def test_the_role_that_is_passed_lends_no_tags_to_the_decision(furnished: Account) -> None:
    checks = furnished.checks(
        "iam", "AddRoleToInstanceProfile", {"InstanceProfileName": "box", "RoleName": "web"}
    )
    assert [(check.action, check.resource) for check in checks] == [
        ("iam:AddRoleToInstanceProfile", PREFIX + "instance-profile/p/box"),
        ("iam:PassRole", PREFIX + "role/app/web"),
    ]
    assert checks[1].context == {
        "iam:passedtoservice": ("ec2.amazonaws.com",),
        "iam:associatedresourcearn": (f"arn:aws:ec2:*:{ACCOUNT_ID}:instance/*",),
    }


@pytest.mark.parametrize(
    ("operation", "wire_input"),
    [
        ("UpdateRole", {"RoleName": "web"}),
        ("DeleteRole", {"RoleName": "web"}),
        ("UpdateAssumeRolePolicy", {"RoleName": "web", "PolicyDocument": TRUSTS_EC2}),
        ("PutRolePolicy", {"RoleName": "web", "PolicyName": "p", "PolicyDocument": allow("s3:*")}),
        ("AttachRolePolicy", {"RoleName": "web", "PolicyArn": PREFIX + "policy/read"}),
        ("DeleteInstanceProfile", {"InstanceProfileName": "box"}),
    ],
)
def test_what_is_changed_is_what_was_decided_about(
    furnished: Account, operation: str, wire_input: dict[str, object]
) -> None:
    """The permit is for things of these names at other paths: they were made anew in between."""
    checks = furnished.checks("iam", operation, wire_input)
    permit = furnished.permit(furnished.admin, *checks)
    for name, delete, create in (
        ({"RoleName": "web"}, "DeleteRole", {"AssumeRolePolicyDocument": TRUSTS_EC2}),
        ({"InstanceProfileName": "box"}, "DeleteInstanceProfile", {}),
    ):
        furnished.call("iam", delete, name)
        furnished.call("iam", delete.replace("Delete", "Create"), {**name, **create, "Path": "/elsewhere/"})
    with pytest.raises(AwsError) as refused:
        furnished.perform_with("iam", operation, permit, wire_input)
    assert refused.value.error_code == "AccessDenied"
