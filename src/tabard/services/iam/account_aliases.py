"""The alias of the account."""

from tabard.access.authorize import Permit
from tabard.model.account_alias import AccountAlias
from tabard.services.iam.checks import on_everything
from tabard.services.iam.errors import AccountAliasAlreadyExists, NoSuchAccountAlias
from tabard.services.iam.pages import PagedRequest, page
from tabard.services.operation import Operation, Output, Read, Request, Write
from tabard.store.ports import AlreadyStored, Transaction
from tabard.store.snapshot import Snapshot


class AccountAliasRequest(Request, frozen=True, kw_only=True):
    """Names an alias: 3 to 63 lowercase letters, digits and single hyphens, none at either end."""

    account_alias: str


def create_account_alias(permit: Permit, request: AccountAliasRequest, tx: Transaction) -> Output:
    """Give the account an alias, in place of the one that it had.

    AWS: "If you create a new alias for your AWS account, the new alias overwrites the previous alias".

    Raises:
        AccountAliasAlreadyExists: this account or another one has it.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccountAlias.html,
        https://docs.aws.amazon.com/IAM/latest/UserGuide/console_account-alias.html
    Differs: an alias is unique in the installation; in AWS, among all accounts.
    """
    permit.require("iam:CreateAccountAlias", "*")
    alias = AccountAlias(alias=request.account_alias, account_id=permit.account_id)
    before = tx.account_aliases.all()
    try:
        tx.account_aliases.insert(alias)
    except AlreadyStored as error:
        raise AccountAliasAlreadyExists(account_alias=alias.alias) from error
    for replaced in before:
        tx.account_aliases.delete(replaced.alias)
    return {}


def delete_account_alias(permit: Permit, request: AccountAliasRequest, tx: Transaction) -> Output:
    """Take the alias from the account.

    Raises:
        NoSuchAccountAlias: the account has no alias, or another one.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccountAlias.html
    """
    permit.require("iam:DeleteAccountAlias", "*")
    if tx.account_aliases.get(request.account_alias) is None:
        raise NoSuchAccountAlias(account_alias=request.account_alias)
    tx.account_aliases.delete(request.account_alias)
    return {}


def list_account_aliases(_permit: Permit, request: PagedRequest, snapshot: Snapshot) -> Output:
    """Return the account's alias, if it has one.

    Raises:
        ValidationError: the marker is not this list's.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccountAliases.html
    """
    shown, truncation = page(
        snapshot.account_aliases, lambda alias: alias, request, listing="account-aliases"
    )
    return {"AccountAliases": shown, **truncation}


OPERATIONS: tuple[Operation, ...] = (
    Write(AccountAliasRequest, on_everything("iam:CreateAccountAlias"), create_account_alias),
    Write(AccountAliasRequest, on_everything("iam:DeleteAccountAlias"), delete_account_alias),
    Read(PagedRequest, on_everything("iam:ListAccountAliases"), list_account_aliases),
)
