"""GetCallerIdentity: who the caller is, for every caller."""

import pytest

from tabard.errors import AwsError
from tabard.names import account_of_access_key_id
from tests.support.one_account import ACCOUNT_ID, TRUSTS_EC2, Account

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


def test_the_root_is_told_what_it_is_but_a_host_calls_hosts_alone(account: Account) -> None:
    assert account.call("sts", "GetCallerIdentity", as_=account.root)["UserId"] == ACCOUNT_ID
    with pytest.raises(AwsError) as refused:
        account.call("sts", "GetCallerIdentity", as_=account.host)
    assert refused.value.error_code == "AccessDenied"


def test_even_an_explicit_deny_does_not_stop_it(account: Account) -> None:
    caller = account.add_user("nobody", DENY_EVERYTHING)
    assert account.call("sts", "GetCallerIdentity", as_=caller)["Account"] == ACCOUNT_ID


def test_a_key_id_tells_its_account_to_who_may_ask(account: Account) -> None:
    for key_id in (account.admin.access_key_id, "ASIAQNZGKIQY56JQ7WML"):
        answer = account.call("sts", "GetAccessKeyInfo", {"AccessKeyId": key_id})
        assert answer == {"Account": account_of_access_key_id(key_id)}
    with pytest.raises(AwsError) as refused:
        account.call("sts", "GetAccessKeyInfo", {"AccessKeyId": "AKIA0000000000000000"})
    assert (refused.value.error_code, refused.value.message) == (
        "ValidationError",
        "The access key ID AKIA0000000000000000 is not valid.",
    )
    with pytest.raises(AwsError, match="not authorized to perform: sts:GetAccessKeyInfo"):
        account.call("sts", "GetAccessKeyInfo", {"AccessKeyId": key_id}, as_=account.add_user("nobody"))
