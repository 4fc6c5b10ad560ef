"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite numbers rows by INTEGER alone.
_GROWING_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "access_keys",
        sa.Column("access_key_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("access_key_id", name="pk_access_keys"),
    )
    op.create_index("ix_access_keys_owner_id", "access_keys", ["owner_id"])
    op.create_table(
        "audit_events",
        sa.Column("number", _GROWING_NUMBER, autoincrement=True, nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("principal_arn", sa.Text(), nullable=False),
        sa.Column("access_key_id", sa.Text(), nullable=False),
        sa.Column("source_ip", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("resources", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=False),
        sa.Column("snapshot_version", sa.BigInteger(), nullable=False),
        sa.Column("decisions", sa.JSON(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_events_denied", "audit_events", ["number"], **_only("outcome = 'denied'"))
    op.create_index("ix_audit_events_request_id", "audit_events", ["request_id"])
    op.create_table(
        "changes",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", "kind", "key", name="pk_changes"),
    )
    change_counter = op.create_table(
        "change_counter",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_change_counter"),
    )
    op.bulk_insert(change_counter, [{"number": 1, "version": 0}])
    op.create_table(
        "console_outputs",
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("output", sa.LargeBinary(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", name="pk_console_outputs"),
    )
    op.create_table(
        "hosts",
        sa.Column("host_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ephemeral", sa.Boolean(), nullable=False),
        sa.Column("registered_by", sa.Text(), nullable=False),
        sa.Column("key_fingerprint", sa.Text(), nullable=False),
        sa.Column("next_key_fingerprint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("host_id", name="pk_hosts"),
    )
    op.create_table(
        "images",
        sa.Column("image_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("driver", sa.Text(), nullable=False),
        sa.Column("imds_support", sa.Text(), nullable=False),
        sa.Column("architecture", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("image_id", name="pk_images"),
    )
    op.create_table(
        "inline_policies",
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "name", name="pk_inline_policies"),
    )
    op.create_table(
        "installation",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_installation"),
    )
    op.create_table(
        "instances",
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("reservation_id", sa.Text(), nullable=False),
        sa.Column("owner_account_id", sa.Text(), nullable=False),
        sa.Column("image_id", sa.Text(), nullable=False),
        sa.Column("host_id", sa.Text(), nullable=False),
        sa.Column("instance_type", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("availability_zone", sa.Text(), nullable=False),
        sa.Column("private_ip_address", sa.Text(), nullable=False),
        sa.Column("mac_address", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("metadata_options", sa.Text(), nullable=False),
        sa.Column("launched_at", sa.BigInteger(), nullable=False),
        sa.Column("launched_by", sa.Text(), nullable=False),
        sa.Column("boot_number", sa.Integer(), nullable=False),
        sa.Column("ami_launch_index", sa.Integer(), nullable=False),
        sa.Column("client_token", sa.Text(), nullable=False),
        sa.Column("user_data", sa.LargeBinary(), nullable=False),
        sa.Column("shutdown_options", sa.Text(), nullable=False),
        sa.Column("key_name", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("state_reason_code", sa.Text(), nullable=False),
        sa.Column("state_reason_message", sa.Text(), nullable=False),
        sa.Column("state_changed_at", sa.BigInteger(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("faults", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", name="pk_instances"),
    )
    op.create_index("ix_instances_client_token", "instances", ["client_token"], **_only("client_token <> ''"))
    op.create_index("ix_instances_host_id", "instances", ["host_id"])
    op.create_table(
        "managed_policies",
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("policy_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("default_version_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("arn", name="pk_managed_policies"),
        sa.UniqueConstraint("account_id", "name_key", name="uq_managed_policies_account_id_name_key"),
    )
    op.create_table(
        "organizations",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("management_account_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="pk_organizations"),
    )
    op.create_table(
        "control_policies",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("control_type", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name="fk_control_policies_organization_id"
        ),
        sa.PrimaryKeyConstraint("organization_id", "name", name="pk_control_policies"),
    )
    op.create_table(
        "organization_nodes",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=False),
        sa.Column("service_control", sa.Text(), nullable=False),
        sa.Column("resource_control", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.organization_id"],
            name="fk_organization_nodes_organization_id",
        ),
        sa.PrimaryKeyConstraint("organization_id", "node_id", name="pk_organization_nodes"),
    )
    op.create_table(
        "revocations",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("forget_after", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "subject_id", name="pk_revocations"),
    )
    op.create_index("ix_revocations_forget_after", "revocations", ["forget_after"])
    op.create_table(
        "join_tokens",
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("host_name", sa.Text(), nullable=False),
        sa.Column("instance_profile_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=False),
        sa.Column("host_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("token_id", name="pk_join_tokens"),
    )
    op.create_index("ix_join_tokens_expires_at", "join_tokens", ["expires_at"])
    op.create_table(
        "key_pairs",
        sa.Column("key_pair_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("key_type", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key_pair_id", name="pk_key_pairs"),
        sa.UniqueConstraint("region", "name", name="uq_key_pairs_region_name"),
    )
    op.create_table(
        "sealing_keys",
        sa.Column("key_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed_material", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_sealing_keys"),
    )
    op.create_table(
        "associations",
        sa.Column("association_id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("instance_profile_id", sa.Text(), nullable=False),
        sa.Column("instance_profile_arn", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.instance_id"], name="fk_associations_instance_id"
        ),
        sa.PrimaryKeyConstraint("association_id", name="pk_associations"),
    )
    op.create_index("ix_associations_instance_id", "associations", ["instance_id"])
    op.create_index("ix_associations_instance_profile_id", "associations", ["instance_profile_id"])
    op.create_index(
        "uq_associations_active_instance_id",
        "associations",
        ["instance_id"],
        unique=True,
        **_only("state IN ('associating', 'associated')"),
    )
    op.create_table(
        "groups",
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("group_id", name="pk_groups"),
        sa.UniqueConstraint("name_key", name="uq_groups_name_key"),
    )
    op.create_table(
        "roles",
        sa.Column("role_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("trust_policy", sa.Text(), nullable=False),
        sa.Column("trusted", sa.Text(), nullable=False),
        sa.Column("max_session_duration_seconds", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("permissions_boundary_arn", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["permissions_boundary_arn"],
            ["managed_policies.arn"],
            name="fk_roles_permissions_boundary_arn",
        ),
        sa.PrimaryKeyConstraint("role_id", name="pk_roles"),
        sa.UniqueConstraint("name_key", name="uq_roles_name_key"),
    )
    op.create_index("ix_roles_permissions_boundary_arn", "roles", ["permissions_boundary_arn"])
    op.create_table(
        "users",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("permissions_boundary_arn", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["permissions_boundary_arn"],
            ["managed_policies.arn"],
            name="fk_users_permissions_boundary_arn",
        ),
        sa.PrimaryKeyConstraint("user_id", name="pk_users"),
        sa.UniqueConstraint("name_key", name="uq_users_name_key"),
    )
    op.create_index("ix_users_permissions_boundary_arn", "users", ["permissions_boundary_arn"])
    op.create_table(
        "group_memberships",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.group_id"], name="fk_group_memberships_group_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_group_memberships_user_id"),
        sa.PrimaryKeyConstraint("user_id", "group_id", name="pk_group_memberships"),
    )
    op.create_index("ix_group_memberships_group_id", "group_memberships", ["group_id"])
    op.create_table(
        "instance_profiles",
        sa.Column("instance_profile_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("role_id", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["roles.role_id"], name="fk_instance_profiles_role_id"),
        sa.PrimaryKeyConstraint("instance_profile_id", name="pk_instance_profiles"),
        sa.UniqueConstraint("name_key", name="uq_instance_profiles_name_key"),
    )
    op.create_index("ix_instance_profiles_role_id", "instance_profiles", ["role_id"])
    op.create_table(
        "policy_attachments",
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("policy_arn", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_arn"], ["managed_policies.arn"], name="fk_policy_attachments_policy_arn"
        ),
        sa.PrimaryKeyConstraint("owner_id", "policy_arn", name="pk_policy_attachments"),
    )
    op.create_index("ix_policy_attachments_policy_arn", "policy_attachments", ["policy_arn"])
    op.create_table(
        "policy_versions",
        sa.Column("policy_arn", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_arn"], ["managed_policies.arn"], name="fk_policy_versions_policy_arn"
        ),
        sa.PrimaryKeyConstraint("policy_arn", "version_id", name="pk_policy_versions"),
    )


def _only(condition: str) -> dict[str, Any]:
    """An index over the rows of this condition alone."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}
