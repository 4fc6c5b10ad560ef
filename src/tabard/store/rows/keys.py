"""Access keys and sealing keys ⇄ rows. Secrets are encrypted before they come here."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Column, LargeBinary, Table, bindparam

from tabard.model.access_key import AccessKey, AccessKeyStatus
from tabard.model.sealing_key import SealingKey
from tabard.store import ports
from tabard.store.column_types import EnumText
from tabard.store.rows.aggregate_table import AggregateTable, TableRows
from tabard.store.schema import account_column, account_index, key_column, metadata, text_column, time_column

access_keys = Table(
    "access_keys",
    metadata,
    account_column(),
    key_column("access_key_id"),
    text_column("owner_id"),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("status", EnumText(AccessKeyStatus), nullable=False),
    time_column("created_at"),
    account_index("owner_id"),
)

sealing_keys = Table(
    "sealing_keys",
    metadata,
    Column("key_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sealed_material", LargeBinary, nullable=False),
    time_column("created_at"),
)


class SqlAccessKeys(TableRows[str, AccessKey], ports.AccessKeys):
    """Satisfies `ports.AccessKeys`."""

    table = AggregateTable(AccessKey, access_keys.c.access_key_id)
    _by_owner = table.query(access_keys.c.owner_id == bindparam("owner_id"))

    def of_owner(self, owner_id: str) -> Sequence[AccessKey]:
        return self.where(self._by_owner, owner_id=owner_id)


class SqlSealingKeys(TableRows[int, SealingKey], ports.SealingKeys):
    """Satisfies `ports.SealingKeys`."""

    table = AggregateTable(SealingKey, sealing_keys.c.key_id)
