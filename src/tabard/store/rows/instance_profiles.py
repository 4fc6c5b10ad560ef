"""Instance profiles ⇄ rows."""

from collections.abc import Sequence

from sqlalchemy import Column, ForeignKey, Table, Text

from tabard.model.instance_profile import InstanceProfile
from tabard.store import ports
from tabard.store.rows.aggregate_table import AggregateTable, TableRows
from tabard.store.rows.roles import roles
from tabard.store.schema import key_column, metadata, tags_column, text_column, time_column

instance_profiles = Table(
    "instance_profiles",
    metadata,
    key_column("instance_profile_id"),
    text_column("name"),
    Column("name_key", Text, nullable=False, unique=True),
    text_column("path"),
    text_column("partition"),
    text_column("account_id"),
    time_column("created_at"),
    Column("role_id", ForeignKey(roles.c.role_id), nullable=True, index=True),
    tags_column(),
)


class SqlInstanceProfiles(TableRows[str, InstanceProfile], ports.InstanceProfiles):
    """Satisfies `ports.InstanceProfiles`."""

    table = AggregateTable(InstanceProfile, instance_profiles.c.instance_profile_id)

    def named(self, name: str) -> InstanceProfile | None:
        return self.first(instance_profiles.c.name_key == name.lower())

    def holding(self, role_id: str) -> Sequence[InstanceProfile]:
        return self.where(instance_profiles.c.role_id == role_id)
