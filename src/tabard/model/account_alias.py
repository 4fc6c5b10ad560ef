"""Account aliases: the name of an account in its sign-in address."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAlias:
    """The alias of one account, which has at most one. No two accounts have the same alias.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/console_account-alias.html
    """

    alias: str
    account_id: str
