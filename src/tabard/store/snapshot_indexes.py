"""The secondary indexes of a snapshot: `INDEXES` has one row for each.

An update returns the given index if nothing in it changed, and a changed copy otherwise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from tabard.model.group import Group
from tabard.model.role import Role
from tabard.model.user import User
from tabard.store.listings import Key, Listings, Sorted, by_kind_and_name, by_name, regrouped

Names = Mapping[str, str]
"""Lower-case name → id."""

Gathered = Mapping[str, tuple[str, ...]]
"""Owner → ids, sorted."""

Holder = User | Group | Role
"""An entity that a managed policy can be attached to."""

V = TypeVar("V")
Index = TypeVar("Index")


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexes:
    """The lookup tables of a snapshot besides the ids."""

    user_ids: Names = field(default_factory=dict)
    group_ids: Names = field(default_factory=dict)
    role_ids: Names = field(default_factory=dict)
    instance_profile_ids: Names = field(default_factory=dict)
    key_pairs_by_region_and_name: Gathered = field(default_factory=dict)
    users_by_group: Mapping[str, Sorted[User]] = field(default_factory=dict)
    instance_profiles_by_role: Gathered = field(default_factory=dict)
    associations_by_instance: Gathered = field(default_factory=dict)
    instances_by_host: Gathered = field(default_factory=dict)
    access_keys_by_owner: Gathered = field(default_factory=dict)
    holders_by_policy: Mapping[str, Sorted[Holder]] = field(default_factory=dict)
    bounded_by_policy: Mapping[str, Sorted[User | Role]] = field(default_factory=dict)
    listings: Listings = field(default_factory=Listings)


class Named(Protocol):
    """An object with a name."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


def name_index(index: Names, before: Mapping[str, N], changed: Mapping[str, N | None]) -> Names:
    """Update the ids by lower-case name after a change."""
    after: dict[str, str] | None = None
    for key, value in changed.items():
        old = before.get(key)
        old_name = None if old is None else old.name.lower()
        new_name = None if value is None else value.name.lower()
        if old_name == new_name:
            continue
        if after is None:
            after = dict(index)
        # Within the same change, another id may have taken the name.
        if old_name is not None and after.get(old_name) == key:
            del after[old_name]
        if new_name is not None:
            after[new_name] = key
    return index if after is None else after


def gathered(owners: Callable[[Any], tuple[str, ...]]) -> Callable[..., Gathered]:
    """Make the update of the ids by owner; `owners` returns the owners of one value."""

    def update(index: Gathered, before: Mapping[str, V], changed: Mapping[str, V | None]) -> Gathered:
        touched: dict[str, dict[str, None]] = {}
        for key, value in changed.items():
            old = before.get(key)
            left = () if old is None else owners(old)
            joined = () if value is None else owners(value)
            if left == joined:
                continue
            for owner in left:
                _members(touched, index, owner).pop(key, None)
            for owner in joined:
                _members(touched, index, owner)[key] = None
        if not touched:
            return index
        after = dict(index)
        for owner, members in touched.items():
            if members:
                after[owner] = tuple(sorted(members))
            else:
                after.pop(owner, None)
        return after

    return update


def in_order(
    owners: Callable[[Any], tuple[str, ...]], key_of: Callable[[Any], Key]
) -> Callable[..., Mapping[str, Sorted[Any]]]:
    """Make the update of the values by owner, in the order of a page."""

    def update(
        index: Mapping[str, Sorted[V]], before: Mapping[str, V], changed: Mapping[str, V | None]
    ) -> Mapping[str, Sorted[V]]:
        gone: dict[str, list[Key]] = {}
        new: dict[str, dict[Key, V]] = {}
        for key, value in changed.items():
            old = before.get(key)
            for owner in () if old is None else owners(old):
                gone.setdefault(owner, []).append(key_of(old))
            for owner in () if value is None else owners(value):
                new.setdefault(owner, {})[key_of(value)] = value  # type: ignore[assignment]  # not None here
        return regrouped(index, gone, new) if gone or new else index

    return update


def boundary_arns(holder: User | Role) -> tuple[str, ...]:
    """Return the ARN of the permissions boundary, if there is one."""
    return () if holder.permissions_boundary_arn is None else (holder.permissions_boundary_arn,)


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One index: the attribute of `Indexes`, its update, and the attributes of `Snapshot` that it reads."""

    field: str
    update: Callable[..., Any]
    sources: tuple[str, ...]


INDEXES = (
    IndexRow("user_ids", name_index, ("users",)),
    IndexRow("group_ids", name_index, ("groups",)),
    IndexRow("role_ids", name_index, ("roles",)),
    IndexRow("instance_profile_ids", name_index, ("instance_profiles",)),
    IndexRow(
        "key_pairs_by_region_and_name",
        gathered(lambda key_pair: (f"{key_pair.region} {key_pair.name}",)),
        ("key_pairs",),
    ),
    IndexRow("users_by_group", in_order(lambda user: user.group_ids, by_name), ("users",)),
    IndexRow(
        "instance_profiles_by_role",
        gathered(lambda profile: () if profile.role_id is None else (profile.role_id,)),
        ("instance_profiles",),
    ),
    IndexRow("associations_by_instance", gathered(lambda each: (each.instance_id,)), ("associations",)),
    IndexRow("instances_by_host", gathered(lambda instance: (instance.host_id,)), ("instances",)),
    IndexRow("access_keys_by_owner", gathered(lambda key: (key.owner_id,)), ("access_keys",)),
    IndexRow(
        "holders_by_policy",
        in_order(lambda holder: holder.attached_policy_arns, by_kind_and_name),
        ("users", "groups", "roles"),
    ),
    IndexRow("bounded_by_policy", in_order(boundary_arns, by_kind_and_name), ("users", "roles")),
)


def _members(touched: dict[str, dict[str, None]], index: Gathered, owner: str) -> dict[str, None]:
    members = touched.get(owner)
    if members is None:
        members = touched[owner] = dict.fromkeys(index.get(owner, ()))
    return members
