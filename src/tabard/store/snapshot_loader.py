"""From one snapshot to the next: only the mappings that changed are copied, and nothing is read again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from tabard.model.access_key import AccessKey
from tabard.model.association import Association
from tabard.model.group import Group
from tabard.model.host import Host
from tabard.model.instance import Image, Instance
from tabard.model.instance_profile import InstanceProfile
from tabard.model.join_token import JoinToken
from tabard.model.key_pair import KeyPair
from tabard.model.organization import Organization
from tabard.model.policies import ManagedPolicy
from tabard.model.revocation import Revocation
from tabard.model.role import Role
from tabard.model.sealing_key import SealingKey
from tabard.model.user import User
from tabard.store.controls import NO_CONTROLS, controls_of
from tabard.store.snapshot import RevocationKey, Snapshot
from tabard.store.snapshot_indexes import Indexes, gathered_index, name_index, use_counts

K = TypeVar("K")
V = TypeVar("V")

ACCOUNT_ID = "account_id"
"""The installation's fact of this name is the account."""

PARTITION = "partition"
"""The installation's fact of this name is the partition, `aws` where it is not set."""

_DEFAULT_PARTITION = "aws"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What is different at `version`: the new value by key, None for what is gone."""

    version: int
    users: Mapping[str, User | None] = field(default_factory=dict)
    groups: Mapping[str, Group | None] = field(default_factory=dict)
    roles: Mapping[str, Role | None] = field(default_factory=dict)
    managed_policies: Mapping[str, ManagedPolicy | None] = field(default_factory=dict)
    instance_profiles: Mapping[str, InstanceProfile | None] = field(default_factory=dict)
    instances: Mapping[str, Instance | None] = field(default_factory=dict)
    associations: Mapping[str, Association | None] = field(default_factory=dict)
    images: Mapping[str, Image | None] = field(default_factory=dict)
    hosts: Mapping[str, Host | None] = field(default_factory=dict)
    join_tokens: Mapping[str, JoinToken | None] = field(default_factory=dict)
    key_pairs: Mapping[str, KeyPair | None] = field(default_factory=dict)
    access_keys: Mapping[str, AccessKey | None] = field(default_factory=dict)
    sealing_keys: Mapping[int, SealingKey | None] = field(default_factory=dict)
    revocations: Mapping[RevocationKey, Revocation | None] = field(default_factory=dict)
    installation: Mapping[str, str | None] = field(default_factory=dict)
    organizations: Mapping[str, Organization | None] = field(default_factory=dict)


def load(everything: Delta) -> Snapshot:
    """The snapshot of a store that holds exactly this."""
    return apply_delta(_EMPTY, everything)


def apply_delta(snapshot: Snapshot, delta: Delta) -> Snapshot:
    """The snapshot after a change; what did not change is shared with the one before."""
    account_id = delta.installation.get(ACCOUNT_ID, snapshot.account_id) or ""
    organizations = _merged(snapshot.organizations, delta.organizations)
    is_governed_alike = organizations is snapshot.organizations and account_id == snapshot.account_id
    return Snapshot(
        version=delta.version,
        account_id=account_id,
        partition=delta.installation.get(PARTITION, snapshot.partition) or _DEFAULT_PARTITION,
        users=_merged(snapshot.users, delta.users),
        groups=_merged(snapshot.groups, delta.groups),
        roles=_merged(snapshot.roles, delta.roles),
        managed_policies=_merged(snapshot.managed_policies, delta.managed_policies),
        instance_profiles=_merged(snapshot.instance_profiles, delta.instance_profiles),
        instances=_merged(snapshot.instances, delta.instances),
        associations=_merged(snapshot.associations, delta.associations),
        images=_merged(snapshot.images, delta.images),
        hosts=_merged(snapshot.hosts, delta.hosts),
        join_tokens=_merged(snapshot.join_tokens, delta.join_tokens),
        key_pairs=_merged(snapshot.key_pairs, delta.key_pairs),
        access_keys=_merged(snapshot.access_keys, delta.access_keys),
        sealing_keys=_merged(snapshot.sealing_keys, delta.sealing_keys),
        revocations=_merged(snapshot.revocations, delta.revocations),
        installation=_merged(snapshot.installation, delta.installation),
        organizations=organizations,
        controls=snapshot.controls
        if is_governed_alike
        else controls_of(next(iter(organizations.values()), None), account_id),
        indexes=_moved(snapshot, delta),
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
    return Indexes(
        user_ids=name_index(indexes.user_ids, snapshot.users, delta.users),
        group_ids=name_index(indexes.group_ids, snapshot.groups, delta.groups),
        role_ids=name_index(indexes.role_ids, snapshot.roles, delta.roles),
        instance_profile_ids=name_index(
            indexes.instance_profile_ids, snapshot.instance_profiles, delta.instance_profiles
        ),
        users_by_group=gathered_index(
            indexes.users_by_group, snapshot.users, delta.users, lambda user: user.group_ids
        ),
        instance_profiles_by_role=gathered_index(
            indexes.instance_profiles_by_role,
            snapshot.instance_profiles,
            delta.instance_profiles,
            lambda held: () if held.role_id is None else (held.role_id,),
        ),
        associations_by_instance=gathered_index(
            indexes.associations_by_instance,
            snapshot.associations,
            delta.associations,
            lambda association: (association.instance_id,),
        ),
        instances_by_host=gathered_index(
            indexes.instances_by_host,
            snapshot.instances,
            delta.instances,
            lambda instance: (instance.host_id,),
        ),
        access_keys_by_owner=gathered_index(
            indexes.access_keys_by_owner,
            snapshot.access_keys,
            delta.access_keys,
            lambda access_key: (access_key.owner_id,),
        ),
        attachment_counts=_attachment_counts(snapshot, delta),
        boundary_counts=_boundary_counts(snapshot, delta),
    )


def _attachment_counts(snapshot: Snapshot, delta: Delta) -> Mapping[str, int]:
    counts = snapshot.indexes.attachment_counts
    counts = use_counts(counts, snapshot.users, delta.users, _attached)
    counts = use_counts(counts, snapshot.groups, delta.groups, _attached)
    return use_counts(counts, snapshot.roles, delta.roles, _attached)


def _boundary_counts(snapshot: Snapshot, delta: Delta) -> Mapping[str, int]:
    counts = use_counts(snapshot.indexes.boundary_counts, snapshot.users, delta.users, _boundary)
    return use_counts(counts, snapshot.roles, delta.roles, _boundary)


def _attached(holder: User | Group | Role) -> tuple[str, ...]:
    return holder.attached_policy_arns


def _boundary(holder: User | Role) -> tuple[str, ...]:
    return () if holder.permissions_boundary_arn is None else (holder.permissions_boundary_arn,)


_EMPTY = Snapshot(
    version=0,
    account_id="",
    partition=_DEFAULT_PARTITION,
    users={},
    groups={},
    roles={},
    managed_policies={},
    instance_profiles={},
    instances={},
    associations={},
    images={},
    hosts={},
    join_tokens={},
    key_pairs={},
    access_keys={},
    sealing_keys={},
    revocations={},
    installation={},
    organizations={},
    controls=NO_CONTROLS,
    indexes=Indexes(),
)
