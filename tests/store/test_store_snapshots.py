"""A snapshot brought up to date change by change is the snapshot read anew, whatever happened."""

import random
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from tabard.model.association import AssociationState
from tabard.model.policies import InlinePolicy
from tabard.store import changes
from tabard.store.ports import AlreadyStored, NotStored, StillReferenced, Transaction
from tabard.store.sql import SqlStore
from tests.support.aggregates import (
    ACCOUNT_ID,
    HOUR,
    NOW,
    access_key,
    allows,
    association,
    group,
    host,
    image,
    instance,
    instance_profile,
    managed_policy,
    organization,
    revocation,
    role,
    sealing_key,
    user,
)
from tests.support.any_store import AnyStore, snapshot_of
from tests.support.memory_store import MemoryStore

REFUSALS = (AlreadyStored, NotStored, StillReferenced)


def write_something(tx: Transaction, dice: random.Random) -> None:
    """One write of any kind; what it refuses, it refuses in every store."""
    n = dice.randint(1, 4)
    name = f"name-{dice.randint(1, 4)}"
    attached = tuple(managed_policy(k).arn for k in range(1, 5) if dice.random() < 0.3)
    groups = tuple(group(k).group_id for k in range(1, 5) if dice.random() < 0.3)
    boundary = dice.choice([None, managed_policy(n).arn])
    inline = tuple(InlinePolicy(f"p{k}", allows("s3:Get*")) for k in range(dice.randint(0, 2)))
    held = dice.choice([None, role(n).role_id])
    state = dice.choice(list(AssociationState))
    verb = dice.choice(["insert", "insert", "update", "delete"])
    nouns: list[tuple[Any, object, str]] = [
        (
            tx.users,
            user(n, name=name, inline=inline, attached=attached, groups=groups, boundary=boundary),
            user(n).user_id,
        ),
        (tx.groups, group(n, name=name, inline=inline, attached=attached), group(n).group_id),
        (tx.roles, role(n, name=name, inline=inline, attached=attached, boundary=boundary), role(n).role_id),
        (tx.managed_policies, managed_policy(n, default=1), managed_policy(n).arn),
        (
            tx.instance_profiles,
            instance_profile(n, name=name, role_id=held),
            instance_profile(n).instance_profile_id,
        ),
        (tx.instances, instance(n, host_id=f"h-{dice.randint(1, 2)}"), instance(n).instance_id),
        (
            tx.associations,
            association(n, instance_id=instance(dice.randint(1, 2)).instance_id, state=state),
            association(n).association_id,
        ),
        (tx.hosts, host(f"h-{n}", last_seen_at=NOW + n * HOUR), f"h-{n}"),
        (
            tx.access_keys,
            access_key(n, owner_id=dice.choice([ACCOUNT_ID, user(n).user_id])),
            access_key(n).access_key_id,
        ),
    ]
    noun, aggregate, key = dice.choice(nouns)
    if verb == "delete":
        noun.delete(key)
    else:
        getattr(noun, verb)(aggregate)
    match dice.randint(0, 11):
        case 0:
            tx.revocations.record(revocation(subject_id=f"i-{n}", forget_after=NOW + n * HOUR))
        case 1:
            tx.revocations.forget_until(NOW + n * HOUR)
        case 2:
            tx.installation.put(
                dice.choice(["region", "partition", "x"]), dice.choice([f"value-{n}", ACCOUNT_ID])
            )
        case 3:
            tx.images.insert(image(n))
        case 4:
            tx.sealing_keys.delete(n)
            tx.sealing_keys.insert(sealing_key(n))
        case 5:
            tx.organizations.put(
                organization(
                    organization_id=f"o-organization{n}", account_id=dice.choice([ACCOUNT_ID, "1" * 12])
                )
            )
        case 6:
            tx.organizations.delete()


@pytest.mark.parametrize("seed", range(3))
def test_deltas_give_the_same_snapshot_as_a_reload_in_every_store(
    sqlite_store: SqlStore, memory_store: MemoryStore, seed: int
) -> None:
    following = sqlite_store.next_snapshot()
    refused = written = 0
    for step in range(120):
        outcomes: list[type[Exception] | None] = []
        for store in (sqlite_store, memory_store):
            dice = random.Random(f"{seed}/{step}")
            try:
                with store.transaction() as tx:
                    for _ in range(dice.randint(1, 3)):
                        write_something(tx, dice)
                outcomes.append(None)
            except REFUSALS as refusal:
                outcomes.append(type(refusal))
        assert outcomes[0] is outcomes[1], step
        refused, written = refused + (outcomes[0] is not None), written + (outcomes[0] is None)
        following = sqlite_store.next_snapshot(following)
        anew = sqlite_store.next_snapshot()
        assert following == anew, step
        assert following.controls.principal_keys == anew.controls.principal_keys, step
        assert replace(following, version=0) == replace(memory_store.snapshot(), version=0), step
    assert refused > 10
    assert written > 10


def test_a_reader_behind_the_journal_reloads_everything(sqlite_store: SqlStore) -> None:
    behind = sqlite_store.next_snapshot()
    for n in range(1, 6):
        with sqlite_store.transaction() as tx:
            tx.roles.insert(role(n))
    # As if there had been so many versions that the next trim takes these five.
    with sqlite_store.database.engine.begin() as connection:
        connection.execute(update(changes.change_counter).values(version=2 * changes.KEPT_CHANGES - 5))
    for n in range(6, 31):
        with sqlite_store.transaction() as tx:
            tx.roles.insert(role(n))
    with sqlite_store.database.engine.connect() as connection:
        oldest = connection.execute(select(func.min(changes.changes.c.version))).scalar_one()
    assert oldest > changes.KEPT_CHANGES
    newest = sqlite_store.next_snapshot(behind)
    assert newest == sqlite_store.next_snapshot()
    assert len(newest.roles) == 30


def test_a_snapshot_of_a_former_store_is_reloaded(sqlite_store: SqlStore) -> None:
    with sqlite_store.transaction() as tx:
        tx.roles.insert(role())
    newest = sqlite_store.next_snapshot()
    assert sqlite_store.next_snapshot(replace(newest, version=99, roles={})) == newest


def test_an_unchanged_store_gives_the_same_snapshot(sqlite_store: SqlStore) -> None:
    snapshot = sqlite_store.next_snapshot()
    assert sqlite_store.next_snapshot(snapshot) is snapshot


def test_unchanged_mappings_are_shared_with_the_former_snapshot(sqlite_store: SqlStore) -> None:
    with sqlite_store.transaction() as tx:
        tx.roles.insert(role())
        tx.users.insert(user())
    before = sqlite_store.next_snapshot()
    with sqlite_store.transaction() as tx:
        tx.roles.insert(role(2))
    after = sqlite_store.next_snapshot(before)
    assert after.users is before.users
    assert after.indexes.user_ids is before.indexes.user_ids
    assert after.roles[role().role_id] is before.roles[role().role_id]
    assert len(before.roles) == 1


def test_a_snapshot_answers_by_name_by_holder_and_by_host(store: AnyStore) -> None:
    with store.transaction() as tx:
        tx.groups.insert(group())
        tx.users.insert(user(groups=(group().group_id,)))
        tx.roles.insert(role())
        tx.instance_profiles.insert(instance_profile(2, role_id=role().role_id))
        tx.instance_profiles.insert(instance_profile(1, role_id=role().role_id))
        tx.instances.insert(instance(2))
        tx.instances.insert(instance(1))
        tx.instances.insert(instance(3, host_id="h-other"))
        tx.associations.insert(association(1, state=AssociationState.DISASSOCIATED))
        tx.associations.insert(association(2))
        tx.access_keys.insert(access_key(2))
        tx.access_keys.insert(access_key(1))
    snapshot = snapshot_of(store)
    assert snapshot.user_named("USER-1") == user(groups=(group().group_id,))
    assert snapshot.group_named("GROUP-1") == group()
    assert snapshot.group_named("nobody") is None
    assert tuple(snapshot.users_in(group().group_id)) == (user(groups=(group().group_id,)),)
    assert snapshot.user_named("nobody") is None
    assert snapshot.role_named("ROLE-1") == role()
    assert snapshot.role_named("nobody") is None
    assert snapshot.instance_profile_named("INSTANCE-profile-1") is not None
    assert snapshot.instance_profile_named("nothing") is None
    assert [held.name for held in snapshot.instance_profiles_holding(role().role_id)] == [
        "instance-profile-1",
        "instance-profile-2",
    ]
    assert snapshot.instance_profiles_holding("AROA") == ()
    assert snapshot.instances_on_host(instance().host_id) == (instance(1), instance(2))
    assert snapshot.instances_on_host("h-none") == ()
    assert snapshot.active_association_of(instance().instance_id) == association(2)
    assert snapshot.active_association_of(instance(2).instance_id) is None
    assert snapshot.access_keys_of(ACCOUNT_ID) == (access_key(1), access_key(2))
    assert snapshot.attachment_count("arn:aws:iam::aws:policy/None") == 0
