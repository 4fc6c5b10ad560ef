"""Sorted listings: aggregates in the order of a List or Describe operation.

Theory of operation. Entries are in sorted chunks of some hundreds. A page begins after a key: `bisect` finds
the chunk and the position in it, and the page takes its entries from there. A change copies the list of
chunks and the one affected chunk. So it is fast for 10 and for 100,000 entries, and the former listing does
not change. Nothing is sorted after the first load. Entries are also stored by group: IAM's paths, EC2's
regions. A path prefix merges the groups that begin with it. Its page costs one step for each path of the
account, whatever else the account contains.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Generic, Literal, TypeVar

from tabard.model.group import Group
from tabard.model.instance import Instance
from tabard.model.instance_profile import InstanceProfile
from tabard.model.policies import ManagedPolicy
from tabard.model.role import Role
from tabard.model.user import User

V = TypeVar("V")
Key = tuple[str, ...]

CHUNK = 256
"""Entries in a chunk after the first load. A chunk that doubles is split in two."""

_key = itemgetter(0)


class Sorted(Generic[V]):
    """An immutable sequence of entries in the order of their unique keys."""

    __slots__ = ("_chunks", "_firsts")

    def __init__(self, chunks: list[list[tuple[Key, V]]]) -> None:
        self._chunks = chunks
        self._firsts = [chunk[0][0] for chunk in chunks]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sorted) and list(self.after(None)) == list(other.after(None))

    __hash__ = None  # type: ignore[assignment]  # its entries may have none

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def __len__(self) -> int:
        return sum(map(len, self._chunks))

    def after(self, key: Key | None) -> Iterator[tuple[Key, V]]:
        """Yield the entries after this key, or all of them."""
        begin = 0 if key is None else max(0, bisect_right(self._firsts, key) - 1)
        for number in range(begin, len(self._chunks)):
            chunk = self._chunks[number]
            place = bisect_right(chunk, key, key=_key) if number == begin and key is not None else 0
            for at in range(place, len(chunk)):
                yield chunk[at]

    def changed(self, gone: Sequence[Key], new: Mapping[Key, V]) -> "Sorted[V]":
        """Return a copy with some entries removed, then others added or replaced."""
        if len(gone) + len(new) > len(self._chunks):
            merged = dict(self.after(None))
            for key in gone:
                merged.pop(key, None)
            ordered = sorted((merged | dict(new)).items(), key=_key)
            return Sorted([ordered[begin : begin + CHUNK] for begin in range(0, len(ordered), CHUNK)])
        chunks = list(self._chunks)
        for key in gone:
            self._replace(chunks, key, [])
        for key, entry in new.items():
            self._replace(chunks, key, [(key, entry)])
        cut = (part for chunk in chunks for part in _parts(chunk))
        return Sorted([chunk for chunk in cut if chunk])

    def _replace(self, chunks: list[list[tuple[Key, V]]], key: Key, by: list[tuple[Key, V]]) -> None:
        number = max(0, bisect_right(self._firsts, key) - 1)
        chunk = chunks[number]
        place = bisect_left(chunk, key, key=_key)
        is_there = place < len(chunk) and chunk[place][0] == key
        chunks[number] = [*chunk[:place], *by, *chunk[place + is_there :]]


NOTHING: Sorted[Any] = Sorted([])


def _parts(chunk: list[tuple[Key, V]]) -> list[list[tuple[Key, V]]]:
    if len(chunk) < 2 * CHUNK:
        return [chunk]
    half = len(chunk) // 2
    return [chunk[:half], chunk[half:]]


def regrouped(
    groups: Mapping[str, Sorted[V]], gone: Mapping[str, Sequence[Key]], new: Mapping[str, Mapping[Key, V]]
) -> Mapping[str, Sorted[V]]:
    """Return the groups after entries left and joined them; a group without entries is dropped."""
    after = dict(groups)
    for group in {**gone, **new}:
        moved = after.get(group, Sorted[V]([])).changed(gone.get(group, ()), new.get(group, {}))
        if moved:
            after[group] = moved
        else:
            after.pop(group, None)
    return after


@dataclass(frozen=True, slots=True)
class Listing(Generic[V]):
    """One order of the aggregates of one kind, in total and by group.

    `key_of` gives unique keys. `group_of` names the group, such as a path.
    """

    key_of: Callable[[V], Key]
    group_of: Callable[[V], str]
    every: Sorted[V] = field(default_factory=lambda: Sorted([]), repr=False)
    groups: Mapping[str, Sorted[V]] = field(default_factory=dict, repr=False)

    def after(self, key: Key | None = None) -> Iterator[V]:
        """Yield every entry after a key, in order."""
        return (entry for _, entry in self.every.after(key))

    def in_group(self, group: str, key: Key | None = None) -> Iterator[V]:
        """Yield the entries of one group after a key, in order."""
        return (entry for _, entry in self.groups.get(group, Sorted[V]([])).after(key))

    def under(self, *prefixes: str, key: Key | None = None) -> Iterator[V]:
        """Yield the entries after a key of the groups with one of these prefixes, in order."""
        below = [entries for group, entries in self.groups.items() if group.startswith(prefixes)]
        if len(below) == len(self.groups):
            return self.after(key)
        merged = heapq.merge(*(entries.after(key) for entries in below), key=_key)
        return (entry for _, entry in merged)

    def changed(self, before: Mapping[str, V], changed: Mapping[str, V | None]) -> "Listing[V]":
        """Return the listing after a change; `before` has the former aggregates, by the same keys."""
        if not changed:
            return self
        gone: dict[str, list[Key]] = {}
        new: dict[str, dict[Key, V]] = {}
        for name, value in changed.items():
            old = before.get(name)
            if old is not None and (value is None or self._place(old) != self._place(value)):
                gone.setdefault(self.group_of(old), []).append(self.key_of(old))
            if value is not None:
                new.setdefault(self.group_of(value), {})[self.key_of(value)] = value
        groups = regrouped(self.groups, gone, new)
        all_gone = [key for keys in gone.values() for key in keys]
        all_new = {key: entry for entries in new.values() for key, entry in entries.items()}
        return Listing(self.key_of, self.group_of, self.every.changed(all_gone, all_new), groups)

    def _place(self, value: V) -> tuple[str, Key]:
        return self.group_of(value), self.key_of(value)


def by_name(entity: User | Group | Role | InstanceProfile) -> Key:
    """Sort by name, without regard to case."""
    return (entity.name.lower(),)


def by_kind_and_name(holder: User | Group | Role) -> Key:
    """Sort groups before roles before users, then by name, without regard to case."""
    return (f"{kind_of(holder)} {holder.name.lower()}",)


def kind_of(holder: User | Group | Role) -> Literal["Group", "Role", "User"]:
    """Return the kind of an entity, in AWS's word."""
    if isinstance(holder, Group):
        return "Group"
    return "Role" if isinstance(holder, Role) else "User"


def by_name_and_owner(policy: ManagedPolicy) -> Key:
    """Sort by name, without regard to case, then by owner: AWS and the account may use the same name."""
    return (f"{policy.name.lower()} {policy.account_id}",)


def by_launch(instance: Instance) -> Key:
    """Sort oldest first, with a reservation's instances together."""
    return (
        instance.launched_at.isoformat(timespec="microseconds"),
        instance.reservation_id,
        f"{instance.ami_launch_index:05d}",
        instance.instance_id,
    )


def path_of(entity: User | Group | Role | InstanceProfile) -> str:
    """Return the group of an IAM entity."""
    return entity.path


def owner_and_path_of(policy: ManagedPolicy) -> str:
    """Return the group of a managed policy: `aws/…` if AWS owns it, or the account's id with the path."""
    return policy.account_id + policy.path


def region_of(instance: Instance) -> str:
    """Return the group of an instance."""
    return instance.region


@dataclass(frozen=True, slots=True, kw_only=True)
class Listings:
    """All paged listings; `policies_in_use` are attached to an entity, or are its permissions boundary."""

    users: Listing[User] = Listing(by_name, path_of)
    groups: Listing[Group] = Listing(by_name, path_of)
    roles: Listing[Role] = Listing(by_name, path_of)
    instance_profiles: Listing[InstanceProfile] = Listing(by_name, path_of)
    policies: Listing[ManagedPolicy] = Listing(by_name_and_owner, owner_and_path_of)
    policies_in_use: Listing[ManagedPolicy] = Listing(by_name_and_owner, owner_and_path_of)
    instances: Listing[Instance] = Listing(by_launch, region_of)


LISTINGS = {
    "users": "users",
    "groups": "groups",
    "roles": "roles",
    "instance_profiles": "instance_profiles",
    "policies": "managed_policies",
    "instances": "instances",
}
"""The attribute of `Snapshot` that each listing is of, except `policies_in_use`."""
