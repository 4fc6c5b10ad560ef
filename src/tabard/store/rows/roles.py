"""Roles ⇄ rows."""

from sqlalchemy import Column, Integer, Table, bindparam

from tabard.model.role import Role
from tabard.store import ports
from tabard.store.rows.aggregate_table import AggregateTable, TableRows
from tabard.store.rows.policy_holders import ATTACHED_POLICIES, INLINE_POLICIES, boundary_columns
from tabard.store.schema import (
    account_column,
    account_unique,
    key_column,
    metadata,
    structured_column,
    tags_column,
    text_column,
    time_column,
)

roles = Table(
    "roles",
    metadata,
    account_column(),
    key_column("role_id"),
    text_column("name"),
    text_column("name_key"),
    text_column("path"),
    text_column("partition"),
    text_column("description"),
    text_column("trust_policy"),
    structured_column("trusted", tuple[tuple[str, str], ...]),
    Column("max_session_duration_seconds", Integer, nullable=False),
    time_column("created_at"),
    *boundary_columns(),
    tags_column(),
    account_unique("name_key"),
)


class SqlRoles(TableRows[str, Role], ports.Roles):
    """Satisfies `ports.Roles`."""

    table = AggregateTable(Role, roles.c.role_id, parts=(INLINE_POLICIES, ATTACHED_POLICIES))
    _by_name = table.query(roles.c.name_key == bindparam("name_key"))

    def named(self, name: str) -> Role | None:
        return self.first(self._by_name, name_key=name.lower())
