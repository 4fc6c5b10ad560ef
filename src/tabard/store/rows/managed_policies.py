"""Managed policies, with their versions ⇄ rows."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, exists, insert, or_, select, update

from tabard.model.policies import ManagedPolicy, PolicyVersion
from tabard.store.changes import ChangeKind, Journal
from tabard.store.ports import NotStored
from tabard.store.rows.single_table import in_chunks
from tabard.store.rows.tags import tags_from_json, tags_to_json
from tabard.store.schema import managed_policies, policy_attachments, policy_versions, roles, users

_ALL = select(managed_policies)
_BY_ARN = _ALL.where(managed_policies.c.arn.in_(bindparam("arns", expanding=True)))
_ALL_VERSIONS = select(policy_versions).order_by(policy_versions.c.policy_arn, policy_versions.c.position)
_VERSIONS = _ALL_VERSIONS.where(policy_versions.c.policy_arn.in_(bindparam("arns", expanding=True)))
_IS_IN_USE = select(
    or_(
        exists().where(policy_attachments.c.policy_arn == bindparam("the_arn")),
        exists().where(users.c.permissions_boundary_arn == bindparam("the_arn")),
        exists().where(roles.c.permissions_boundary_arn == bindparam("the_arn")),
    )
)
_INSERT = insert(managed_policies)
_UPDATE = update(managed_policies).where(managed_policies.c.arn == bindparam("the_arn"))
_DELETE = delete(managed_policies).where(managed_policies.c.arn == bindparam("the_arn"))
_INSERT_VERSIONS = insert(policy_versions)
_DELETE_VERSIONS = delete(policy_versions).where(policy_versions.c.policy_arn == bindparam("the_arn"))


def read_managed_policies(
    connection: Connection, arns: Collection[str] | None = None
) -> dict[str, ManagedPolicy]:
    """The managed policies of these ARNs that are there, or all of them."""
    if arns is None:
        return _policies(connection.execute(_ALL).all(), connection.execute(_ALL_VERSIONS).all())
    found: dict[str, ManagedPolicy] = {}
    for chunk in in_chunks(arns):
        parameters = {"arns": chunk}
        found |= _policies(
            connection.execute(_BY_ARN, parameters).all(), connection.execute(_VERSIONS, parameters).all()
        )
    return found


@dataclass(frozen=True, slots=True)
class SqlManagedPolicies:
    """Satisfies `ports.ManagedPolicies`."""

    journal: Journal

    def get(self, arn: str) -> ManagedPolicy | None:
        return read_managed_policies(self.journal.connection, (arn,)).get(arn)

    def is_in_use(self, arn: str) -> bool:
        return bool(self.journal.connection.execute(_IS_IN_USE, {"the_arn": arn}).scalar_one())

    def insert(self, policy: ManagedPolicy) -> None:
        with self.journal.write(ChangeKind.MANAGED_POLICY, policy.arn) as connection:
            connection.execute(_INSERT, {"arn": policy.arn, **_columns(policy)})
            connection.execute(_INSERT_VERSIONS, _version_rows(policy))

    def update(self, policy: ManagedPolicy) -> None:
        with self.journal.write(ChangeKind.MANAGED_POLICY, policy.arn) as connection:
            if not connection.execute(_UPDATE, {"the_arn": policy.arn, **_columns(policy)}).rowcount:
                raise NotStored(f"managed policy {policy.arn}")
            connection.execute(_DELETE_VERSIONS, {"the_arn": policy.arn})
            connection.execute(_INSERT_VERSIONS, _version_rows(policy))

    def delete(self, arn: str) -> None:
        if self.get(arn) is None:
            return
        with self.journal.write(ChangeKind.MANAGED_POLICY, arn) as connection:
            connection.execute(_DELETE, {"the_arn": arn})


def _columns(policy: ManagedPolicy) -> dict[str, object]:
    return {
        "policy_id": policy.policy_id,
        "name": policy.name,
        "name_key": policy.name.lower(),
        "path": policy.path,
        "partition": policy.partition,
        "account_id": policy.account_id,
        "description": policy.description,
        "default_version_id": policy.default_version_id,
        "created_at": policy.created_at,
        "updated_at": policy.updated_at,
        "tags": tags_to_json(policy.tags),
    }


def _version_rows(policy: ManagedPolicy) -> list[dict[str, object]]:
    return [
        {
            "policy_arn": policy.arn,
            "version_id": version.version_id,
            "position": position,
            "document": version.document,
            "created_at": version.created_at,
        }
        for position, version in enumerate(policy.versions)
    ]


def _policies(rows: Collection[Row[Any]], version_rows: Collection[Row[Any]]) -> dict[str, ManagedPolicy]:
    versions: dict[str, list[PolicyVersion]] = {}
    for row in version_rows:
        versions.setdefault(row.policy_arn, []).append(
            PolicyVersion(version_id=row.version_id, document=row.document, created_at=row.created_at)
        )
    return {
        row.arn: ManagedPolicy(
            policy_id=row.policy_id,
            name=row.name,
            path=row.path,
            partition=row.partition,
            account_id=row.account_id,
            description=row.description,
            default_version_id=row.default_version_id,
            versions=tuple(versions.get(row.arn, ())),
            created_at=row.created_at,
            updated_at=row.updated_at,
            tags=tags_from_json(row.tags),
        )
        for row in rows
    }
