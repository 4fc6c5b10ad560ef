"""Managed policies, with their versions ⇄ rows.

A policy of AWS's is a row of each account that may use it, so that no attachment refers to a row of another
account. `owner_account_id` is the policy's own account: `aws` or the row's account.
"""

from sqlalchemy import Column, Integer, Table, exists, or_, select

from tabard.model.policies import ManagedPolicy, PolicyVersion
from tabard.store import ports
from tabard.store.rows.aggregate_table import AggregateTable, Part, TableRows
from tabard.store.schema import (
    account_column,
    account_unique,
    key_column,
    metadata,
    reference,
    tags_column,
    text_column,
    time_column,
)

managed_policies = Table(
    "managed_policies",
    metadata,
    account_column(),
    key_column("arn"),
    text_column("policy_id"),
    text_column("name"),
    text_column("name_key"),
    text_column("path"),
    text_column("partition"),
    text_column("owner_account_id"),
    text_column("description"),
    text_column("default_version_id"),
    time_column("created_at"),
    time_column("updated_at"),
    tags_column(),
    account_unique("owner_account_id", "name_key"),
)

policy_versions = Table(
    "policy_versions",
    metadata,
    account_column(),
    key_column("policy_arn"),
    key_column("version_id"),
    Column("position", Integer, nullable=False),
    text_column("document"),
    time_column("created_at"),
    reference("policy_arn", managed_policies.c.arn),
)


class SqlManagedPolicies(TableRows[str, ManagedPolicy], ports.ManagedPolicies):
    """Satisfies `ports.ManagedPolicies`."""

    table = AggregateTable(
        ManagedPolicy,
        managed_policies.c.arn,
        renamed={"owner_account_id": "account_id", "account_id": ""},
        parts=(Part("versions", policy_versions.c.policy_arn, PolicyVersion),),
    )

    def is_in_use(self, arn: str) -> bool:
        users, roles, attachments = (
            metadata.tables[name] for name in ("users", "roles", "policy_attachments")
        )
        uses = (
            attachments.c.policy_arn,
            users.c.permissions_boundary_arn,
            roles.c.permissions_boundary_arn,
        )
        account_id = self.journal.account_id
        in_use = or_(*(exists().where(use.table.c.account_id == account_id, use == arn) for use in uses))
        return bool(self.journal.connection.execute(select(in_use)).scalar_one())
