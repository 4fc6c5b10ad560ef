"""GetCallerIdentity: who the caller is, for every caller."""

from one_account import ACCOUNT_ID, HOST_ID, TRUSTS_EC2, Account

DENY_EVERYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'


def test_a_user_is_told_its_arn_account_and_id(account: Account) -> None:
    answer = account.call("sts", "GetCallerIdentity")
    assert answer == {
        "UserId": account.admin.owner_id,
        "Account": ACCOUNT_ID,
        "Arn": f"arn:aws:iam::{ACCOUNT_ID}:user/admin",
    }


def test_an_instance_is_told_its_role_and_its_own_id(account: Account) -> None:
    account.call("iam", "CreateRole", {"RoleName": "web", "AssumeRolePolicyDocument": TRUSTS_EC2})
    caller = account.session("web", instance_id="i-0123456789abcdef0")
    answer = account.call("sts", "GetCallerIdentity", as_=caller)
    assert answer["Arn"] == f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/web/i-0123456789abcdef0"
    assert answer["UserId"] == f"{caller.owner_id}:i-0123456789abcdef0"


def test_the_root_and_a_host_are_told_what_they_are(account: Account) -> None:
    assert account.call("sts", "GetCallerIdentity", as_=account.root)["UserId"] == ACCOUNT_ID
    assert account.call("sts", "GetCallerIdentity", as_=account.host)["UserId"] == HOST_ID


def test_even_an_explicit_deny_does_not_stop_it(account: Account) -> None:
    caller = account.add_user("nobody", DENY_EVERYTHING)
    assert account.call("sts", "GetCallerIdentity", as_=caller)["Account"] == ACCOUNT_ID
