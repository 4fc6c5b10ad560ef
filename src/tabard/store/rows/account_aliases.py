"""Account aliases ⇄ rows."""

from sqlalchemy import Table, UniqueConstraint

from tabard.model.account_alias import AccountAlias
from tabard.store import ports
from tabard.store.rows.aggregate_table import AggregateTable, TableRows
from tabard.store.schema import account_column, key_column, metadata

account_aliases = Table(
    "account_aliases",
    metadata,
    account_column(),
    key_column("alias"),
    UniqueConstraint("alias"),
)
"""INVARIANT: only one account of the installation can have an alias."""


class SqlAccountAliases(TableRows[str, AccountAlias], ports.AccountAliases):
    """Satisfies `ports.AccountAliases`."""

    table = AggregateTable(AccountAlias, account_aliases.c.alias)
