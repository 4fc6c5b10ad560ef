"""Managed policies, with their versions ⇄ rows."""

from sqlalchemy import Column, ForeignKey, Integer, Table, UniqueConstraint, exists, or_, select

from tabard.model.policies import ManagedPolicy, PolicyVersion
from tabard.store import ports
from tabard.store.rows.aggregate_table import AggregateTable, Part, TableRows
from tabard.store.schema import key_column, metadata, tags_column, text_column, time_column

managed_policies = Table(
    "managed_policies",
    metadata,
    key_column("arn"),
    text_column("policy_id"),
    text_column("name"),
    text_column("name_key"),
    text_column("path"),
    text_column("partition"),
    text_column("account_id"),
    text_column("description"),
    text_column("default_version_id"),
    time_column("created_at"),
    time_column("updated_at"),
    tags_column(),
    UniqueConstraint("account_id", "name_key"),
)

policy_versions = Table(
    "policy_versions",
    metadata,
    Column("policy_arn", ForeignKey(managed_policies.c.arn), primary_key=True),
    key_column("version_id"),
    Column("position", Integer, nullable=False),
    text_column("document"),
    time_column("created_at"),
)


class SqlManagedPolicies(TableRows[str, ManagedPolicy], ports.ManagedPolicies):
    """Satisfies `ports.ManagedPolicies`."""

    table = AggregateTable(
        ManagedPolicy,
        managed_policies.c.arn,
        parts=(Part("versions", policy_versions.c.policy_arn, PolicyVersion),),
    )

    def is_in_use(self, arn: str) -> bool:
        users, roles, attachments = (
            metadata.tables[name] for name in ("users", "roles", "policy_attachments")
        )
        in_use = or_(
            exists().where(attachments.c.policy_arn == arn),
            exists().where(users.c.permissions_boundary_arn == arn),
            exists().where(roles.c.permissions_boundary_arn == arn),
        )
        return bool(self.journal.connection.execute(select(in_use)).scalar_one())
