"""Shared columns of users, groups and roles: inline policies, attached policies, a permissions boundary."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, Table, Text

from tabard.model.policies import InlinePolicy
from tabard.store.rows.aggregate_table import Part
from tabard.store.rows.managed_policies import managed_policies
from tabard.store.schema import account_column, account_index, key_column, metadata, reference, text_column

inline_policies = Table(
    "inline_policies",
    metadata,
    account_column(),
    key_column("owner_id"),
    key_column("name"),
    Column("position", Integer, nullable=False),
    text_column("document"),
)

policy_attachments = Table(
    "policy_attachments",
    metadata,
    account_column(),
    key_column("owner_id"),
    key_column("policy_arn"),
    Column("position", Integer, nullable=False),
    reference("policy_arn", managed_policies.c.arn),
    account_index("policy_arn"),
)

INLINE_POLICIES = Part("inline_policies", inline_policies.c.owner_id, InlinePolicy)
ATTACHED_POLICIES = Part(
    "attached_policy_arns", policy_attachments.c.owner_id, policy_attachments.c.policy_arn
)


def boundary_columns() -> tuple[Column[str], ForeignKeyConstraint, Index]:
    """Make the columns of the optional permissions boundary."""
    name = "permissions_boundary_arn"
    return Column(name, Text, nullable=True), reference(name, managed_policies.c.arn), account_index(name)
