"""Hosts ⇄ rows."""

from sqlalchemy import Boolean, Column, Table

from tabard.model.host import Host
from tabard.store import ports
from tabard.store.rows.aggregate_table import AggregateTable, TableRows
from tabard.store.schema import account_column, key_column, metadata, text_column, time_column

hosts = Table(
    "hosts",
    metadata,
    account_column(),
    key_column("host_id"),
    text_column("name"),
    text_column("partition"),
    text_column("region"),
    time_column("registered_at"),
    time_column("last_seen_at"),
    Column("ephemeral", Boolean, nullable=False),
    text_column("registered_by"),
    text_column("key_fingerprint"),
    text_column("next_key_fingerprint"),
)


class SqlHosts(TableRows[str, Host], ports.Hosts):
    """Satisfies `ports.Hosts`."""

    table = AggregateTable(Host, hosts.c.host_id)
