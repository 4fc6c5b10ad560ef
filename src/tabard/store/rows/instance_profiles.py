"""Instance profiles ⇄ rows."""

from collections.abc import Sequence

from sqlalchemy import Column, Table, Text, bindparam

from tabard.model.instance_profile import InstanceProfile
from tabard.store import ports
from tabard.store.rows.aggregate_table import AggregateTable, TableRows
from tabard.store.rows.roles import roles
from tabard.store.schema import (
    account_column,
    account_index,
    account_unique,
    key_column,
    metadata,
    reference,
    tags_column,
    text_column,
    time_column,
)

instance_profiles = Table(
    "instance_profiles",
    metadata,
    account_column(),
    key_column("instance_profile_id"),
    text_column("name"),
    text_column("name_key"),
    text_column("path"),
    text_column("partition"),
    time_column("created_at"),
    Column("role_id", Text, nullable=True),
    tags_column(),
    account_unique("name_key"),
    reference("role_id", roles.c.role_id),
    account_index("role_id"),
)


class SqlInstanceProfiles(TableRows[str, InstanceProfile], ports.InstanceProfiles):
    """Satisfies `ports.InstanceProfiles`."""

    table = AggregateTable(InstanceProfile, instance_profiles.c.instance_profile_id)
    _by_name = table.query(instance_profiles.c.name_key == bindparam("name_key"))
    _by_role = table.query(instance_profiles.c.role_id == bindparam("role_id"))

    def named(self, name: str) -> InstanceProfile | None:
        return self.first(self._by_name, name_key=name.lower())

    def holding(self, role_id: str) -> Sequence[InstanceProfile]:
        return self.where(self._by_role, role_id=role_id)
