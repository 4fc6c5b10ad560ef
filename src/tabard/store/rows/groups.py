"""Groups ⇄ rows, and who is in them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from tabard.model.group import Group
from tabard.model.user import User
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
from tabard.store.rows.users import read_users
from tabard.store.schema import group_memberships, groups

_ALL = select(groups)
_BY_ID = _ALL.where(groups.c.group_id.in_(bindparam("ids", expanding=True)))
_BY_NAME = _ALL.where(groups.c.name_key == bindparam("name_key"))
_MEMBERS = select(group_memberships.c.user_id).where(group_memberships.c.group_id == bindparam("the_id"))
_INSERT = insert(groups)
_UPDATE = update(groups).where(groups.c.group_id == bindparam("the_id"))
_DELETE = delete(groups).where(groups.c.group_id == bindparam("the_id"))


def read_groups(connection: Connection, group_ids: Collection[str] | None = None) -> dict[str, Group]:
    """The groups of these ids that are there, or all of them."""
    owned = read_owned(connection, group_ids)
    if group_ids is None:
        return {row.group_id: _group(row, owned) for row in connection.execute(_ALL)}
    return {
        row.group_id: _group(row, owned)
        for chunk in in_chunks(group_ids)
        for row in connection.execute(_BY_ID, {"ids": chunk})
    }


@dataclass(frozen=True, slots=True)
class SqlGroups:
    """Satisfies `ports.Groups`."""

    journal: Journal

    def get(self, group_id: str) -> Group | None:
        return read_groups(self.journal.connection, (group_id,)).get(group_id)

    def named(self, name: str) -> Group | None:
        connection = self.journal.connection
        row = connection.execute(_BY_NAME, {"name_key": name.lower()}).one_or_none()
        return None if row is None else _group(row, read_owned(connection, (row.group_id,)))

    def members(self, group_id: str) -> Sequence[User]:
        connection = self.journal.connection
        found: Mapping[str, User] = read_users(
            connection, sorted(connection.execute(_MEMBERS, {"the_id": group_id}).scalars())
        )
        return [found[user_id] for user_id in sorted(found)]

    def insert(self, group: Group) -> None:
        with self.journal.write(ChangeKind.GROUP, group.group_id) as connection:
            connection.execute(_INSERT, {"group_id": group.group_id, **_columns(group)})
            write_owned(connection, group.group_id, group, stored=NOTHING_OWNED)

    def update(self, group: Group) -> None:
        with self.journal.write(ChangeKind.GROUP, group.group_id) as connection:
            if not connection.execute(_UPDATE, {"the_id": group.group_id, **_columns(group)}).rowcount:
                raise NotStored(f"group {group.group_id}")
            write_owned(connection, group.group_id, group, stored=read_owned(connection, (group.group_id,)))

    def delete(self, group_id: str) -> None:
        if self.get(group_id) is None:
            return
        with self.journal.write(ChangeKind.GROUP, group_id) as connection:
            delete_owned(connection, group_id)
            connection.execute(_DELETE, {"the_id": group_id})


def _columns(group: Group) -> dict[str, object]:
    return {
        "name": group.name,
        "name_key": group.name.lower(),
        "path": group.path,
        "partition": group.partition,
        "account_id": group.account_id,
        "created_at": group.created_at,
    }


def _group(row: Row[Any], owned: OwnedPolicies) -> Group:
    return Group(
        group_id=row.group_id,
        name=row.name,
        path=row.path,
        partition=row.partition,
        account_id=row.account_id,
        created_at=row.created_at,
        inline_policies=owned.inline.get(row.group_id, ()),
        attached_policy_arns=owned.attached.get(row.group_id, ()),
    )
