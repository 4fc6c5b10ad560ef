"""Roles ⇄ rows."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from tabard.model.role import Role
from tabard.store.changes import ChangeKind, Journal
from tabard.store.ports import NotStored
from tabard.store.rows.owned_policies import (
    NOTHING_OWNED,
    OwnedPolicies,
    delete_owned,
    read_owned,
    write_owned,
)
from tabard.store.rows.single_table import in_chunks
from tabard.store.rows.tags import tags_from_json, tags_to_json
from tabard.store.schema import roles

_ALL = select(roles)
_BY_ID = _ALL.where(roles.c.role_id.in_(bindparam("ids", expanding=True)))
_BY_NAME = _ALL.where(roles.c.name_key == bindparam("name_key"))
_INSERT = insert(roles)
_UPDATE = update(roles).where(roles.c.role_id == bindparam("the_id"))
_DELETE = delete(roles).where(roles.c.role_id == bindparam("the_id"))


def read_roles(connection: Connection, role_ids: Collection[str] | None = None) -> dict[str, Role]:
    """The roles of these ids that are there, or all of them."""
    owned = read_owned(connection, role_ids)
    if role_ids is None:
        return {row.role_id: _role(row, owned) for row in connection.execute(_ALL)}
    return {
        row.role_id: _role(row, owned)
        for chunk in in_chunks(role_ids)
        for row in connection.execute(_BY_ID, {"ids": chunk})
    }


@dataclass(frozen=True, slots=True)
class SqlRoles:
    """Satisfies `ports.Roles`."""

    journal: Journal

    def get(self, role_id: str) -> Role | None:
        return read_roles(self.journal.connection, (role_id,)).get(role_id)

    def named(self, name: str) -> Role | None:
        connection = self.journal.connection
        row = connection.execute(_BY_NAME, {"name_key": name.lower()}).one_or_none()
        return None if row is None else _role(row, read_owned(connection, (row.role_id,)))

    def insert(self, role: Role) -> None:
        with self.journal.write(ChangeKind.ROLE, role.role_id) as connection:
            connection.execute(_INSERT, {"role_id": role.role_id, **_columns(role)})
            write_owned(connection, role.role_id, role, stored=NOTHING_OWNED)

    def update(self, role: Role) -> None:
        with self.journal.write(ChangeKind.ROLE, role.role_id) as connection:
            if not connection.execute(_UPDATE, {"the_id": role.role_id, **_columns(role)}).rowcount:
                raise NotStored(f"role {role.role_id}")
            stored = read_owned(connection, (role.role_id,))
            write_owned(connection, role.role_id, role, stored=stored)

    def delete(self, role_id: str) -> None:
        if self.get(role_id) is None:
            return
        with self.journal.write(ChangeKind.ROLE, role_id) as connection:
            delete_owned(connection, role_id)
            connection.execute(_DELETE, {"the_id": role_id})


def _columns(role: Role) -> dict[str, object]:
    return {
        "name": role.name,
        "name_key": role.name.lower(),
        "path": role.path,
        "partition": role.partition,
        "account_id": role.account_id,
        "description": role.description,
        "trust_policy": role.trust_policy,
        "trusted": [list(pair) for pair in role.trusted],
        "max_session_duration_seconds": role.max_session_duration_seconds,
        "created_at": role.created_at,
        "permissions_boundary_arn": role.permissions_boundary_arn,
        "tags": tags_to_json(role.tags),
    }


def _role(row: Row[Any], owned: OwnedPolicies) -> Role:
    return Role(
        role_id=row.role_id,
        name=row.name,
        path=row.path,
        partition=row.partition,
        account_id=row.account_id,
        description=row.description,
        trust_policy=row.trust_policy,
        trusted=tuple((arn, unique_id) for arn, unique_id in row.trusted),
        max_session_duration_seconds=row.max_session_duration_seconds,
        created_at=row.created_at,
        inline_policies=owned.inline.get(row.role_id, ()),
        attached_policy_arns=owned.attached.get(row.role_id, ()),
        permissions_boundary_arn=row.permissions_boundary_arn,
        tags=tags_from_json(row.tags),
    )
