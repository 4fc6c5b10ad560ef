"""Users: made, changed, tagged and deleted; their policies."""

from urllib.parse import unquote

import pytest

from tabard.access.authorize import Denied
from tabard.errors import AwsError
from tabard.model.tag import Tag
from tests.support.one_account import ACCOUNT_ID, NOW, Account, allow

DOCUMENT = allow("s3:GetObject")
MANAGED = f"arn:aws:iam::{ACCOUNT_ID}:policy/read"
ABSENT = f"arn:aws:iam::{ACCOUNT_ID}:policy/absent"
ALICE = f"arn:aws:iam::{ACCOUNT_ID}:user/alice"
NO_USER = "The user with name no cannot be found."


@pytest.fixture
def with_alice(account: Account) -> Account:
    account.call("iam", "CreateUser", {"UserName": "alice"})
    account.call("iam", "CreatePolicy", {"PolicyName": "read", "PolicyDocument": DOCUMENT})
    return account


def refusal(account: Account, operation: str, wire_input: dict[str, object]) -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        account.call("iam", operation, wire_input)
    return refused.value.error_code, refused.value.message


def test_a_user_is_made_with_a_path_and_tags_and_may_do_nothing(account: Account) -> None:
    made = account.call(
        "iam",
        "CreateUser",
        {"UserName": "alice", "Path": "/people/", "Tags": [{"Key": "Team", "Value": "a"}]},
    )["User"]
    assert made["UserId"].startswith("AIDA")
    assert made == {
        "Path": "/people/",
        "UserName": "alice",
        "UserId": made["UserId"],
        "Arn": f"arn:aws:iam::{ACCOUNT_ID}:user/people/alice",
        "CreateDate": NOW,
        "Tags": [{"Key": "Team", "Value": "a"}],
    }
    assert account.call("iam", "GetUser", {"UserName": "Alice"})["User"] == made
    assert "Tags" not in account.call("iam", "ListUsers", {"PathPrefix": "/people/"})["Users"][0]


def test_names_of_users_are_unique_whatever_their_case(with_alice: Account) -> None:
    assert refusal(with_alice, "CreateUser", {"UserName": "ALICE"}) == (
        "EntityAlreadyExists",
        "User with name ALICE already exists.",
    )
    assert refusal(with_alice, "UpdateUser", {"UserName": "alice", "NewUserName": "Admin"}) == (
        "EntityAlreadyExists",
        "User with name Admin already exists.",
    )


def test_a_renamed_user_keeps_its_id_keys_groups_and_policies(with_alice: Account) -> None:
    with_alice.call("iam", "CreateGroup", {"GroupName": "devs"})
    with_alice.call("iam", "AddUserToGroup", {"GroupName": "devs", "UserName": "alice"})
    with_alice.call("iam", "AttachUserPolicy", {"UserName": "alice", "PolicyArn": MANAGED})
    key = with_alice.call("iam", "CreateAccessKey", {"UserName": "alice"})["AccessKey"]
    before = with_alice.call("iam", "GetUser", {"UserName": "alice"})["User"]
    with_alice.call("iam", "UpdateUser", {"UserName": "alice", "NewUserName": "ALICE", "NewPath": "/x/"})
    after = with_alice.call("iam", "GetUser", {"UserName": "alice"})["User"]
    assert after == {
        **before,
        "UserName": "ALICE",
        "Path": "/x/",
        "Arn": f"arn:aws:iam::{ACCOUNT_ID}:user/x/ALICE",
    }
    with_alice.call("iam", "UpdateUser", {"UserName": "alice", "NewUserName": "bob"})
    assert refusal(with_alice, "GetUser", {"UserName": "alice"})[0] == "NoSuchEntity"
    groups = with_alice.call("iam", "ListGroupsForUser", {"UserName": "bob"})["Groups"]
    assert [group["GroupName"] for group in groups] == ["devs"]
    keys = with_alice.call("iam", "ListAccessKeys", {"UserName": "bob"})["AccessKeyMetadata"]
    assert [(found["UserName"], found["AccessKeyId"]) for found in keys] == [("bob", key["AccessKeyId"])]


def test_renaming_needs_leave_for_the_old_name_and_the_new(with_alice: Account) -> None:
    bob = with_alice.add_user("bob", allow("iam:UpdateUser", resource=ALICE))
    with_alice.call("iam", "UpdateUser", {"UserName": "alice", "NewUserName": "alice"}, as_=bob)
    with pytest.raises(AwsError, match=r"not authorized to perform: iam:UpdateUser on resource: .*:user/eve"):
        with_alice.call("iam", "UpdateUser", {"UserName": "alice", "NewUserName": "eve"}, as_=bob)


def test_a_user_who_became_another_is_not_renamed_by_an_older_permit(with_alice: Account) -> None:
    wire_input = {"UserName": "alice", "NewUserName": "eve"}
    permit = with_alice.permit(with_alice.admin, *with_alice.checks("iam", "UpdateUser", wire_input))
    with_alice.call("iam", "UpdateUser", {"UserName": "alice", "NewPath": "/x/"})
    with pytest.raises(AwsError, match="the resource changed while the request was decided"):
        with_alice.perform_with("iam", "UpdateUser", permit, wire_input)


def test_a_user_is_deleted_once_nothing_hangs_on_it(with_alice: Account) -> None:
    name = {"UserName": "alice"}
    with_alice.call("iam", "CreateGroup", {"GroupName": "devs"})
    key = with_alice.call("iam", "CreateAccessKey", name)["AccessKey"]["AccessKeyId"]
    hanging: list[tuple[str, dict[str, object], str, dict[str, object], str]] = [
        (
            "TagUser",
            {**name, "Tags": []},
            "DeleteAccessKey",
            {**name, "AccessKeyId": key},
            "delete access keys",
        ),
        (
            "AddUserToGroup",
            {**name, "GroupName": "devs"},
            "RemoveUserFromGroup",
            {**name, "GroupName": "devs"},
            "remove users from group",
        ),
        (
            "AttachUserPolicy",
            {**name, "PolicyArn": MANAGED},
            "DetachUserPolicy",
            {**name, "PolicyArn": MANAGED},
            "detach all policies",
        ),
        (
            "PutUserPolicy",
            {**name, "PolicyName": "p", "PolicyDocument": DOCUMENT},
            "DeleteUserPolicy",
            {**name, "PolicyName": "p"},
            "delete policies",
        ),
    ]
    for put, put_input, take, take_input, must in hanging:
        with_alice.call("iam", put, put_input)
        assert refusal(with_alice, "DeleteUser", name) == (
            "DeleteConflict",
            f"Cannot delete entity, must {must} first.",
        )
        with_alice.call("iam", take, take_input)
    with_alice.call("iam", "DeleteUser", name)
    assert refusal(with_alice, "GetUser", name)[0] == "NoSuchEntity"


def test_users_are_tagged_without_regard_to_case(with_alice: Account) -> None:
    name = {"UserName": "alice"}
    with_alice.call("iam", "TagUser", {**name, "Tags": [{"Key": "Team", "Value": "a"}]})
    with_alice.call("iam", "TagUser", {**name, "Tags": [{"Key": "TEAM", "Value": "b"}]})
    tags = with_alice.call("iam", "ListUserTags", name)["Tags"]
    assert tags == [{"Key": "TEAM", "Value": "b"}]
    with_alice.call("iam", "UntagUser", {**name, "TagKeys": ["team"]})
    assert with_alice.call("iam", "ListUserTags", name)["Tags"] == []


def test_tags_of_the_request_and_of_the_user_are_what_policies_see(account: Account) -> None:
    account.add_user("alice", tags=(Tag("Team", "a"),))
    tags = [{"Key": "Cost", "Value": "1"}]
    (tag,) = account.checks("iam", "TagUser", {"UserName": "alice", "Tags": tags})
    assert tag.resource == ALICE
    assert tag.context == {
        "aws:resourcetag/team": ("a",),
        "iam:resourcetag/team": ("a",),
        "aws:requesttag/cost": ("1",),
        "aws:tagkeys": ("Cost",),
    }
    create, also_tag = account.checks("iam", "CreateUser", {"UserName": "bob", "Tags": tags})
    assert [create.action, also_tag.action] == ["iam:CreateUser", "iam:TagUser"]
    assert create.context == {"aws:requesttag/cost": ("1",), "aws:tagkeys": ("Cost",)}


def test_inline_policies_of_users_are_put_answered_listed_and_deleted(with_alice: Account) -> None:
    named = {"UserName": "alice", "PolicyName": "read"}
    with_alice.call("iam", "PutUserPolicy", {**named, "PolicyDocument": DOCUMENT})
    answer = with_alice.call("iam", "GetUserPolicy", named)
    assert (answer["UserName"], answer["PolicyName"]) == ("alice", "read")
    assert unquote(answer["PolicyDocument"]) == DOCUMENT
    assert with_alice.call("iam", "ListUserPolicies", {"UserName": "alice"})["PolicyNames"] == ["read"]
    with_alice.call("iam", "DeleteUserPolicy", named)
    assert with_alice.call("iam", "ListUserPolicies", {"UserName": "alice"})["PolicyNames"] == []


def test_policies_put_on_a_user_or_attached_are_what_it_may_do(account: Account) -> None:
    alice = account.add_user("alice")
    named = {"UserName": "alice"}
    account.call("iam", "CreatePolicy", {"PolicyName": "read", "PolicyDocument": allow("iam:ListGroups")})
    for put, wire_input in (
        ("PutUserPolicy", {"PolicyName": "p", "PolicyDocument": allow("iam:ListRoles")}),
        ("AttachUserPolicy", {"PolicyArn": MANAGED}),
    ):
        operation = "ListRoles" if put == "PutUserPolicy" else "ListGroups"
        with pytest.raises(AwsError, match="because no identity-based policy allows"):
            account.call("iam", operation, as_=alice)
        account.call("iam", put, {**named, **wire_input})
        account.call("iam", operation, as_=alice)


@pytest.mark.parametrize("tag_keys", [["team"], ["team", "admin"]])
@pytest.mark.parametrize(
    ("condition", "allows"),
    [
        # "Multivalued context keys require a condition set operator."
        ({"StringEquals": {"aws:TagKeys": "team"}}, {1: False, 2: False}),
        ({"StringLikeIfExists": {"aws:TagKeys": "*"}}, {1: False, 2: False}),
        ({"StringNotEquals": {"aws:TagKeys": "admin"}}, {1: False, 2: False}),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "team"}}, {1: True, 2: False}),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}, {1: True, 2: True}),
        # "use either true … or false (the key exists and its value is not null)": it compares no value.
        ({"Null": {"aws:TagKeys": "false"}}, {1: True, 2: True}),
    ],
    ids=str,
)
def test_an_allow_compares_tag_keys_by_set_operators_alone(
    account: Account, condition: dict[str, dict[str, str]], allows: dict[int, bool], tag_keys: list[str]
) -> None:
    maker = account.add_user("maker", allow("iam:CreateUser", "iam:TagUser", **condition))
    made = {"UserName": "carol", "Tags": [{"Key": key, "Value": "x"} for key in tag_keys]}
    if allows[len(tag_keys)]:
        account.call("iam", "CreateUser", made, as_=maker)
    else:
        with pytest.raises(Denied):
            account.call("iam", "CreateUser", made, as_=maker)
    assert (account.snapshot.user_named("carol") is not None) is allows[len(tag_keys)]


@pytest.mark.parametrize(
    ("operation", "wire_input", "code", "sentence"),
    [
        ("UpdateUser", {"UserName": "no"}, "NoSuchEntity", NO_USER),
        ("DeleteUser", {"UserName": "no"}, "NoSuchEntity", NO_USER),
        ("TagUser", {"UserName": "no", "Tags": []}, "NoSuchEntity", NO_USER),
        ("UntagUser", {"UserName": "no", "TagKeys": []}, "NoSuchEntity", NO_USER),
        ("ListUserTags", {"UserName": "no"}, "NoSuchEntity", NO_USER),
        (
            "PutUserPolicy",
            {"UserName": "no", "PolicyName": "p", "PolicyDocument": DOCUMENT},
            "NoSuchEntity",
            NO_USER,
        ),
        (
            "PutUserPolicy",
            {"UserName": "alice", "PolicyName": "p", "PolicyDocument": "{"},
            "MalformedPolicyDocument",
            "Syntax errors in policy.",
        ),
        (
            "PutUserPolicy",
            {
                "UserName": "alice",
                "PolicyName": "p",
                "PolicyDocument": allow("s3:GetObject", resource="arn:aws:s3:::" + "b" * 2_048),
            },
            "LimitExceeded",
            "Maximum policy size of 2048 bytes exceeded for user alice",
        ),
        ("DeleteUserPolicy", {"UserName": "no", "PolicyName": "p"}, "NoSuchEntity", NO_USER),
        (
            "DeleteUserPolicy",
            {"UserName": "alice", "PolicyName": "p"},
            "NoSuchEntity",
            "The user policy with name p cannot be found.",
        ),
        ("AttachUserPolicy", {"UserName": "no", "PolicyArn": MANAGED}, "NoSuchEntity", NO_USER),
        (
            "AttachUserPolicy",
            {"UserName": "alice", "PolicyArn": ABSENT},
            "NoSuchEntity",
            f"Policy {ABSENT} does not exist or is not attachable.",
        ),
        ("DetachUserPolicy", {"UserName": "no", "PolicyArn": MANAGED}, "NoSuchEntity", NO_USER),
        (
            "DetachUserPolicy",
            {"UserName": "alice", "PolicyArn": MANAGED},
            "NoSuchEntity",
            f"Policy {MANAGED} was not found.",
        ),
        ("ListGroupsForUser", {"UserName": "no"}, "NoSuchEntity", NO_USER),
        (
            "CreateUser",
            {"UserName": "bob", "Tags": [{"Key": "aws:x", "Value": ""}]},
            "InvalidInput",
            "The tag 'aws:x' uses the prefix aws:, which is reserved for system tags in keys and values.",
        ),
    ],
)
def test_refusals_of_user_lives(
    with_alice: Account, operation: str, wire_input: dict[str, object], code: str, sentence: str
) -> None:
    assert refusal(with_alice, operation, wire_input) == (code, sentence)


def test_ten_policies_can_be_attached_to_a_user(with_alice: Account) -> None:
    for number in range(11):
        with_alice.call("iam", "CreatePolicy", {"PolicyName": f"p{number}", "PolicyDocument": DOCUMENT})
        wire_input = {"UserName": "alice", "PolicyArn": f"arn:aws:iam::{ACCOUNT_ID}:policy/p{number}"}
        if number < 10:
            with_alice.call("iam", "AttachUserPolicy", wire_input)
    assert refusal(with_alice, "AttachUserPolicy", wire_input) == (
        "LimitExceeded",
        "Cannot exceed quota for PoliciesPerUser: 10",
    )
