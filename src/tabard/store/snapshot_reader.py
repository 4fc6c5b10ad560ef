"""Reader of snapshots: from the tables to the next snapshot, in one read transaction and so one version."""

from collections.abc import Mapping
from typing import Any

from tabard.store.changes import TooFarBehind, TransactionScope, changed_since, newest_version
from tabard.store.kinds import KINDS, Kind
from tabard.store.snapshot import Snapshot
from tabard.store.snapshot_loader import Delta, apply_delta, load


def next_snapshot(scope: TransactionScope, current: Snapshot | None) -> Snapshot:
    """Return the newest snapshot: the unchanged current one, an updated one, or a complete reload."""
    newest = newest_version(scope.connection)
    if current is None or current.account_id != scope.account_id:
        return load(_everything(scope, newest))
    if newest == current.version:
        return current
    try:
        written = changed_since(scope, current.version, newest=newest)
    except TooFarBehind:
        return load(_everything(scope, newest))
    changed = {kind.field: _now(scope, kind, written[kind.name]) for kind in KINDS if kind.name in written}
    return apply_delta(current, Delta(newest, scope.account_id, changed))


def _everything(scope: TransactionScope, version: int) -> Delta:
    return Delta(version, scope.account_id, {kind.field: kind.port(scope).read() for kind in KINDS})


def _now(scope: TransactionScope, kind: Kind, written: frozenset[str]) -> Mapping[Any, Any]:
    """Read the present values of these keys; None for deleted ones."""
    keys = [kind.key(text) for text in written]
    found = kind.port(scope).read(keys)
    return {key: found.get(key) for key in keys}
