"""Users and groups ⇄ rows, and their memberships, in the order of addition."""

from collections.abc import Sequence

from sqlalchemy import Column, Integer, Table, bindparam, select

from tabard.model.group import Group
from tabard.model.user import User
from tabard.store import ports
from tabard.store.rows.aggregate_table import AggregateTable, Part, TableRows
from tabard.store.rows.policy_holders import ATTACHED_POLICIES, INLINE_POLICIES, boundary_columns
from tabard.store.schema import (
    account_column,
    account_index,
    account_unique,
    key_column,
    metadata,
    reference,
    tags_column,
    text_column,
    time_column,
)

users = Table(
    "users",
    metadata,
    account_column(),
    key_column("user_id"),
    text_column("name"),
    text_column("name_key"),
    text_column("path"),
    text_column("partition"),
    time_column("created_at"),
    *boundary_columns(),
    tags_column(),
    account_unique("name_key"),
)

groups = Table(
    "groups",
    metadata,
    account_column(),
    key_column("group_id"),
    text_column("name"),
    text_column("name_key"),
    text_column("path"),
    text_column("partition"),
    time_column("created_at"),
    account_unique("name_key"),
)

group_memberships = Table(
    "group_memberships",
    metadata,
    account_column(),
    key_column("user_id"),
    key_column("group_id"),
    Column("position", Integer, nullable=False),
    reference("user_id", users.c.user_id),
    reference("group_id", groups.c.group_id),
    account_index("group_id"),
)

_MEMBERSHIPS = Part("group_ids", group_memberships.c.user_id, group_memberships.c.group_id)


class SqlUsers(TableRows[str, User], ports.Users):
    """Satisfies `ports.Users`."""

    table = AggregateTable(User, users.c.user_id, parts=(INLINE_POLICIES, ATTACHED_POLICIES, _MEMBERSHIPS))
    _by_name = table.query(users.c.name_key == bindparam("name_key"))

    def named(self, name: str) -> User | None:
        return self.first(self._by_name, name_key=name.lower())


class SqlGroups(TableRows[str, Group], ports.Groups):
    """Satisfies `ports.Groups`."""

    table = AggregateTable(Group, groups.c.group_id, parts=(INLINE_POLICIES, ATTACHED_POLICIES))
    _by_name = table.query(groups.c.name_key == bindparam("name_key"))

    def named(self, name: str) -> Group | None:
        return self.first(self._by_name, name_key=name.lower())

    def members(self, group_id: str) -> Sequence[User]:
        of_group = (group_memberships.c.account_id == self.journal.account_id) & (
            group_memberships.c.group_id == group_id
        )
        in_group = select(group_memberships.c.user_id).where(of_group)
        return SqlUsers(self.journal).where(SqlUsers.table.query(users.c.user_id.in_(in_group)))
