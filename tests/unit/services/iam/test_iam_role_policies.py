"""Inline and attached policies of roles."""

from urllib.parse import unquote

import pytest

from tabard.errors import AwsError
from tests.support.one_account import ACCOUNT_ID, TRUSTS_EC2, Account, allow

DOCUMENT = allow("s3:GetObject")
NAMES = {"RoleName": "web", "PolicyName": "read"}
MANAGED = f"arn:aws:iam::{ACCOUNT_ID}:policy/read"
ABSENT = f"arn:aws:iam::{ACCOUNT_ID}:policy/absent"
NO_ROLE = "The role with name no cannot be found."


@pytest.fixture
def with_role(account: Account) -> Account:
    account.call("iam", "CreateRole", {"RoleName": "web", "AssumeRolePolicyDocument": TRUSTS_EC2})
    account.call("iam", "CreatePolicy", {"PolicyName": "read", "PolicyDocument": DOCUMENT})
    return account


def test_an_inline_policy_is_put_answered_encoded_listed_and_deleted(with_role: Account) -> None:
    with_role.call("iam", "PutRolePolicy", {**NAMES, "PolicyDocument": DOCUMENT})
    answer = with_role.call("iam", "GetRolePolicy", {**NAMES, "RoleName": "WEB"})
    assert (answer["RoleName"], answer["PolicyName"]) == ("web", "read")
    assert unquote(answer["PolicyDocument"]) == DOCUMENT
    assert with_role.call("iam", "ListRolePolicies", {"RoleName": "web"})["PolicyNames"] == ["read"]
    with_role.call("iam", "DeleteRolePolicy", NAMES)
    assert with_role.call("iam", "ListRolePolicies", {"RoleName": "web"})["PolicyNames"] == []


def test_putting_an_inline_policy_again_replaces_it(with_role: Account) -> None:
    other = allow("s3:PutObject")
    for document in (DOCUMENT, other):
        with_role.call("iam", "PutRolePolicy", {**NAMES, "PolicyDocument": document})
    assert unquote(with_role.call("iam", "GetRolePolicy", NAMES)["PolicyDocument"]) == other


def test_attached_policies_are_listed_by_name_under_a_path(with_role: Account) -> None:
    other = with_role.call(
        "iam", "CreatePolicy", {"PolicyName": "a", "Path": "/x/", "PolicyDocument": DOCUMENT}
    )["Policy"]["Arn"]
    for arn in (MANAGED, other, MANAGED):
        with_role.call("iam", "AttachRolePolicy", {"RoleName": "web", "PolicyArn": arn})
    answer = with_role.call("iam", "ListAttachedRolePolicies", {"RoleName": "web"})
    assert answer["AttachedPolicies"] == [
        {"PolicyName": "a", "PolicyArn": other},
        {"PolicyName": "read", "PolicyArn": MANAGED},
    ]
    answer = with_role.call("iam", "ListAttachedRolePolicies", {"RoleName": "web", "PathPrefix": "/x/"})
    assert [policy["PolicyName"] for policy in answer["AttachedPolicies"]] == ["a"]


def test_policies_put_on_a_role_are_what_it_may_do(with_role: Account) -> None:
    caller = with_role.session("web")
    with pytest.raises(AwsError, match="not authorized to perform: iam:ListRoles"):
        with_role.call("iam", "ListRoles", as_=caller)
    with_role.call("iam", "PutRolePolicy", {**NAMES, "PolicyDocument": allow("iam:ListRoles")})
    assert with_role.call("iam", "ListRoles", as_=caller)["Roles"]


@pytest.mark.parametrize(
    ("operation", "wire_input", "code", "sentence"),
    [
        ("PutRolePolicy", {**NAMES, "RoleName": "no", "PolicyDocument": DOCUMENT}, "NoSuchEntity", NO_ROLE),
        (
            "PutRolePolicy",
            {**NAMES, "PolicyDocument": "{"},
            "MalformedPolicyDocument",
            "Syntax errors in policy.",
        ),
        ("PutRolePolicy", {**NAMES, "PolicyDocument": TRUSTS_EC2}, "MalformedPolicyDocument", None),
        (
            "PutRolePolicy",
            {**NAMES, "PolicyDocument": allow("s3:GetObject", resource="arn:aws:s3:::" + "b" * 10_240)},
            "LimitExceeded",
            "Maximum policy size of 10240 bytes exceeded for role web",
        ),
        ("GetRolePolicy", {**NAMES, "RoleName": "no"}, "NoSuchEntity", NO_ROLE),
        ("GetRolePolicy", NAMES, "NoSuchEntity", "The role policy with name read cannot be found."),
        ("DeleteRolePolicy", {**NAMES, "RoleName": "no"}, "NoSuchEntity", NO_ROLE),
        ("DeleteRolePolicy", NAMES, "NoSuchEntity", "The role policy with name read cannot be found."),
        ("ListRolePolicies", {"RoleName": "no"}, "NoSuchEntity", NO_ROLE),
        ("AttachRolePolicy", {"RoleName": "no", "PolicyArn": MANAGED}, "NoSuchEntity", NO_ROLE),
        (
            "AttachRolePolicy",
            {"RoleName": "web", "PolicyArn": ABSENT},
            "NoSuchEntity",
            f"Policy {ABSENT} does not exist or is not attachable.",
        ),
        (
            "AttachRolePolicy",
            {"RoleName": "web", "PolicyArn": "arn:aws:s3:::no-policy-at-all"},
            "InvalidInput",
            "ARN arn:aws:s3:::no-policy-at-all is not valid.",
        ),
        ("DetachRolePolicy", {"RoleName": "no", "PolicyArn": MANAGED}, "NoSuchEntity", NO_ROLE),
        (
            "DetachRolePolicy",
            {"RoleName": "web", "PolicyArn": MANAGED},
            "NoSuchEntity",
            f"Policy {MANAGED} was not found.",
        ),
        ("ListAttachedRolePolicies", {"RoleName": "no"}, "NoSuchEntity", NO_ROLE),
    ],
)
def test_refusals_of_role_policies(
    with_role: Account, operation: str, wire_input: dict[str, object], code: str, sentence: str | None
) -> None:
    with pytest.raises(AwsError) as refused:
        with_role.call("iam", operation, wire_input)
    assert refused.value.error_code == code
    assert sentence is None or refused.value.message == sentence


def test_inline_policies_share_one_quota(with_role: Account) -> None:
    half = allow("s3:GetObject", resource="arn:aws:s3:::" + "b" * 5_000)
    with_role.call("iam", "PutRolePolicy", {**NAMES, "PolicyDocument": half})
    with_role.call("iam", "PutRolePolicy", {**NAMES, "PolicyDocument": half})
    with_role.call("iam", "PutRolePolicy", {**NAMES, "PolicyName": "second", "PolicyDocument": half})
    with pytest.raises(AwsError) as refused:
        with_role.call("iam", "PutRolePolicy", {**NAMES, "PolicyName": "third", "PolicyDocument": DOCUMENT})
    assert refused.value.message == "Maximum policy size of 10240 bytes exceeded for role web"


def test_ten_policies_can_be_attached_to_a_role(with_role: Account) -> None:
    for number in range(11):
        name = f"p{number}"
        with_role.call("iam", "CreatePolicy", {"PolicyName": name, "PolicyDocument": DOCUMENT})
        wire_input = {"RoleName": "web", "PolicyArn": f"arn:aws:iam::{ACCOUNT_ID}:policy/{name}"}
        if number < 10:
            with_role.call("iam", "AttachRolePolicy", wire_input)
            continue
        with pytest.raises(AwsError) as refused:
            with_role.call("iam", "AttachRolePolicy", wire_input)
        assert (refused.value.error_code, refused.value.message) == (
            "LimitExceeded",
            "Cannot exceed quota for PoliciesPerRole: 10",
        )
