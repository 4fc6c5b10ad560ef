"""The journal of changes: which aggregate was written at which version, so that snapshots read only that."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from tabard.store.schema import ChangeKind, changes

KEPT_CHANGES = 10_000
"""A reader further behind than this reads everything anew."""

_TRIM_EVERY = 1_000

_INSERT = insert(changes)
_NEWEST = select(func.max(changes.c.version))
_OLDEST = select(func.min(changes.c.version))


class TooFarBehind(Exception):
    """The journal no longer reaches back to this version, or never had it: read everything anew."""


@dataclass(frozen=True, slots=True)
class Journal:
    """The changes of one transaction, written one by one as they are made."""

    connection: Connection

    def record(self, kind: ChangeKind, key: str) -> None:
        """Append one change, and now and then forget what no reader can need."""
        result = self.connection.execute(_INSERT, {"kind": kind, "key": key})
        version = int(result.inserted_primary_key[0])  # type: ignore[index]  # a row was just inserted
        if version % _TRIM_EVERY == 0:
            self.connection.execute(delete(changes).where(changes.c.version <= version - KEPT_CHANGES))


def newest_version(connection: Connection) -> int:
    """The version of the store that this transaction sees; 0 before its first change."""
    return connection.execute(_NEWEST).scalar() or 0


def changed_since(connection: Connection, version: int, newest: int) -> Mapping[ChangeKind, frozenset[str]]:
    """The keys written after `version`, by kind. Raises TooFarBehind."""
    oldest = connection.execute(_OLDEST).scalar() or 0
    if version > newest or oldest > version + 1:
        raise TooFarBehind
    found: dict[ChangeKind, set[str]] = {}
    rows = connection.execute(select(changes.c.kind, changes.c.key).where(changes.c.version > version))
    for kind, key in rows:
        found.setdefault(ChangeKind(kind), set()).add(key)
    return {kind: frozenset(keys) for kind, keys in found.items()}
