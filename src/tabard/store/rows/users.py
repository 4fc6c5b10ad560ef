"""Users ⇄ rows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from tabard.model.user import User
from tabard.store.changes import ChangeKind, Journal
from tabard.store.ports import NotStored
from tabard.store.rows.memberships import delete_memberships, read_memberships, write_memberships
from tabard.store.rows.owned_policies import (
    NOTHING_OWNED,
    OwnedPolicies,
    delete_owned,
    read_owned,
    write_owned,
)
from tabard.store.rows.single_table import in_chunks
from tabard.store.rows.tags import tags_from_json, tags_to_json
from tabard.store.schema import users

_ALL = select(users)
_BY_ID = _ALL.where(users.c.user_id.in_(bindparam("ids", expanding=True)))
_BY_NAME = _ALL.where(users.c.name_key == bindparam("name_key"))
_INSERT = insert(users)
_UPDATE = update(users).where(users.c.user_id == bindparam("the_id"))
_DELETE = delete(users).where(users.c.user_id == bindparam("the_id"))


def read_users(connection: Connection, user_ids: Collection[str] | None = None) -> dict[str, User]:
    """The users of these ids that are there, or all of them."""
    owned = read_owned(connection, user_ids)
    groups = read_memberships(connection, user_ids)
    if user_ids is None:
        return {row.user_id: _user(row, owned, groups) for row in connection.execute(_ALL)}
    return {
        row.user_id: _user(row, owned, groups)
        for chunk in in_chunks(user_ids)
        for row in connection.execute(_BY_ID, {"ids": chunk})
    }


@dataclass(frozen=True, slots=True)
class SqlUsers:
    """Satisfies `ports.Users`."""

    journal: Journal

    def get(self, user_id: str) -> User | None:
        return read_users(self.journal.connection, (user_id,)).get(user_id)

    def named(self, name: str) -> User | None:
        connection = self.journal.connection
        row = connection.execute(_BY_NAME, {"name_key": name.lower()}).one_or_none()
        return None if row is None else self.get(row.user_id)

    def insert(self, user: User) -> None:
        with self.journal.write(ChangeKind.USER, user.user_id) as connection:
            connection.execute(_INSERT, {"user_id": user.user_id, **_columns(user)})
            write_owned(connection, user.user_id, user, stored=NOTHING_OWNED)
            write_memberships(connection, user.user_id, user.group_ids)

    def update(self, user: User) -> None:
        with self.journal.write(ChangeKind.USER, user.user_id) as connection:
            if not connection.execute(_UPDATE, {"the_id": user.user_id, **_columns(user)}).rowcount:
                raise NotStored(f"user {user.user_id}")
            stored = read_owned(connection, (user.user_id,))
            write_owned(connection, user.user_id, user, stored=stored)
            write_memberships(connection, user.user_id, user.group_ids)

    def delete(self, user_id: str) -> None:
        if self.get(user_id) is None:
            return
        with self.journal.write(ChangeKind.USER, user_id) as connection:
            delete_owned(connection, user_id)
            delete_memberships(connection, user_id)
            connection.execute(_DELETE, {"the_id": user_id})


def _columns(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "name_key": user.name.lower(),
        "path": user.path,
        "partition": user.partition,
        "account_id": user.account_id,
        "created_at": user.created_at,
        "permissions_boundary_arn": user.permissions_boundary_arn,
        "tags": tags_to_json(user.tags),
    }


def _user(row: Row[Any], owned: OwnedPolicies, groups: Mapping[str, tuple[str, ...]]) -> User:
    return User(
        user_id=row.user_id,
        name=row.name,
        path=row.path,
        partition=row.partition,
        account_id=row.account_id,
        created_at=row.created_at,
        inline_policies=owned.inline.get(row.user_id, ()),
        attached_policy_arns=owned.attached.get(row.user_id, ()),
        group_ids=groups.get(row.user_id, ()),
        permissions_boundary_arn=row.permissions_boundary_arn,
        tags=tags_from_json(row.tags),
    )
