"""Construction of the next snapshot: it copies only the changed mappings, and reads nothing again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar

from tabard.model.group import Group
from tabard.model.policies import ManagedPolicy
from tabard.store.controls import controls_of
from tabard.store.listings import LISTINGS, Listing, Listings
from tabard.store.snapshot import Snapshot
from tabard.store.snapshot_indexes import INDEXES, Indexes, boundary_arns

K = TypeVar("K")
V = TypeVar("V")

PARTITION = "partition"
"""The installation setting with the partition; by default `aws`."""

_DEFAULT_PARTITION = "aws"


Changed = Mapping[Any, Any]
"""The new value by key, None for a deleted one; keys and values are those of one `Snapshot` attribute."""

_NOTHING: Changed = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Delta:
    """The changes of an account at `version`, by the attribute of `Snapshot`."""

    version: int
    account_id: str
    changed: Mapping[str, Changed] = field(default_factory=lambda: _NOTHING)

    def of(self, field: str) -> Changed:
        """Return the changes of one attribute."""
        return self.changed.get(field, _NOTHING)


def load(everything: Delta) -> Snapshot:
    """Make the snapshot of a store with exactly this content."""
    return apply_delta(EMPTY, everything)


def apply_delta(snapshot: Snapshot, delta: Delta) -> Snapshot:
    """Make the snapshot after a change. It shares unchanged mappings with the former one."""
    merged: dict[str, Any] = {
        field: _merged(getattr(snapshot, field), changed)
        for field, changed in delta.changed.items()
        if changed
    }
    installation = delta.of("installation")
    after = replace(
        snapshot,
        version=delta.version,
        account_id=delta.account_id,
        partition=installation.get(PARTITION, snapshot.partition) or _DEFAULT_PARTITION,
        indexes=_moved(snapshot, delta),
        **merged,
    )
    if after.organizations is snapshot.organizations and after.account_id == snapshot.account_id:
        return after
    return replace(
        after, controls=controls_of(next(iter(after.organizations.values()), None), after.account_id)
    )


def _merged(current: Mapping[K, V], changed: Mapping[K, V | None]) -> Mapping[K, V]:
    if not changed:
        return current
    after = dict(current)
    for key, value in changed.items():
        if value is None:
            after.pop(key, None)
        else:
            after[key] = value
    return after


def _moved(snapshot: Snapshot, delta: Delta) -> Indexes:
    updated: dict[str, Any] = {}
    for row in INDEXES:
        index = getattr(snapshot.indexes, row.field)
        for source in row.sources:
            index = row.update(index, getattr(snapshot, source), delta.of(source))
        updated[row.field] = index
    indexes = Indexes(**updated, listings=snapshot.indexes.listings)
    return replace(indexes, listings=_listings(snapshot, delta, indexes))


def _listings(snapshot: Snapshot, delta: Delta, indexes: Indexes) -> Listings:
    listings = snapshot.indexes.listings
    moved: dict[str, Any] = {
        field: getattr(listings, field).changed(getattr(snapshot, source), delta.of(source))
        for field, source in LISTINGS.items()
    }
    return Listings(**moved, policies_in_use=_policies_in_use(snapshot, delta, indexes))


def _policies_in_use(snapshot: Snapshot, delta: Delta, indexes: Indexes) -> Listing[ManagedPolicy]:
    """Update the listing: only changed policies, and those of changed users, groups and roles, can move."""
    changed = delta.of("managed_policies")
    before: dict[str, ManagedPolicy] = {}
    after: dict[str, ManagedPolicy | None] = {}
    for arn in {*changed, *_arns_of_changed_holders(snapshot, delta)}:
        old = snapshot.managed_policies.get(arn)
        new = changed.get(arn) if arn in changed else old
        if old is not None and _is_in_use(arn, snapshot.indexes):
            before[arn] = old
        after[arn] = new if _is_in_use(arn, indexes) else None
    return snapshot.indexes.listings.policies_in_use.changed(before, after)


def _is_in_use(arn: str, indexes: Indexes) -> bool:
    return arn in indexes.holders_by_policy or arn in indexes.bounded_by_policy


def _arns_of_changed_holders(snapshot: Snapshot, delta: Delta) -> Iterator[str]:
    for field_name in ("users", "groups", "roles"):
        for key, new in delta.of(field_name).items():
            for holder in (getattr(snapshot, field_name).get(key), new):
                if holder is not None:
                    yield from holder.attached_policy_arns
                    yield from () if isinstance(holder, Group) else boundary_arns(holder)


EMPTY = Snapshot(version=0, account_id="", partition=_DEFAULT_PARTITION)
"""The snapshot of an empty store."""
