"""The secondary indexes of a snapshot, and their updates by a change.

Every function returns the given index if nothing in it changed, and a changed copy otherwise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from tabard.store.listings import Listings

Names = Mapping[str, str]
"""Lower-case name → id."""

Gathered = Mapping[str, tuple[str, ...]]
"""Owner → ids, sorted."""

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexes:
    """The lookup tables of a snapshot besides the ids."""

    user_ids: Names = field(default_factory=dict)
    group_ids: Names = field(default_factory=dict)
    role_ids: Names = field(default_factory=dict)
    instance_profile_ids: Names = field(default_factory=dict)
    users_by_group: Gathered = field(default_factory=dict)
    instance_profiles_by_role: Gathered = field(default_factory=dict)
    associations_by_instance: Gathered = field(default_factory=dict)
    instances_by_host: Gathered = field(default_factory=dict)
    access_keys_by_owner: Gathered = field(default_factory=dict)
    attachment_counts: Mapping[str, int] = field(default_factory=dict)
    boundary_counts: Mapping[str, int] = field(default_factory=dict)
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


def gathered_index(
    index: Gathered,
    before: Mapping[str, V],
    changed: Mapping[str, V | None],
    belongs_to: Callable[[V], tuple[str, ...]],
) -> Gathered:
    """Update the ids by owner after a change; `belongs_to` returns the owner, if any."""
    touched: dict[str, dict[str, None]] = {}
    for key, value in changed.items():
        old = before.get(key)
        left = () if old is None else belongs_to(old)
        joined = () if value is None else belongs_to(value)
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


def use_counts(
    counts: Mapping[str, int],
    before: Mapping[str, V],
    changed: Mapping[str, V | None],
    uses: Callable[[V], tuple[str, ...]],
) -> Mapping[str, int]:
    """Update the use counts of managed policies after a change of one kind of users; `uses` lists ARNs."""
    after: dict[str, int] | None = None
    for key, value in changed.items():
        old = before.get(key)
        old_arns = () if old is None else uses(old)
        new_arns = () if value is None else uses(value)
        if old_arns == new_arns:
            continue
        if after is None:
            after = dict(counts)
        for arn in old_arns:
            after[arn] -= 1
            if not after[arn]:
                del after[arn]
        for arn in new_arns:
            after[arn] = after.get(arn, 0) + 1
    return counts if after is None else after


def _members(touched: dict[str, dict[str, None]], index: Gathered, owner: str) -> dict[str, None]:
    members = touched.get(owner)
    if members is None:
        members = touched[owner] = dict.fromkeys(index.get(owner, ()))
    return members
