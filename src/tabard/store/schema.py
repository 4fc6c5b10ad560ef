"""The tables. Alembic's first revision makes the same ones, and a test holds the two together.

Names are unique without regard to case: `name_key` is the name in lower case.
"""

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tabard.store.moment import Moment

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by INTEGER alone; elsewhere these numbers outgrow 32 bits.
_GROWING_NUMBER = BigInteger().with_variant(Integer, "sqlite")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _moment(name: str) -> Column[datetime]:
    return Column(name, Moment, nullable=False)


def _boundary() -> Column[str]:
    return Column("permissions_boundary_arn", ForeignKey("managed_policies.arn"), nullable=True, index=True)


users = Table(
    "users",
    metadata,
    Column("user_id", Text, primary_key=True),
    _text("name"),
    Column("name_key", Text, nullable=False, unique=True),
    _text("path"),
    _text("partition"),
    _text("account_id"),
    _moment("created_at"),
    _boundary(),
    Column("tags", JSON, nullable=False),
)

groups = Table(
    "groups",
    metadata,
    Column("group_id", Text, primary_key=True),
    _text("name"),
    Column("name_key", Text, nullable=False, unique=True),
    _text("path"),
    _text("partition"),
    _text("account_id"),
    _moment("created_at"),
)

group_memberships = Table(
    "group_memberships",
    metadata,
    Column("user_id", ForeignKey(users.c.user_id), primary_key=True),
    Column("group_id", ForeignKey(groups.c.group_id), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
)

roles = Table(
    "roles",
    metadata,
    Column("role_id", Text, primary_key=True),
    _text("name"),
    Column("name_key", Text, nullable=False, unique=True),
    _text("path"),
    _text("partition"),
    _text("account_id"),
    _text("description"),
    _text("trust_policy"),
    Column("trusted", JSON, nullable=False),
    Column("max_session_duration_seconds", Integer, nullable=False),
    _moment("created_at"),
    _boundary(),
    Column("tags", JSON, nullable=False),
)

inline_policies = Table(
    "inline_policies",
    metadata,
    Column("owner_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    _text("document"),
)

managed_policies = Table(
    "managed_policies",
    metadata,
    Column("arn", Text, primary_key=True),
    _text("policy_id"),
    _text("name"),
    _text("name_key"),
    _text("path"),
    _text("partition"),
    _text("account_id"),
    _text("description"),
    _text("default_version_id"),
    _moment("created_at"),
    _moment("updated_at"),
    Column("tags", JSON, nullable=False),
    UniqueConstraint("account_id", "name_key"),
)

policy_versions = Table(
    "policy_versions",
    metadata,
    Column("policy_arn", ForeignKey(managed_policies.c.arn, ondelete="CASCADE"), primary_key=True),
    Column("version_id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    _text("document"),
    _moment("created_at"),
)

policy_attachments = Table(
    "policy_attachments",
    metadata,
    Column("owner_id", Text, primary_key=True),
    Column("policy_arn", ForeignKey(managed_policies.c.arn), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
)

instance_profiles = Table(
    "instance_profiles",
    metadata,
    Column("instance_profile_id", Text, primary_key=True),
    _text("name"),
    Column("name_key", Text, nullable=False, unique=True),
    _text("path"),
    _text("partition"),
    _text("account_id"),
    _moment("created_at"),
    Column("role_id", ForeignKey(roles.c.role_id), nullable=True, index=True),
    Column("tags", JSON, nullable=False),
)

images = Table(
    "images",
    metadata,
    Column("image_id", Text, primary_key=True),
    _text("name"),
    _text("description"),
    _text("driver"),
    _text("imds_support"),
    _text("architecture"),
    _moment("created_at"),
)

instances = Table(
    "instances",
    metadata,
    Column("instance_id", Text, primary_key=True),
    _text("reservation_id"),
    _text("owner_account_id"),
    _text("image_id"),
    Column("host_id", Text, nullable=False, index=True),
    _text("instance_type"),
    _text("region"),
    _text("availability_zone"),
    _text("private_ip_address"),
    _text("mac_address"),
    _text("state"),
    Column("metadata_options", JSON, nullable=False),
    _moment("launched_at"),
    _text("launched_by"),
    Column("boot_number", Integer, nullable=False),
    Column("ami_launch_index", Integer, nullable=False),
    _text("client_token"),
    Column("user_data", LargeBinary, nullable=False),
    Column("shutdown_options", JSON, nullable=False),
    _text("key_name"),
    _text("public_key"),
    _text("state_reason_code"),
    _text("state_reason_message"),
    Column("state_changed_at", Moment, nullable=True),
    Column("tags", JSON, nullable=False),
    Column("faults", JSON, nullable=False),
    Column("events", JSON, nullable=False),
)
Index(
    "ix_instances_client_token",
    instances.c.client_token,
    sqlite_where=text("client_token <> ''"),
    postgresql_where=text("client_token <> ''"),
)

console_outputs = Table(
    "console_outputs",
    metadata,
    Column("instance_id", Text, primary_key=True),
    Column("output", LargeBinary, nullable=False),
    _moment("told_at"),
)

associations = Table(
    "associations",
    metadata,
    Column("association_id", Text, primary_key=True),
    Column("instance_id", ForeignKey(instances.c.instance_id), nullable=False, index=True),
    Column("instance_profile_id", Text, nullable=False, index=True),
    _text("instance_profile_arn"),
    _text("state"),
    _moment("changed_at"),
)

# INVARIANT: an instance has at most one active association.
_ACTIVE = text("state IN ('associating', 'associated')")
Index(
    "uq_associations_active_instance_id",
    associations.c.instance_id,
    unique=True,
    sqlite_where=_ACTIVE,
    postgresql_where=_ACTIVE,
)

hosts = Table(
    "hosts",
    metadata,
    Column("host_id", Text, primary_key=True),
    _text("name"),
    _text("partition"),
    _text("region"),
    _text("account_id"),
    _moment("registered_at"),
    _moment("last_seen_at"),
    Column("ephemeral", Boolean, nullable=False),
    _text("registered_by"),
    _text("key_fingerprint"),
    _text("next_key_fingerprint"),
)

join_tokens = Table(
    "join_tokens",
    metadata,
    Column("token_id", Text, primary_key=True),
    _text("secret_hash"),
    _text("host_name"),
    _text("instance_profile_id"),
    _text("partition"),
    _text("region"),
    _text("account_id"),
    _moment("created_at"),
    _text("created_by"),
    Column("expires_at", Moment, nullable=False, index=True),
    _text("claimed_by"),
    _text("host_id"),
)

key_pairs = Table(
    "key_pairs",
    metadata,
    Column("key_pair_id", Text, primary_key=True),
    _text("name"),
    _text("region"),
    _text("account_id"),
    _text("key_type"),
    _text("fingerprint"),
    _text("public_key"),
    _moment("created_at"),
    Column("tags", JSON, nullable=False),
    UniqueConstraint("region", "name"),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("access_key_id", Text, primary_key=True),
    Column("owner_id", Text, nullable=False, index=True),
    Column("sealed_secret", LargeBinary, nullable=False),
    _text("status"),
    _moment("created_at"),
)

sealing_keys = Table(
    "sealing_keys",
    metadata,
    Column("key_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sealed_material", LargeBinary, nullable=False),
    _moment("created_at"),
)

revocations = Table(
    "revocations",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("subject_id", Text, primary_key=True),
    _moment("not_before"),
    Column("forget_after", Moment, nullable=False, index=True),
)

installation = Table(
    "installation",
    metadata,
    Column("name", Text, primary_key=True),
    _text("value"),
)

organizations = Table(
    "organizations",
    metadata,
    Column("organization_id", Text, primary_key=True),
    _text("management_account_id"),
)

control_policies = Table(
    "control_policies",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    _text("control_type"),
    _text("document"),
)

organization_nodes = Table(
    "organization_nodes",
    metadata,
    Column("node_id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    _text("kind"),
    _text("name"),
    _text("parent_id"),
    Column("service_control", JSON, nullable=False),
    Column("resource_control", JSON, nullable=False),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("number", _GROWING_NUMBER, primary_key=True, autoincrement=True),
    Column("request_id", Text, nullable=False, index=True),
    _moment("at"),
    _text("service"),
    _text("operation"),
    _text("principal_arn"),
    _text("access_key_id"),
    _text("source_ip"),
    _text("user_agent"),
    _text("region"),
    Column("resources", JSON, nullable=False),
    _text("outcome"),
    _text("error_code"),
    _text("reason"),
    Column("http_status", Integer, nullable=False),
    Column("snapshot_version", BigInteger, nullable=False),
    Column("decisions", JSON, nullable=False),
    _text("explanation"),
    sqlite_autoincrement=True,
)

DENIED = text("outcome = 'denied'")
Index("ix_audit_events_denied", audit_events.c.number, sqlite_where=DENIED, postgresql_where=DENIED)

changes = Table(
    "changes",
    metadata,
    Column("version", _GROWING_NUMBER, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    _text("key"),
    sqlite_autoincrement=True,
)
