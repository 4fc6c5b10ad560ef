"""Which groups users are in ⇄ rows, in the order they were added."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select

from tabard.store.rows.single_table import in_chunks
from tabard.store.schema import group_memberships

_ALL = select(group_memberships.c.user_id, group_memberships.c.group_id).order_by(
    group_memberships.c.user_id, group_memberships.c.position
)
_SOME = _ALL.where(group_memberships.c.user_id.in_(bindparam("users", expanding=True)))
_INSERT = insert(group_memberships)
_DELETE = delete(group_memberships).where(group_memberships.c.user_id == bindparam("the_user"))


def read_memberships(
    connection: Connection, user_ids: Collection[str] | None = None
) -> dict[str, tuple[str, ...]]:
    """The group ids of these users, or of every user, by user id."""
    found: dict[str, list[str]] = {}
    chunks: Sequence[list[str] | None] = [None] if user_ids is None else list(in_chunks(user_ids))
    for chunk in chunks:
        rows = connection.execute(_ALL) if chunk is None else connection.execute(_SOME, {"users": chunk})
        for user_id, group_id in rows:
            found.setdefault(user_id, []).append(group_id)
    return {user_id: tuple(group_ids) for user_id, group_ids in found.items()}


def write_memberships(connection: Connection, user_id: str, group_ids: tuple[str, ...]) -> None:
    """Make the stored memberships of one user these; untouched where nothing differs."""
    if read_memberships(connection, (user_id,)).get(user_id, ()) == group_ids:
        return
    delete_memberships(connection, user_id)
    if group_ids:
        connection.execute(
            _INSERT,
            [
                {"user_id": user_id, "group_id": group_id, "position": position}
                for position, group_id in enumerate(group_ids)
            ],
        )


def delete_memberships(connection: Connection, user_id: str) -> None:
    """Take a user out of every group."""
    connection.execute(_DELETE, {"the_user": user_id})
