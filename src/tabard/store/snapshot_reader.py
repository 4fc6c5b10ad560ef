"""From the tables to the next snapshot, inside one read transaction, so that it is one version."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from tabard.store.changes import Journal, TooFarBehind, changed_since, newest_version
from tabard.store.kinds import KINDS, Kind
from tabard.store.snapshot import Snapshot
from tabard.store.snapshot_loader import Delta, apply_delta, load


def next_snapshot(connection: Connection, current: Snapshot | None) -> Snapshot:
    """The newest snapshot: the current one where nothing changed, what changed applied to it, or all anew."""
    newest = newest_version(connection)
    if current is None:
        return load(_everything(connection, newest))
    if newest == current.version:
        return current
    try:
        written = changed_since(connection, current.version)
    except TooFarBehind:
        return load(_everything(connection, newest))
    changed = {
        kind.field: _now(connection, kind, written[kind.name]) for kind in KINDS if kind.name in written
    }
    return apply_delta(current, Delta(newest, changed))


def _everything(connection: Connection, version: int) -> Delta:
    return Delta(
        version, {kind.field: kind.rows(Journal(connection, kind.name, {})).read() for kind in KINDS}
    )


def _now(connection: Connection, kind: Kind, written: frozenset[str]) -> Mapping[Any, Any]:
    """What these keys are now: None for what is gone."""
    keys = [kind.key(text) for text in written]
    found = kind.rows(Journal(connection, kind.name, {})).read(keys)
    return {key: found.get(key) for key in keys}
