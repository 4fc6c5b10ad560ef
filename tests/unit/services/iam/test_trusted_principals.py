"""A trust policy names the very user or role that was there when it was saved."""

import json

import pytest

from tabard.access.caller import Caller
from tabard.access.refusals import AccessDenied
from tabard.errors import AwsError
from tests.support.one_account import ACCOUNT_ID, TRUSTS_ACCOUNT, Account

ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/"


def trusting(*arns: str) -> str:
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
        {"Effect": "Deny", "Principal": "*", "Action": "sts:TagSession"},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def make(account: Account, name: str, trust: str = TRUSTS_ACCOUNT, path: str = "/") -> None:
    account.call("iam", "CreateRole", {"RoleName": name, "Path": path, "AssumeRolePolicyDocument": trust})


def may_assume(account: Account, name: str, caller: Caller) -> bool:
    request = {"RoleArn": f"{ROLE}{name}", "RoleSessionName": "me"}
    try:
        account.call("sts", "AssumeRole", request, as_=caller)
    except AccessDenied:
        return False
    return True


def test_a_role_made_anew_is_not_the_one_that_was_trusted(account: Account) -> None:
    make(account, "web")
    make(account, "target", trusting(f"{ROLE}web"))
    assert may_assume(account, "target", account.session("web"))
    account.call("iam", "DeleteRole", {"RoleName": "web"})
    make(account, "web")
    assert not may_assume(account, "target", account.session("web"))
    account.call(
        "iam",
        "UpdateAssumeRolePolicy",
        {"RoleName": "target", "PolicyDocument": trusting(f"{ROLE}web")},
    )
    assert may_assume(account, "target", account.session("web"))


def test_a_user_is_trusted_as_a_role_is(account: Account) -> None:
    alice, bob = account.add_user("alice"), account.add_user("bob")
    make(account, "target", trusting(alice.arn, f"{ROLE}of/web".replace(ACCOUNT_ID, "999999999999")))
    assert may_assume(account, "target", alice)
    assert not may_assume(account, "target", bob)
    role = account.snapshot.role_named("target")
    assert role is not None
    assert role.trusted == ((alice.arn, alice.user_id),)


def test_whole_accounts_sessions_and_everybody_stay_as_they_are_written(account: Account) -> None:
    make(account, "web")
    written = ("*", ACCOUNT_ID, f"arn:aws:iam::{ACCOUNT_ID}:root", f"{SESSIONS}web/session")
    for name in written:
        make(account, f"target-{len(account.snapshot.roles)}", trusting(name))
    assert all(not role.trusted for role in account.snapshot.roles.values())


SESSIONS = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/"


@pytest.mark.parametrize(
    "arn",
    [f"{ROLE}nobody", f"{ROLE}other/web", f"{ROLE}WEB", f"arn:aws:iam::{ACCOUNT_ID}:user/web"],
)
def test_a_principal_that_is_not_there_cannot_be_trusted(account: Account, arn: str) -> None:
    """AWS: MalformedPolicyDocument, "Invalid principal in policy"."""
    make(account, "web")
    for operation, request in (
        ("CreateRole", {"RoleName": "target", "AssumeRolePolicyDocument": trusting(arn)}),
        ("UpdateAssumeRolePolicy", {"RoleName": "web", "PolicyDocument": trusting(arn)}),
    ):
        with pytest.raises(AwsError) as refused:
            account.call("iam", operation, request)
        assert refused.value.error_code == "MalformedPolicyDocument"
        assert refused.value.message == f'Invalid principal in policy: "AWS":"{arn}"'
