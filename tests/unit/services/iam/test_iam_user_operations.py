"""Users as they are read, and access keys."""

from urllib.parse import unquote

import pytest

from tabard.errors import AwsError
from tests.support.one_account import ACCOUNT_ID, NOW, TRUSTS_EC2, Account, allow

OWN_KEYS = allow(
    "iam:GetUser",
    "iam:CreateAccessKey",
    "iam:ListAccessKeys",
    "iam:UpdateAccessKey",
    "iam:DeleteAccessKey",
    resource=f"arn:aws:iam::{ACCOUNT_ID}:user/${{aws:username}}",
)
NO_USER = "The user with name no cannot be found."
NOT_A_USER = "Must specify userName when calling with non-User credentials"


def test_a_user_is_answered_by_name_or_is_the_caller(account: Account) -> None:
    alice = account.add_user("alice", OWN_KEYS)
    own = account.call("iam", "GetUser", as_=alice)["User"]
    named = account.call("iam", "GetUser", {"UserName": "ALICE"})["User"]
    assert own == named
    assert own["Arn"] == f"arn:aws:iam::{ACCOUNT_ID}:user/alice"
    assert own["UserId"].startswith("AIDA")


def test_the_root_is_answered_as_aws_answers_it(account: Account) -> None:
    answer = account.call("iam", "GetUser", as_=account.root)
    assert answer["User"] == {
        "UserId": ACCOUNT_ID,
        "Arn": f"arn:aws:iam::{ACCOUNT_ID}:root",
        "CreateDate": NOW,
    }


def test_users_and_their_policies_are_listed(account: Account) -> None:
    account.add_user("alice", OWN_KEYS, path="/people/")
    users = account.call("iam", "ListUsers")["Users"]
    assert [user["UserName"] for user in users] == ["admin", "alice"]
    users = account.call("iam", "ListUsers", {"PathPrefix": "/people/"})["Users"]
    assert [user["UserName"] for user in users] == ["alice"]
    assert account.call("iam", "ListUserPolicies", {"UserName": "alice"})["PolicyNames"] == ["p1"]
    document = account.call("iam", "GetUserPolicy", {"UserName": "alice", "PolicyName": "p1"})
    assert unquote(document["PolicyDocument"]) == OWN_KEYS
    attached = account.call("iam", "ListAttachedUserPolicies", {"UserName": "admin"})["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AdministratorAccess"]


@pytest.mark.parametrize(
    ("operation", "wire_input", "code", "sentence"),
    [
        ("GetUser", {"UserName": "no"}, "NoSuchEntity", NO_USER),
        ("GetUserPolicy", {"UserName": "no", "PolicyName": "p"}, "NoSuchEntity", NO_USER),
        (
            "GetUserPolicy",
            {"UserName": "admin", "PolicyName": "p"},
            "NoSuchEntity",
            "The user policy with name p cannot be found.",
        ),
        ("ListUserPolicies", {"UserName": "no"}, "NoSuchEntity", NO_USER),
        ("ListAttachedUserPolicies", {"UserName": "no"}, "NoSuchEntity", NO_USER),
        ("CreateAccessKey", {"UserName": "no"}, "NoSuchEntity", NO_USER),
        ("ListAccessKeys", {"UserName": "no"}, "NoSuchEntity", NO_USER),
        ("DeleteAccessKey", {"UserName": "no", "AccessKeyId": "A" * 20}, "NoSuchEntity", NO_USER),
        (
            "DeleteAccessKey",
            {"UserName": "admin", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE"},
            "NoSuchEntity",
            "The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found.",
        ),
        (
            "UpdateAccessKey",
            {"UserName": "admin", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Inactive"},
            "NoSuchEntity",
            "The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found.",
        ),
        (
            "UpdateAccessKey",
            {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Expired"},
            "InvalidInput",
            "An access key can be set to Active or Inactive only.",
        ),
    ],
)
def test_refusals_of_users_and_keys(
    account: Account, operation: str, wire_input: dict[str, object], code: str, sentence: str
) -> None:
    with pytest.raises(AwsError) as refused:
        account.call("iam", operation, wire_input)
    assert (refused.value.error_code, refused.value.message) == (code, sentence)


@pytest.mark.parametrize("operation", ["GetUser", "CreateAccessKey", "ListAccessKeys"])
def test_a_session_or_a_host_must_name_the_user(account: Account, operation: str) -> None:
    account.call("iam", "CreateRole", {"RoleName": "web", "AssumeRolePolicyDocument": TRUSTS_EC2})
    for caller in (account.session("web"), account.host):
        with pytest.raises(AwsError) as refused:
            account.call("iam", operation, as_=caller)
        assert (refused.value.error_code, refused.value.message) == ("ValidationError", NOT_A_USER)


def test_a_key_is_made_once_with_its_secret_and_can_sign(account: Account) -> None:
    alice = account.add_user("alice", OWN_KEYS)
    made = account.call("iam", "CreateAccessKey", as_=alice)["AccessKey"]
    assert (made["UserName"], made["Status"], made["CreateDate"]) == ("alice", "Active", NOW)
    stored = account.snapshot.access_keys[made["AccessKeyId"]]
    opened = account.store.vault.open(stored.sealed_secret, label=made["AccessKeyId"])
    assert opened.decode() == made["SecretAccessKey"]
    assert made["SecretAccessKey"] not in repr(stored)
    listed = account.call("iam", "ListAccessKeys", {"UserName": "alice"})["AccessKeyMetadata"]
    assert made["AccessKeyId"] in {key["AccessKeyId"] for key in listed}
    assert all("SecretAccessKey" not in key for key in listed)


def test_a_user_has_two_keys_at_most(account: Account) -> None:
    account.call("iam", "CreateAccessKey")
    with pytest.raises(AwsError) as refused:
        account.call("iam", "CreateAccessKey")
    assert (refused.value.error_code, refused.value.message) == (
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )


def test_a_key_is_switched_off_and_deleted(account: Account) -> None:
    key_id = account.call("iam", "CreateAccessKey")["AccessKey"]["AccessKeyId"]
    account.call("iam", "UpdateAccessKey", {"AccessKeyId": key_id, "Status": "Inactive"})
    assert account.snapshot.access_keys[key_id].status == "Inactive"
    account.call("iam", "DeleteAccessKey", {"AccessKeyId": key_id})
    assert key_id not in account.snapshot.access_keys


def test_nobody_reaches_anothers_key_through_their_own_name(account: Account) -> None:
    alice = account.add_user("alice", OWN_KEYS)
    for wire_input in ({}, {"UserName": "alice"}):
        with pytest.raises(AwsError) as refused:
            account.call(
                "iam",
                "DeleteAccessKey",
                {**wire_input, "AccessKeyId": account.admin.access_key_id},
                as_=alice,
            )
        assert refused.value.error_code == "NoSuchEntity"
    with pytest.raises(AwsError, match="not authorized to perform: iam:DeleteAccessKey"):
        account.call(
            "iam",
            "DeleteAccessKey",
            {"UserName": "admin", "AccessKeyId": account.admin.access_key_id},
            as_=alice,
        )


def test_the_roots_keys_are_the_roots_alone(account: Account) -> None:
    made = account.call("iam", "CreateAccessKey", as_=account.root)["AccessKey"]
    assert "UserName" not in made
    listed = account.call("iam", "ListAccessKeys", as_=account.root)["AccessKeyMetadata"]
    assert {key["AccessKeyId"] for key in listed} == {made["AccessKeyId"], account.root.access_key_id}
    with pytest.raises(AwsError) as refused:
        account.call("iam", "DeleteAccessKey", {"AccessKeyId": made["AccessKeyId"]})
    assert refused.value.error_code == "NoSuchEntity"
    account.call("iam", "DeleteAccessKey", {"AccessKeyId": made["AccessKeyId"]}, as_=account.root)


def test_a_user_lists_its_own_keys_without_naming_itself(account: Account) -> None:
    alice = account.add_user("alice", OWN_KEYS)
    listed = account.call("iam", "ListAccessKeys", as_=alice)["AccessKeyMetadata"]
    assert listed == [
        {"UserName": "alice", "AccessKeyId": alice.access_key_id, "Status": "Active", "CreateDate": NOW}
    ]


@pytest.mark.parametrize("operation", ["GetUser", "ListAccessKeys"])
def test_a_user_that_is_gone_by_now_is_not_found(account: Account, operation: str) -> None:
    permit = account.permit(account.admin, *account.checks("iam", operation, {}))
    with account.store.transaction() as tx:
        tx.users.delete(account.admin.owner_id)
    with pytest.raises(AwsError) as refused:
        account.perform_with("iam", operation, permit, {})
    assert refused.value.error_code == "NoSuchEntity"
