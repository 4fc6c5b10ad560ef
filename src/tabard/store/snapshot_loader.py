"""Construction of the next snapshot: it copies only the changed mappings, and reads nothing again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar

from tabard.model.group import Group
from tabard.model.policies import ManagedPolicy
from tabard.model.role import Role
from tabard.model.user import User
from tabard.store.controls import controls_of
from tabard.store.listings import Listing, Listings
from tabard.store.snapshot import Snapshot
from tabard.store.snapshot_indexes import Indexes, gathered_index, name_index, use_counts

K = TypeVar("K")
_Counts = tuple[Mapping[str, int], Mapping[str, int]]
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
    indexes = snapshot.indexes
    attachment_counts, boundary_counts = (
        _attachment_counts(snapshot, delta),
        _boundary_counts(snapshot, delta),
    )
    return Indexes(
        user_ids=name_index(indexes.user_ids, snapshot.users, delta.of("users")),
        group_ids=name_index(indexes.group_ids, snapshot.groups, delta.of("groups")),
        role_ids=name_index(indexes.role_ids, snapshot.roles, delta.of("roles")),
        instance_profile_ids=name_index(
            indexes.instance_profile_ids, snapshot.instance_profiles, delta.of("instance_profiles")
        ),
        users_by_group=gathered_index(
            indexes.users_by_group, snapshot.users, delta.of("users"), lambda user: user.group_ids
        ),
        instance_profiles_by_role=gathered_index(
            indexes.instance_profiles_by_role,
            snapshot.instance_profiles,
            delta.of("instance_profiles"),
            lambda held: () if held.role_id is None else (held.role_id,),
        ),
        associations_by_instance=gathered_index(
            indexes.associations_by_instance,
            snapshot.associations,
            delta.of("associations"),
            lambda association: (association.instance_id,),
        ),
        instances_by_host=gathered_index(
            indexes.instances_by_host,
            snapshot.instances,
            delta.of("instances"),
            lambda instance: (instance.host_id,),
        ),
        access_keys_by_owner=gathered_index(
            indexes.access_keys_by_owner,
            snapshot.access_keys,
            delta.of("access_keys"),
            lambda access_key: (access_key.owner_id,),
        ),
        attachment_counts=attachment_counts,
        boundary_counts=boundary_counts,
        listings=_listings(snapshot, delta, (attachment_counts, boundary_counts)),
    )


def _listings(snapshot: Snapshot, delta: Delta, uses: _Counts) -> Listings:
    listings = snapshot.indexes.listings
    return Listings(
        users=listings.users.changed(snapshot.users, delta.of("users")),
        groups=listings.groups.changed(snapshot.groups, delta.of("groups")),
        roles=listings.roles.changed(snapshot.roles, delta.of("roles")),
        instance_profiles=listings.instance_profiles.changed(
            snapshot.instance_profiles, delta.of("instance_profiles")
        ),
        policies=listings.policies.changed(snapshot.managed_policies, delta.of("managed_policies")),
        policies_in_use=_policies_in_use(snapshot, delta, uses),
        instances=listings.instances.changed(snapshot.instances, delta.of("instances")),
    )


def _policies_in_use(snapshot: Snapshot, delta: Delta, uses: _Counts) -> Listing[ManagedPolicy]:
    """Update the listing: only changed policies, and those of changed users, groups and roles, can move."""
    indexes, changed = snapshot.indexes, delta.of("managed_policies")
    used_before = (indexes.attachment_counts, indexes.boundary_counts)
    before: dict[str, ManagedPolicy] = {}
    after: dict[str, ManagedPolicy | None] = {}
    for arn in {*changed, *_arns_of_changed_holders(snapshot, delta)}:
        old = snapshot.managed_policies.get(arn)
        new = changed.get(arn) if arn in changed else old
        if old is not None and any(arn in counts for counts in used_before):
            before[arn] = old
        after[arn] = new if any(arn in counts for counts in uses) else None
    return indexes.listings.policies_in_use.changed(before, after)


def _arns_of_changed_holders(snapshot: Snapshot, delta: Delta) -> Iterator[str]:
    for field_name in ("users", "groups", "roles"):
        for key, new in delta.of(field_name).items():
            for holder in (getattr(snapshot, field_name).get(key), new):
                if holder is not None:
                    yield from holder.attached_policy_arns
                    yield from () if isinstance(holder, Group) else _boundary(holder)


def _attachment_counts(snapshot: Snapshot, delta: Delta) -> Mapping[str, int]:
    counts = snapshot.indexes.attachment_counts
    counts = use_counts(counts, snapshot.users, delta.of("users"), _attached)
    counts = use_counts(counts, snapshot.groups, delta.of("groups"), _attached)
    return use_counts(counts, snapshot.roles, delta.of("roles"), _attached)


def _boundary_counts(snapshot: Snapshot, delta: Delta) -> Mapping[str, int]:
    counts = use_counts(snapshot.indexes.boundary_counts, snapshot.users, delta.of("users"), _boundary)
    return use_counts(counts, snapshot.roles, delta.of("roles"), _boundary)


def _attached(holder: User | Group | Role) -> tuple[str, ...]:
    return holder.attached_policy_arns


def _boundary(holder: User | Role) -> tuple[str, ...]:
    return () if holder.permissions_boundary_arn is None else (holder.permissions_boundary_arn,)


EMPTY = Snapshot(version=0, account_id="", partition=_DEFAULT_PARTITION)
"""The snapshot of an empty store."""
