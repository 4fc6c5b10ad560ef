"""The alias of the account: one at most, replaced by the next, and nobody else's."""

import pytest

from tabard.errors import AwsError
from tabard.model.account_alias import AccountAlias
from tabard.wire.constraints import RequestRules
from tests.support.answer_shapes import operation_model
from tests.support.one_account import Account, allow


def aliases(account: Account) -> object:
    answer = account.call("iam", "ListAccountAliases")
    assert answer["IsTruncated"] is False
    return answer["AccountAliases"]


def refusal(account: Account, operation: str, alias: str) -> tuple[str, int, str]:
    with pytest.raises(AwsError) as refused:
        account.call("iam", operation, {"AccountAlias": alias})
    return refused.value.error_code, refused.value.http_status, refused.value.message


def test_an_alias_is_made_listed_and_deleted(account: Account) -> None:
    assert aliases(account) == []
    account.call("iam", "CreateAccountAlias", {"AccountAlias": "finance-corp"})
    assert aliases(account) == ["finance-corp"]
    account.call("iam", "DeleteAccountAlias", {"AccountAlias": "finance-corp"})
    assert aliases(account) == []


def test_a_new_alias_takes_the_place_of_the_one_before(account: Account) -> None:
    """AWS: "the new alias overwrites the previous alias"."""
    account.call("iam", "CreateAccountAlias", {"AccountAlias": "first"})
    account.call("iam", "CreateAccountAlias", {"AccountAlias": "second"})
    assert aliases(account) == ["second"]


def test_an_alias_that_is_taken_is_refused_and_nothing_changes(account: Account) -> None:
    account.call("iam", "CreateAccountAlias", {"AccountAlias": "mine"})
    with account.store.transaction("444455556666") as tx:
        tx.account_aliases.insert(AccountAlias(alias="theirs", account_id="444455556666"))
    for taken in ("mine", "theirs"):
        assert refusal(account, "CreateAccountAlias", taken) == (
            "EntityAlreadyExists",
            409,
            f"The account alias {taken} already exists.",
        )
    assert aliases(account) == ["mine"]


@pytest.mark.parametrize("alias", ["another", "theirs"])
def test_an_alias_that_the_account_does_not_have_cannot_be_deleted(account: Account, alias: str) -> None:
    account.call("iam", "CreateAccountAlias", {"AccountAlias": "mine"})
    with account.store.transaction("444455556666") as tx:
        tx.account_aliases.insert(AccountAlias(alias="theirs", account_id="444455556666"))
    assert refusal(account, "DeleteAccountAlias", alias)[:2] == ("NoSuchEntity", 404)
    assert aliases(account) == ["mine"]


def test_each_operation_needs_its_own_permission_on_everything(account: Account) -> None:
    alice = account.add_user("alice", allow("iam:ListAccountAliases"))
    account.call("iam", "ListAccountAliases", as_=alice)
    for operation in ("CreateAccountAlias", "DeleteAccountAlias"):
        with pytest.raises(AwsError, match=f"not authorized to perform: iam:{operation}"):
            account.call("iam", operation, {"AccountAlias": "some-name"}, as_=alice)


def test_a_marker_of_another_list_is_refused(account: Account) -> None:
    with pytest.raises(AwsError, match="Invalid Marker"):
        account.call("iam", "ListAccountAliases", {"Marker": "bm90IGEgbWFya2Vy"})


@pytest.mark.parametrize(
    ("alias", "is_one"),
    [
        ("abc", True),
        ("a-b", True),
        ("finance-corp-2", True),
        ("a" * 63, True),
        ("ab", False),
        ("a" * 64, False),
        ("Finance", False),
        ("-finance", False),
        ("finance-", False),
        ("finance--corp", False),
        ("finance_corp", False),
    ],
)
def test_an_alias_is_lowercase_letters_digits_and_single_hyphens(alias: str, is_one: bool) -> None:
    """AWS: "You cannot start or finish with a dash, nor can you have two dashes in a row"."""
    rules = RequestRules(operation_model("iam", "CreateAccountAlias").input_shape)
    assert bool(rules.violations({"AccountAlias": alias})) is not is_one
