"""What users, groups and roles share: inline policies, attached policies, a permissions boundary."""

from sqlalchemy import Column, ForeignKey, Integer, Table

from tabard.model.policies import InlinePolicy
from tabard.store.rows.aggregate_table import Part
from tabard.store.rows.managed_policies import managed_policies
from tabard.store.schema import key_column, metadata, text_column

inline_policies = Table(
    "inline_policies",
    metadata,
    key_column("owner_id"),
    key_column("name"),
    Column("position", Integer, nullable=False),
    text_column("document"),
)

policy_attachments = Table(
    "policy_attachments",
    metadata,
    key_column("owner_id"),
    Column("policy_arn", ForeignKey(managed_policies.c.arn), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
)

INLINE_POLICIES = Part("inline_policies", inline_policies.c.owner_id, InlinePolicy)
ATTACHED_POLICIES = Part(
    "attached_policy_arns", policy_attachments.c.owner_id, policy_attachments.c.policy_arn
)


def boundary_column() -> Column[str]:
    """The permissions boundary, where there is one."""
    return Column("permissions_boundary_arn", ForeignKey(managed_policies.c.arn), nullable=True, index=True)
