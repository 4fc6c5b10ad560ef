"""Account aliases: the name of an account in the address where its users sign in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAlias:
    """The alias of one account, which has one at most. No two accounts have the same alias.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/console_account-alias.html
    """

    alias: str
    account_id: str
