"""Groups, who is in them, and what they grant."""

from urllib.parse import unquote

import pytest

from tabard.errors import AwsError
from tests.support.one_account import ACCOUNT_ID, NOW, Account, allow

DOCUMENT = allow("s3:GetObject")
MANAGED = f"arn:aws:iam::{ACCOUNT_ID}:policy/read"
ABSENT = f"arn:aws:iam::{ACCOUNT_ID}:policy/absent"
NO_GROUP = "The group with name no cannot be found."
NO_USER = "The user with name no cannot be found."
DEVS = {"GroupName": "devs"}


@pytest.fixture
def with_devs(account: Account) -> Account:
    account.call("iam", "CreateGroup", DEVS)
    account.call("iam", "CreatePolicy", {"PolicyName": "read", "PolicyDocument": DOCUMENT})
    return account


def refusal(account: Account, operation: str, wire_input: dict[str, object]) -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        account.call("iam", operation, wire_input)
    return refused.value.error_code, refused.value.message


def test_a_group_is_made_answered_listed_and_deleted(account: Account) -> None:
    made = account.call("iam", "CreateGroup", {"GroupName": "devs", "Path": "/teams/"})["Group"]
    assert made["GroupId"].startswith("AGPA")
    assert made == {
        "Path": "/teams/",
        "GroupName": "devs",
        "GroupId": made["GroupId"],
        "Arn": f"arn:aws:iam::{ACCOUNT_ID}:group/teams/devs",
        "CreateDate": NOW,
    }
    account.call("iam", "CreateGroup", {"GroupName": "Another"})
    assert account.call("iam", "GetGroup", {"GroupName": "DEVS"}) == {
        "Group": made,
        "Users": [],
        "IsTruncated": False,
    }
    groups = account.call("iam", "ListGroups")["Groups"]
    assert [group["GroupName"] for group in groups] == ["Another", "devs"]
    assert account.call("iam", "ListGroups", {"PathPrefix": "/teams/"})["Groups"] == [made]
    account.call("iam", "DeleteGroup", {"GroupName": "Devs"})
    assert refusal(account, "GetGroup", DEVS)[0] == "NoSuchEntity"


def test_a_groups_users_are_answered_in_pages(with_devs: Account) -> None:
    for name in ("zoe", "Adam", "bob"):
        with_devs.call("iam", "CreateUser", {"UserName": name})
        with_devs.call("iam", "AddUserToGroup", {**DEVS, "UserName": name})
        with_devs.call("iam", "AddUserToGroup", {**DEVS, "UserName": name})
    first = with_devs.call("iam", "GetGroup", {**DEVS, "MaxItems": 2})
    assert [user["UserName"] for user in first["Users"]] == ["Adam", "bob"]
    last = with_devs.call("iam", "GetGroup", {**DEVS, "Marker": first["Marker"]})
    assert [user["UserName"] for user in last["Users"]] == ["zoe"]
    assert (first["IsTruncated"], last["IsTruncated"]) == (True, False)


def test_a_renamed_group_keeps_its_id_users_and_policies(with_devs: Account) -> None:
    with_devs.call("iam", "AddUserToGroup", {**DEVS, "UserName": "admin"})
    with_devs.call("iam", "AttachGroupPolicy", {**DEVS, "PolicyArn": MANAGED})
    before = with_devs.call("iam", "GetGroup", DEVS)
    with_devs.call("iam", "UpdateGroup", {**DEVS, "NewGroupName": "ops", "NewPath": "/x/"})
    after = with_devs.call("iam", "GetGroup", {"GroupName": "ops"})
    assert after["Group"] == {
        **before["Group"],
        "GroupName": "ops",
        "Path": "/x/",
        "Arn": f"arn:aws:iam::{ACCOUNT_ID}:group/x/ops",
    }
    assert after["Users"] == before["Users"]
    assert with_devs.call("iam", "ListAttachedGroupPolicies", {"GroupName": "ops"})["AttachedPolicies"]


def test_renaming_needs_leave_for_the_old_name_and_the_new(with_devs: Account) -> None:
    devs = f"arn:aws:iam::{ACCOUNT_ID}:group/devs"
    bob = with_devs.add_user("bob", allow("iam:UpdateGroup", resource=devs))
    with_devs.call("iam", "UpdateGroup", {**DEVS, "NewGroupName": "devs"}, as_=bob)
    with pytest.raises(AwsError, match=r"iam:UpdateGroup on resource: .*:group/ops"):
        with_devs.call("iam", "UpdateGroup", {**DEVS, "NewGroupName": "ops"}, as_=bob)


def test_a_group_is_deleted_once_nothing_hangs_on_it(with_devs: Account) -> None:
    hanging: list[tuple[str, dict[str, object], str, dict[str, object], str]] = [
        (
            "AddUserToGroup",
            {"UserName": "admin"},
            "RemoveUserFromGroup",
            {"UserName": "admin"},
            "remove users from group",
        ),
        (
            "AttachGroupPolicy",
            {"PolicyArn": MANAGED},
            "DetachGroupPolicy",
            {"PolicyArn": MANAGED},
            "detach all policies",
        ),
        (
            "PutGroupPolicy",
            {"PolicyName": "p", "PolicyDocument": DOCUMENT},
            "DeleteGroupPolicy",
            {"PolicyName": "p"},
            "delete policies",
        ),
    ]
    for put, put_input, take, take_input, must in hanging:
        with_devs.call("iam", put, {**DEVS, **put_input})
        assert refusal(with_devs, "DeleteGroup", DEVS) == (
            "DeleteConflict",
            f"Cannot delete entity, must {must} first.",
        )
        with_devs.call("iam", take, {**DEVS, **take_input})
    with_devs.call("iam", "DeleteGroup", DEVS)


def test_what_a_group_grants_is_its_users_while_they_are_in_it(with_devs: Account) -> None:
    alice = with_devs.add_user("alice")
    with_devs.call(
        "iam", "PutGroupPolicy", {**DEVS, "PolicyName": "p", "PolicyDocument": allow("iam:ListRoles")}
    )
    with pytest.raises(AwsError, match="because no identity-based policy allows"):
        with_devs.call("iam", "ListRoles", as_=alice)
    with_devs.call("iam", "AddUserToGroup", {**DEVS, "UserName": "alice"})
    with_devs.call("iam", "ListRoles", as_=alice)
    groups = with_devs.call("iam", "ListGroupsForUser", {"UserName": "alice"})["Groups"]
    assert [group["GroupName"] for group in groups] == ["devs"]
    with_devs.call("iam", "RemoveUserFromGroup", {**DEVS, "UserName": "alice"})
    with pytest.raises(AwsError, match="because no identity-based policy allows"):
        with_devs.call("iam", "ListRoles", as_=alice)


def test_inline_and_attached_policies_of_groups_are_answered(with_devs: Account) -> None:
    with_devs.call("iam", "PutGroupPolicy", {**DEVS, "PolicyName": "p", "PolicyDocument": DOCUMENT})
    answer = with_devs.call("iam", "GetGroupPolicy", {**DEVS, "PolicyName": "p"})
    assert (answer["GroupName"], answer["PolicyName"]) == ("devs", "p")
    assert unquote(answer["PolicyDocument"]) == DOCUMENT
    assert with_devs.call("iam", "ListGroupPolicies", DEVS)["PolicyNames"] == ["p"]
    with_devs.call("iam", "AttachGroupPolicy", {**DEVS, "PolicyArn": MANAGED})
    with_devs.call("iam", "AttachGroupPolicy", {**DEVS, "PolicyArn": MANAGED})
    attached = with_devs.call("iam", "ListAttachedGroupPolicies", DEVS)["AttachedPolicies"]
    assert attached == [{"PolicyName": "read", "PolicyArn": MANAGED}]
    policy = with_devs.call("iam", "GetPolicy", {"PolicyArn": MANAGED})["Policy"]
    assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (1, 0)
    assert refusal(with_devs, "DeletePolicy", {"PolicyArn": MANAGED})[0] == "DeleteConflict"


def test_a_user_is_in_ten_groups_at_most(account: Account) -> None:
    for number in range(11):
        account.call("iam", "CreateGroup", {"GroupName": f"g{number}"})
        wire_input = {"GroupName": f"g{number}", "UserName": "admin"}
        if number < 10:
            account.call("iam", "AddUserToGroup", wire_input)
    assert refusal(account, "AddUserToGroup", wire_input) == (
        "LimitExceeded",
        "Cannot exceed quota for GroupsPerUser: 10",
    )


@pytest.mark.parametrize(
    ("operation", "wire_input", "code", "sentence"),
    [
        ("CreateGroup", {"GroupName": "DEVS"}, "EntityAlreadyExists", "Group with name DEVS already exists."),
        (
            "UpdateGroup",
            {**DEVS, "NewGroupName": "Ops"},
            "EntityAlreadyExists",
            "Group with name Ops already exists.",
        ),
        ("UpdateGroup", {"GroupName": "no"}, "NoSuchEntity", NO_GROUP),
        ("DeleteGroup", {"GroupName": "no"}, "NoSuchEntity", NO_GROUP),
        ("GetGroup", {"GroupName": "no"}, "NoSuchEntity", NO_GROUP),
        ("AddUserToGroup", {"GroupName": "no", "UserName": "admin"}, "NoSuchEntity", NO_GROUP),
        ("AddUserToGroup", {**DEVS, "UserName": "no"}, "NoSuchEntity", NO_USER),
        ("RemoveUserFromGroup", {"GroupName": "no", "UserName": "admin"}, "NoSuchEntity", NO_GROUP),
        ("RemoveUserFromGroup", {**DEVS, "UserName": "no"}, "NoSuchEntity", NO_USER),
        (
            "RemoveUserFromGroup",
            {**DEVS, "UserName": "admin"},
            "NoSuchEntity",
            "The user with name admin is not in the group with name devs.",
        ),
        (
            "PutGroupPolicy",
            {"GroupName": "no", "PolicyName": "p", "PolicyDocument": DOCUMENT},
            "NoSuchEntity",
            NO_GROUP,
        ),
        (
            "PutGroupPolicy",
            {
                **DEVS,
                "PolicyName": "p",
                "PolicyDocument": allow("s3:GetObject", resource="arn:aws:s3:::" + "b" * 5_120),
            },
            "LimitExceeded",
            "Maximum policy size of 5120 bytes exceeded for group devs",
        ),
        ("GetGroupPolicy", {"GroupName": "no", "PolicyName": "p"}, "NoSuchEntity", NO_GROUP),
        (
            "GetGroupPolicy",
            {**DEVS, "PolicyName": "p"},
            "NoSuchEntity",
            "The group policy with name p cannot be found.",
        ),
        ("ListGroupPolicies", {"GroupName": "no"}, "NoSuchEntity", NO_GROUP),
        ("DeleteGroupPolicy", {"GroupName": "no", "PolicyName": "p"}, "NoSuchEntity", NO_GROUP),
        ("AttachGroupPolicy", {"GroupName": "no", "PolicyArn": MANAGED}, "NoSuchEntity", NO_GROUP),
        (
            "AttachGroupPolicy",
            {**DEVS, "PolicyArn": ABSENT},
            "NoSuchEntity",
            f"Policy {ABSENT} does not exist or is not attachable.",
        ),
        (
            "DetachGroupPolicy",
            {**DEVS, "PolicyArn": MANAGED},
            "NoSuchEntity",
            f"Policy {MANAGED} was not found.",
        ),
        ("ListAttachedGroupPolicies", {"GroupName": "no"}, "NoSuchEntity", NO_GROUP),
    ],
)
def test_refusals_of_groups(
    with_devs: Account, operation: str, wire_input: dict[str, object], code: str, sentence: str
) -> None:
    with_devs.call("iam", "CreateGroup", {"GroupName": "ops"})
    assert refusal(with_devs, operation, wire_input) == (code, sentence)
