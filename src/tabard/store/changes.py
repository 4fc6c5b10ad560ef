"""The journal of changes: which aggregate was written at which version, so that snapshots read only that."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, bindparam, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from tabard.store.failures import refused_write
from tabard.store.schema import changes

KEPT_CHANGES = 10_000
"""A reader further behind than this reads everything anew."""

_TRIM_EVERY = 1_000

_INSERT = insert(changes)
_NEWEST = select(func.max(changes.c.version))
_OLDEST = select(func.min(changes.c.version))
_SINCE = (
    select(changes.c.kind, changes.c.key)
    .where(changes.c.version > bindparam("version"))
    .order_by(changes.c.version)
)


class ChangeKind(StrEnum):
    """What a row of `changes` is about; the other half is its key."""

    USER = "user"
    GROUP = "group"
    ROLE = "role"
    MANAGED_POLICY = "managed-policy"
    INSTANCE_PROFILE = "instance-profile"
    INSTANCE = "instance"
    ASSOCIATION = "association"
    IMAGE = "image"
    HOST = "host"
    JOIN_TOKEN = "join-token"  # noqa: S105 - a kind
    KEY_PAIR = "key-pair"
    ACCESS_KEY = "access-key"
    SEALING_KEY = "sealing-key"
    REVOCATION = "revocation"
    INSTALLATION = "installation"
    ORGANIZATION = "organization"


class TooFarBehind(Exception):
    """The journal does not reach back to this version, or never had it: read everything anew."""


@dataclass(frozen=True, slots=True)
class Journal:
    """One transaction's connection; every write goes through it and leaves a change behind."""

    connection: Connection

    @contextmanager
    def write(self, kind: ChangeKind, key: str) -> Iterator[Connection]:
        """Make one write, whole or not at all, and append its change.

        Raises:
            AlreadyStored, StillReferenced: nothing of this write is there; the transaction may go on.
        """
        try:
            with self.connection.begin_nested():
                yield self.connection
        except IntegrityError as error:
            raise refused_write(error, f"{kind} {key}") from error
        self._append(kind, key)

    def _append(self, kind: ChangeKind, key: str) -> None:
        result = self.connection.execute(_INSERT, {"kind": kind.value, "key": key})
        version = int(result.inserted_primary_key[0])  # type: ignore[index]  # one row was just inserted
        if version % _TRIM_EVERY == 0:
            self.connection.execute(delete(changes).where(changes.c.version <= version - KEPT_CHANGES))


def newest_version(connection: Connection) -> int:
    """The version of the store that this transaction sees; 0 before its first change."""
    return connection.execute(_NEWEST).scalar() or 0


def changed_since(
    connection: Connection, version: int, *, newest: int
) -> Mapping[ChangeKind, frozenset[str]]:
    """The keys written after `version`, by kind. Raises TooFarBehind."""
    oldest = connection.execute(_OLDEST).scalar() or 0
    if version > newest or oldest > version + 1:
        raise TooFarBehind
    found: dict[ChangeKind, set[str]] = {}
    for kind, key in connection.execute(_SINCE, {"version": version}):
        found.setdefault(ChangeKind(kind), set()).add(key)
    return {kind: frozenset(keys) for kind, keys in found.items()}
