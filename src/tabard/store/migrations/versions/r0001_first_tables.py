"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

# Until 0.1.0 these tables may change. Each change takes a new letter, so that an older store is refused.
revision = "0001b"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_keys",
        *_texts("account_id", "access_key_id", "owner_id"),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        *_texts("status"),
        *_times("created_at"),
        sa.PrimaryKeyConstraint("account_id", "access_key_id", name="pk_access_keys"),
    )
    op.create_index("ix_access_keys_account_id_owner_id", "access_keys", ["account_id", "owner_id"])
    op.create_table(
        "account_aliases",
        *_texts("account_id", "alias"),
        sa.PrimaryKeyConstraint("account_id", "alias", name="pk_account_aliases"),
        sa.UniqueConstraint("alias", name="uq_account_aliases_alias"),
    )
    op.create_table(
        "audit_counters",
        *_texts("account_id"),
        *_times("number", "end_offset"),
        sa.PrimaryKeyConstraint("account_id", name="pk_audit_counters"),
    )
    op.create_table(
        "audit_events",
        *_texts("account_id"),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        *_times("end_offset"),
        *_texts("request_id"),
        *_times("at"),
        *_texts(
            "service",
            "operation",
            "principal_arn",
            "principal_id",
            "access_key_id",
            "instance_id",
            "source_ip",
            "user_agent",
            "region",
        ),
        *_texts("resources", "outcome", "error_code", "reason"),
        sa.Column("http_status", sa.Integer(), nullable=False),
        *_times("snapshot_version"),
        *_texts("decisions", "policies", "explanation"),
        sa.PrimaryKeyConstraint("account_id", "number", name="pk_audit_events"),
    )
    op.create_index("ix_audit_events_account_id_at", "audit_events", ["account_id", "at"])
    op.create_index("ix_audit_events_account_id_request_id", "audit_events", ["account_id", "request_id"])
    op.create_index(
        "ix_audit_events_denied",
        "audit_events",
        ["account_id", "at"],
        **_only("outcome IN ('denied', 'not_offered')"),
    )
    change_counter = op.create_table(
        "change_counter",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        *_times("version"),
        sa.PrimaryKeyConstraint("number", name="pk_change_counter"),
    )
    op.bulk_insert(change_counter, [{"number": 1, "version": 0}])
    op.create_table(
        "changes",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        *_texts("account_id", "kind", "key"),
        sa.PrimaryKeyConstraint("version", "account_id", "kind", "key", name="pk_changes"),
    )
    op.create_table(
        "console_outputs",
        *_texts("account_id", "instance_id"),
        sa.Column("output", sa.LargeBinary(), nullable=False),
        *_times("reported_at"),
        sa.PrimaryKeyConstraint("account_id", "instance_id", name="pk_console_outputs"),
    )
    op.create_table(
        "groups",
        *_texts("account_id", "group_id", "name", "name_key", "path", "partition"),
        *_times("created_at"),
        sa.PrimaryKeyConstraint("account_id", "group_id", name="pk_groups"),
        sa.UniqueConstraint("account_id", "name_key", name="uq_groups_account_id_name_key"),
    )
    op.create_table(
        "hosts",
        *_texts("account_id", "host_id", "name", "partition", "region"),
        *_times("registered_at", "last_seen_at"),
        sa.Column("ephemeral", sa.Boolean(), nullable=False),
        *_texts("registered_by", "key_fingerprint", "next_key_fingerprint"),
        sa.PrimaryKeyConstraint("account_id", "host_id", name="pk_hosts"),
    )
    op.create_table(
        "images",
        *_texts("account_id", "image_id", "name", "description", "driver", "imds_support", "architecture"),
        *_times("created_at"),
        sa.PrimaryKeyConstraint("account_id", "image_id", name="pk_images"),
    )
    op.create_table(
        "inline_policies",
        *_texts("account_id", "owner_id", "name"),
        sa.Column("position", sa.Integer(), nullable=False),
        *_texts("document"),
        sa.PrimaryKeyConstraint("account_id", "owner_id", "name", name="pk_inline_policies"),
    )
    op.create_table(
        "installation",
        *_texts("name", "value"),
        sa.PrimaryKeyConstraint("name", name="pk_installation"),
    )
    op.create_table(
        "instances",
        *_texts(
            "account_id",
            "instance_id",
            "reservation_id",
            "image_id",
            "host_id",
            "instance_type",
            "region",
            "availability_zone",
            "private_ip_address",
            "mac_address",
            "state",
            "metadata_options",
        ),
        *_times("launched_at"),
        *_texts("launched_by"),
        sa.Column("boot_number", sa.Integer(), nullable=False),
        sa.Column("ami_launch_index", sa.Integer(), nullable=False),
        *_texts("client_token"),
        sa.Column("user_data", sa.LargeBinary(), nullable=False),
        *_texts("shutdown_options", "key_name", "public_key", "state_reason_code", "state_reason_message"),
        sa.Column("state_changed_at", sa.BigInteger(), nullable=True),
        *_texts("tags", "faults", "events"),
        sa.PrimaryKeyConstraint("account_id", "instance_id", name="pk_instances"),
    )
    op.create_index(
        "ix_instances_account_id_client_token",
        "instances",
        ["account_id", "client_token"],
        **_only("client_token <> ''"),
    )
    op.create_index("ix_instances_account_id_host_id", "instances", ["account_id", "host_id"])
    op.create_table(
        "join_tokens",
        *_texts(
            "account_id", "token_id", "secret_hash", "host_name", "instance_profile_id", "partition", "region"
        ),
        *_times("created_at"),
        *_texts("created_by"),
        *_times("expires_at"),
        *_texts("claimed_by", "host_id"),
        sa.PrimaryKeyConstraint("account_id", "token_id", name="pk_join_tokens"),
    )
    op.create_index("ix_join_tokens_account_id_expires_at", "join_tokens", ["account_id", "expires_at"])
    op.create_table(
        "key_pairs",
        *_texts("account_id", "key_pair_id", "name", "region", "key_type", "fingerprint", "public_key"),
        *_times("created_at"),
        *_texts("tags"),
        sa.PrimaryKeyConstraint("account_id", "key_pair_id", name="pk_key_pairs"),
        sa.UniqueConstraint("account_id", "region", "name", name="uq_key_pairs_account_id_region_name"),
    )
    op.create_table(
        "managed_policies",
        *_texts(
            "account_id",
            "arn",
            "policy_id",
            "name",
            "name_key",
            "path",
            "partition",
            "owner_account_id",
            "description",
            "default_version_id",
        ),
        *_times("created_at", "updated_at"),
        *_texts("tags"),
        sa.PrimaryKeyConstraint("account_id", "arn", name="pk_managed_policies"),
        sa.UniqueConstraint(
            "account_id",
            "owner_account_id",
            "name_key",
            name="uq_managed_policies_account_id_owner_account_id_name_key",
        ),
    )
    op.create_table(
        "organizations",
        *_texts("organization_id", "management_account_id"),
        sa.PrimaryKeyConstraint("organization_id", name="pk_organizations"),
    )
    op.create_table(
        "revocations",
        *_texts("account_id", "subject", "subject_id"),
        *_times("not_before", "forget_after"),
        sa.PrimaryKeyConstraint("account_id", "subject", "subject_id", name="pk_revocations"),
    )
    op.create_index("ix_revocations_account_id_forget_after", "revocations", ["account_id", "forget_after"])
    op.create_table(
        "sealing_keys",
        sa.Column("key_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed_material", sa.LargeBinary(), nullable=False),
        *_times("created_at"),
        sa.PrimaryKeyConstraint("key_id", name="pk_sealing_keys"),
    )
    op.create_table(
        "associations",
        *_texts(
            "account_id",
            "association_id",
            "instance_id",
            "instance_profile_id",
            "instance_profile_arn",
            "state",
        ),
        *_times("changed_at"),
        sa.ForeignKeyConstraint(
            ["account_id", "instance_id"],
            ["instances.account_id", "instances.instance_id"],
            name="fk_associations_account_id_instance_id",
        ),
        sa.PrimaryKeyConstraint("account_id", "association_id", name="pk_associations"),
    )
    op.create_index("ix_associations_account_id_instance_id", "associations", ["account_id", "instance_id"])
    op.create_index(
        "ix_associations_account_id_instance_profile_id",
        "associations",
        ["account_id", "instance_profile_id"],
    )
    op.create_index(
        "uq_associations_account_id_active_instance_id",
        "associations",
        ["account_id", "instance_id"],
        unique=True,
        **_only("state IN ('associating', 'associated')"),
    )
    op.create_table(
        "control_policies",
        *_texts("organization_id", "name"),
        sa.Column("position", sa.Integer(), nullable=False),
        *_texts("control_type", "document"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name="fk_control_policies_organization_id"
        ),
        sa.PrimaryKeyConstraint("organization_id", "name", name="pk_control_policies"),
    )
    op.create_table(
        "organization_nodes",
        *_texts("organization_id", "node_id"),
        sa.Column("position", sa.Integer(), nullable=False),
        *_texts("kind", "name", "parent_id", "service_control", "resource_control"),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.organization_id"],
            name="fk_organization_nodes_organization_id",
        ),
        sa.PrimaryKeyConstraint("organization_id", "node_id", name="pk_organization_nodes"),
    )
    op.create_table(
        "policy_attachments",
        *_texts("account_id", "owner_id", "policy_arn"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "policy_arn"],
            ["managed_policies.account_id", "managed_policies.arn"],
            name="fk_policy_attachments_account_id_policy_arn",
        ),
        sa.PrimaryKeyConstraint("account_id", "owner_id", "policy_arn", name="pk_policy_attachments"),
    )
    op.create_index(
        "ix_policy_attachments_account_id_policy_arn", "policy_attachments", ["account_id", "policy_arn"]
    )
    op.create_table(
        "policy_versions",
        *_texts("account_id", "policy_arn", "version_id"),
        sa.Column("position", sa.Integer(), nullable=False),
        *_texts("document"),
        *_times("created_at"),
        sa.ForeignKeyConstraint(
            ["account_id", "policy_arn"],
            ["managed_policies.account_id", "managed_policies.arn"],
            name="fk_policy_versions_account_id_policy_arn",
        ),
        sa.PrimaryKeyConstraint("account_id", "policy_arn", "version_id", name="pk_policy_versions"),
    )
    op.create_table(
        "roles",
        *_texts(
            "account_id",
            "role_id",
            "name",
            "name_key",
            "path",
            "partition",
            "description",
            "trust_policy",
            "trusted",
        ),
        sa.Column("max_session_duration_seconds", sa.Integer(), nullable=False),
        *_times("created_at"),
        sa.Column("permissions_boundary_arn", sa.Text(), nullable=True),
        *_texts("tags"),
        sa.ForeignKeyConstraint(
            ["account_id", "permissions_boundary_arn"],
            ["managed_policies.account_id", "managed_policies.arn"],
            name="fk_roles_account_id_permissions_boundary_arn",
        ),
        sa.PrimaryKeyConstraint("account_id", "role_id", name="pk_roles"),
        sa.UniqueConstraint("account_id", "name_key", name="uq_roles_account_id_name_key"),
    )
    op.create_index(
        "ix_roles_account_id_permissions_boundary_arn", "roles", ["account_id", "permissions_boundary_arn"]
    )
    op.create_table(
        "users",
        *_texts("account_id", "user_id", "name", "name_key", "path", "partition"),
        *_times("created_at"),
        sa.Column("permissions_boundary_arn", sa.Text(), nullable=True),
        *_texts("tags"),
        sa.ForeignKeyConstraint(
            ["account_id", "permissions_boundary_arn"],
            ["managed_policies.account_id", "managed_policies.arn"],
            name="fk_users_account_id_permissions_boundary_arn",
        ),
        sa.PrimaryKeyConstraint("account_id", "user_id", name="pk_users"),
        sa.UniqueConstraint("account_id", "name_key", name="uq_users_account_id_name_key"),
    )
    op.create_index(
        "ix_users_account_id_permissions_boundary_arn", "users", ["account_id", "permissions_boundary_arn"]
    )
    op.create_table(
        "group_memberships",
        *_texts("account_id", "user_id", "group_id"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "group_id"],
            ["groups.account_id", "groups.group_id"],
            name="fk_group_memberships_account_id_group_id",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["users.account_id", "users.user_id"],
            name="fk_group_memberships_account_id_user_id",
        ),
        sa.PrimaryKeyConstraint("account_id", "user_id", "group_id", name="pk_group_memberships"),
    )
    op.create_index(
        "ix_group_memberships_account_id_group_id", "group_memberships", ["account_id", "group_id"]
    )
    op.create_table(
        "instance_profiles",
        *_texts("account_id", "instance_profile_id", "name", "name_key", "path", "partition"),
        *_times("created_at"),
        sa.Column("role_id", sa.Text(), nullable=True),
        *_texts("tags"),
        sa.ForeignKeyConstraint(
            ["account_id", "role_id"],
            ["roles.account_id", "roles.role_id"],
            name="fk_instance_profiles_account_id_role_id",
        ),
        sa.PrimaryKeyConstraint("account_id", "instance_profile_id", name="pk_instance_profiles"),
        sa.UniqueConstraint("account_id", "name_key", name="uq_instance_profiles_account_id_name_key"),
    )
    op.create_index("ix_instance_profiles_account_id_role_id", "instance_profiles", ["account_id", "role_id"])


def _only(condition: str) -> dict[str, Any]:
    """Return an index over the rows of this condition alone."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _texts(*names: str) -> list[sa.Column[str]]:
    """Columns that always hold a text."""
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _times(*names: str) -> list[sa.Column[int]]:
    """Columns that always hold whole microseconds since 1970, or another large number."""
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]
