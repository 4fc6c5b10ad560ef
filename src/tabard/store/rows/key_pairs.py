"""Key pairs ⇄ rows."""

from sqlalchemy import Table, bindparam

from tabard.model.key_pair import KeyPair
from tabard.store import ports
from tabard.store.rows.aggregate_table import AggregateTable, TableRows
from tabard.store.schema import (
    account_column,
    account_unique,
    key_column,
    metadata,
    tags_column,
    text_column,
    time_column,
)

key_pairs = Table(
    "key_pairs",
    metadata,
    account_column(),
    key_column("key_pair_id"),
    text_column("name"),
    text_column("region"),
    text_column("key_type"),
    text_column("fingerprint"),
    text_column("public_key"),
    time_column("created_at"),
    tags_column(),
    account_unique("region", "name"),
)


class SqlKeyPairs(TableRows[str, KeyPair], ports.KeyPairs):
    """Satisfies `ports.KeyPairs`."""

    table = AggregateTable(KeyPair, key_pairs.c.key_pair_id)
    _by_name = table.query(
        (key_pairs.c.region == bindparam("region")) & (key_pairs.c.name == bindparam("name"))
    )

    def named(self, region: str, name: str) -> KeyPair | None:
        return self.first(self._by_name, region=region, name=name)
