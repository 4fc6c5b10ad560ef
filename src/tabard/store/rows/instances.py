"""Instances ⇄ rows."""

from collections.abc import Sequence

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, bindparam, text

from tabard.model.faults import Faults
from tabard.model.instance import Instance, InstanceState, MetadataOptions, ShutdownOptions
from tabard.model.instance_events import InstanceEvents
from tabard.store import ports
from tabard.store.column_types import EnumText
from tabard.store.rows.aggregate_table import AggregateTable, TableRows
from tabard.store.schema import (
    account_column,
    account_index,
    key_column,
    metadata,
    structured_column,
    tags_column,
    text_column,
    time_column,
)
from tabard.store.utc_column import UtcColumn

instances = Table(
    "instances",
    metadata,
    account_column(),
    key_column("instance_id"),
    text_column("reservation_id"),
    text_column("image_id"),
    text_column("host_id"),
    text_column("instance_type"),
    text_column("region"),
    text_column("availability_zone"),
    text_column("private_ip_address"),
    text_column("mac_address"),
    Column("state", EnumText(InstanceState), nullable=False),
    structured_column("metadata_options", MetadataOptions),
    time_column("launched_at"),
    text_column("launched_by"),
    Column("boot_number", Integer, nullable=False),
    Column("ami_launch_index", Integer, nullable=False),
    text_column("client_token"),
    Column("user_data", LargeBinary, nullable=False),
    structured_column("shutdown_options", ShutdownOptions),
    text_column("key_name"),
    text_column("public_key"),
    text_column("state_reason_code"),
    text_column("state_reason_message"),
    Column("state_changed_at", UtcColumn, nullable=True),
    tags_column(),
    structured_column("faults", Faults),
    structured_column("events", InstanceEvents),
    account_index("host_id"),
)

# A query must repeat the index's condition: otherwise the database does not use the index.
_HAS_CLIENT_TOKEN = text("client_token <> ''")
Index(
    "ix_instances_account_id_client_token",
    instances.c.account_id,
    instances.c.client_token,
    sqlite_where=_HAS_CLIENT_TOKEN,
    postgresql_where=_HAS_CLIENT_TOKEN,
)


class SqlInstances(TableRows[str, Instance], ports.Instances):
    """Satisfies `ports.Instances`."""

    table = AggregateTable(Instance, instances.c.instance_id, renamed={"account_id": "owner_account_id"})
    _by_host = table.query(instances.c.host_id == bindparam("host_id"))
    _by_token = table.query((instances.c.client_token == bindparam("token")) & _HAS_CLIENT_TOKEN)

    def on_host(self, host_id: str) -> Sequence[Instance]:
        return self.where(self._by_host, host_id=host_id)

    def launched_with(self, client_token: str) -> Sequence[Instance]:
        return self.where(self._by_token, token=client_token)
