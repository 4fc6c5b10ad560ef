"""From the tables to the next snapshot, inside one read transaction, so that it is one version."""

from collections.abc import Collection, Mapping
from typing import TypeVar

from sqlalchemy import Connection

from tabard.model.revocation import Revocation
from tabard.store.changes import ChangeKind, TooFarBehind, changed_since, newest_version
from tabard.store.rows.associations import ASSOCIATIONS
from tabard.store.rows.groups import read_groups
from tabard.store.rows.hosts import HOSTS
from tabard.store.rows.installation import read_installation
from tabard.store.rows.instance_profiles import INSTANCE_PROFILES
from tabard.store.rows.instances import IMAGES, INSTANCES
from tabard.store.rows.join_tokens import JOIN_TOKENS
from tabard.store.rows.key_pairs import KEY_PAIRS
from tabard.store.rows.keys import ACCESS_KEYS, SEALING_KEYS
from tabard.store.rows.managed_policies import read_managed_policies
from tabard.store.rows.organizations import read_organizations
from tabard.store.rows.revocations import read_revocations
from tabard.store.rows.roles import read_roles
from tabard.store.rows.users import read_users
from tabard.store.snapshot import RevocationKey, Snapshot
from tabard.store.snapshot_loader import Delta, apply_delta, load

K = TypeVar("K")
V = TypeVar("V")

_NO_KEYS: frozenset[str] = frozenset()


def next_snapshot(connection: Connection, current: Snapshot | None) -> Snapshot:
    """The newest snapshot: the current one where nothing changed, what changed applied to it, or all anew."""
    newest = newest_version(connection)
    if current is None:
        return load(_everything(connection, newest))
    if newest == current.version:
        return current
    try:
        changed = changed_since(connection, current.version, newest=newest)
    except TooFarBehind:
        return load(_everything(connection, newest))
    return apply_delta(current, _delta(connection, newest, changed))


def _everything(connection: Connection, version: int) -> Delta:
    return Delta(
        version=version,
        users=read_users(connection),
        groups=read_groups(connection),
        roles=read_roles(connection),
        managed_policies=read_managed_policies(connection),
        instance_profiles=INSTANCE_PROFILES.read(connection),
        instances=INSTANCES.read(connection),
        associations=ASSOCIATIONS.read(connection),
        images=IMAGES.read(connection),
        hosts=HOSTS.read(connection),
        join_tokens=JOIN_TOKENS.read(connection),
        key_pairs=KEY_PAIRS.read(connection),
        access_keys=ACCESS_KEYS.read(connection),
        sealing_keys=SEALING_KEYS.read(connection),
        revocations=_by_subject(read_revocations(connection)),
        installation=read_installation(connection),
        organizations=read_organizations(connection),
    )


def _delta(connection: Connection, version: int, changed: Mapping[ChangeKind, frozenset[str]]) -> Delta:
    def keys(kind: ChangeKind) -> frozenset[str]:
        return changed.get(kind, _NO_KEYS)

    sealing_keys = {int(key) for key in keys(ChangeKind.SEALING_KEY)}
    return Delta(
        version=version,
        users=_now(keys(ChangeKind.USER), read_users(connection, keys(ChangeKind.USER))),
        groups=_now(keys(ChangeKind.GROUP), read_groups(connection, keys(ChangeKind.GROUP))),
        roles=_now(keys(ChangeKind.ROLE), read_roles(connection, keys(ChangeKind.ROLE))),
        managed_policies=_now(
            keys(ChangeKind.MANAGED_POLICY),
            read_managed_policies(connection, keys(ChangeKind.MANAGED_POLICY)),
        ),
        instance_profiles=_now(
            keys(ChangeKind.INSTANCE_PROFILE),
            INSTANCE_PROFILES.read(connection, keys(ChangeKind.INSTANCE_PROFILE)),
        ),
        instances=_now(keys(ChangeKind.INSTANCE), INSTANCES.read(connection, keys(ChangeKind.INSTANCE))),
        associations=_now(
            keys(ChangeKind.ASSOCIATION), ASSOCIATIONS.read(connection, keys(ChangeKind.ASSOCIATION))
        ),
        images=_now(keys(ChangeKind.IMAGE), IMAGES.read(connection, keys(ChangeKind.IMAGE))),
        hosts=_now(keys(ChangeKind.HOST), HOSTS.read(connection, keys(ChangeKind.HOST))),
        join_tokens=_now(
            keys(ChangeKind.JOIN_TOKEN), JOIN_TOKENS.read(connection, keys(ChangeKind.JOIN_TOKEN))
        ),
        key_pairs=_now(keys(ChangeKind.KEY_PAIR), KEY_PAIRS.read(connection, keys(ChangeKind.KEY_PAIR))),
        access_keys=_now(
            keys(ChangeKind.ACCESS_KEY), ACCESS_KEYS.read(connection, keys(ChangeKind.ACCESS_KEY))
        ),
        sealing_keys=_now(sealing_keys, SEALING_KEYS.read(connection, sealing_keys)),
        revocations=_by_subject(
            _now(keys(ChangeKind.REVOCATION), read_revocations(connection, keys(ChangeKind.REVOCATION)))
        ),
        installation=_now(
            keys(ChangeKind.INSTALLATION), read_installation(connection, keys(ChangeKind.INSTALLATION))
        ),
        organizations=_now(
            keys(ChangeKind.ORGANIZATION), read_organizations(connection, keys(ChangeKind.ORGANIZATION))
        ),
    )


def _now(keys: Collection[K], found: Mapping[K, V]) -> Mapping[K, V | None]:
    """What these keys are now: None for what is gone."""
    return {key: found.get(key) for key in keys}


def _by_subject(marks: Mapping[str, Revocation | None]) -> Mapping[RevocationKey, Revocation | None]:
    keyed: dict[RevocationKey, Revocation | None] = {}
    for key, mark in marks.items():
        subject, _, subject_id = key.partition("/")
        keyed[(subject, subject_id)] = mark  # type: ignore[index]  # written from a Revocation's own subject
    return keyed
