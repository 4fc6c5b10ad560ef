"""Associations ⇄ rows."""

from collections.abc import Sequence

from sqlalchemy import Column, Index, Table, bindparam, text

from tabard.model.association import Association, AssociationState
from tabard.store import ports
from tabard.store.column_types import EnumText
from tabard.store.rows.aggregate_table import AggregateTable, TableRows
from tabard.store.rows.instances import instances
from tabard.store.schema import (
    account_column,
    account_index,
    key_column,
    metadata,
    reference,
    text_column,
    time_column,
)

associations = Table(
    "associations",
    metadata,
    account_column(),
    key_column("association_id"),
    text_column("instance_id"),
    text_column("instance_profile_id"),
    text_column("instance_profile_arn"),
    Column("state", EnumText(AssociationState), nullable=False),
    time_column("changed_at"),
    reference("instance_id", instances.c.instance_id),
    account_index("instance_id"),
    account_index("instance_profile_id"),
)

# INVARIANT: an instance has at most one active association.
_ACTIVE = text("state IN ('associating', 'associated')")
Index(
    "uq_associations_account_id_active_instance_id",
    associations.c.account_id,
    associations.c.instance_id,
    unique=True,
    sqlite_where=_ACTIVE,
    postgresql_where=_ACTIVE,
)


class SqlAssociations(TableRows[str, Association], ports.Associations):
    """Implements `ports.Associations`. A second active association of one instance is AlreadyStored."""

    table = AggregateTable(Association, associations.c.association_id)
    _by_instance = table.query(associations.c.instance_id == bindparam("instance_id"))
    _by_profile = table.query(associations.c.instance_profile_id == bindparam("profile_id"))

    def of_instance(self, instance_id: str) -> Sequence[Association]:
        return self.where(self._by_instance, instance_id=instance_id)

    def with_instance_profile(self, instance_profile_id: str) -> Sequence[Association]:
        return self.where(self._by_profile, profile_id=instance_profile_id)
