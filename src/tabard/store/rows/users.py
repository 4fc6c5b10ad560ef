"""Users and groups ⇄ rows, and which users are in which groups, in the order they were added."""

from collections.abc import Sequence

from sqlalchemy import Column, ForeignKey, Integer, Table, Text, select

from tabard.model.group import Group
from tabard.model.user import User
from tabard.store import ports
from tabard.store.rows.aggregate_table import AggregateTable, Part, TableRows
from tabard.store.rows.policy_holders import ATTACHED_POLICIES, INLINE_POLICIES, boundary_column
from tabard.store.schema import key_column, metadata, tags_column, text_column, time_column

users = Table(
    "users",
    metadata,
    key_column("user_id"),
    text_column("name"),
    Column("name_key", Text, nullable=False, unique=True),
    text_column("path"),
    text_column("partition"),
    text_column("account_id"),
    time_column("created_at"),
    boundary_column(),
    tags_column(),
)

groups = Table(
    "groups",
    metadata,
    key_column("group_id"),
    text_column("name"),
    Column("name_key", Text, nullable=False, unique=True),
    text_column("path"),
    text_column("partition"),
    text_column("account_id"),
    time_column("created_at"),
)

group_memberships = Table(
    "group_memberships",
    metadata,
    Column("user_id", ForeignKey(users.c.user_id), primary_key=True),
    Column("group_id", ForeignKey(groups.c.group_id), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
)

_MEMBERSHIPS = Part("group_ids", group_memberships.c.user_id, group_memberships.c.group_id)


class SqlUsers(TableRows[str, User], ports.Users):
    """Satisfies `ports.Users`."""

    table = AggregateTable(User, users.c.user_id, parts=(INLINE_POLICIES, ATTACHED_POLICIES, _MEMBERSHIPS))

    def named(self, name: str) -> User | None:
        return self.first(users.c.name_key == name.lower())


class SqlGroups(TableRows[str, Group], ports.Groups):
    """Satisfies `ports.Groups`."""

    table = AggregateTable(Group, groups.c.group_id, parts=(INLINE_POLICIES, ATTACHED_POLICIES))

    def named(self, name: str) -> Group | None:
        return self.first(groups.c.name_key == name.lower())

    def members(self, group_id: str) -> Sequence[User]:
        in_group = select(group_memberships.c.user_id).where(group_memberships.c.group_id == group_id)
        return SqlUsers(self.journal).where(users.c.user_id.in_(in_group))
