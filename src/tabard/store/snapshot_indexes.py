"""The secondary indexes of a snapshot, and how a change moves them.

Every function gives back the index it was given where nothing in it moved, and a changed copy otherwise.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

Names = Mapping[str, str]
"""Lower-case name → id."""

Groups = Mapping[str, tuple[str, ...]]
"""What holds them → ids, sorted."""

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexes:
    """What a snapshot looks things up by, beside their ids."""

    user_ids: Names = field(default_factory=dict)
    role_ids: Names = field(default_factory=dict)
    instance_profile_ids: Names = field(default_factory=dict)
    instance_profiles_by_role: Groups = field(default_factory=dict)
    associations_by_instance: Groups = field(default_factory=dict)
    instances_by_host: Groups = field(default_factory=dict)
    access_keys_by_owner: Groups = field(default_factory=dict)
    attachment_counts: Mapping[str, int] = field(default_factory=dict)


class Named(Protocol):
    """What has a name."""

    @property
    def name(self) -> str: ...


class PolicyHolder(Protocol):
    """What managed policies are attached to."""

    @property
    def attached_policy_arns(self) -> tuple[str, ...]: ...


N = TypeVar("N", bound=Named)
H = TypeVar("H", bound=PolicyHolder)


def name_index(index: Names, before: Mapping[str, N], changed: Mapping[str, N | None]) -> Names:
    """The ids by lower-case name after a change."""
    after: dict[str, str] | None = None
    for key, value in changed.items():
        old = before.get(key)
        old_name = None if old is None else old.name.lower()
        new_name = None if value is None else value.name.lower()
        if old_name == new_name:
            continue
        if after is None:
            after = dict(index)
        # A name may have passed to another id within the same change.
        if old_name is not None and after.get(old_name) == key:
            del after[old_name]
        if new_name is not None:
            after[new_name] = key
    return index if after is None else after


def group_index(
    index: Groups,
    before: Mapping[str, V],
    changed: Mapping[str, V | None],
    group_of: Callable[[V], str | None],
) -> Groups:
    """The ids by what holds them after a change; `group_of` says what that is, None for nothing."""
    touched: dict[str, dict[str, None]] = {}
    for key, value in changed.items():
        old = before.get(key)
        old_group = None if old is None else group_of(old)
        new_group = None if value is None else group_of(value)
        if old_group == new_group:
            continue
        if old_group is not None:
            _members(touched, index, old_group).pop(key, None)
        if new_group is not None:
            _members(touched, index, new_group)[key] = None
    if not touched:
        return index
    after = dict(index)
    for group, members in touched.items():
        if members:
            after[group] = tuple(sorted(members))
        else:
            after.pop(group, None)
    return after


def attachment_counts(
    counts: Mapping[str, int], before: Mapping[str, H], changed: Mapping[str, H | None]
) -> Mapping[str, int]:
    """How many users and roles each managed policy is attached to, after a change of one kind of them."""
    after: dict[str, int] | None = None
    for key, value in changed.items():
        old = before.get(key)
        old_arns: Sequence[str] = () if old is None else old.attached_policy_arns
        new_arns: Sequence[str] = () if value is None else value.attached_policy_arns
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


def _members(touched: dict[str, dict[str, None]], index: Groups, group: str) -> dict[str, None]:
    members = touched.get(group)
    if members is None:
        members = touched[group] = dict.fromkeys(index.get(group, ()))
    return members
