"""One suite, every store: what the ports refuse, and that a refusal leaves nothing behind."""

import pytest

from tabard.store.ports import AlreadyStored, NotStored, StillReferenced
from tests.support.aggregates import (
    access_key,
    association,
    group,
    host,
    image,
    instance,
    instance_profile,
    managed_policy,
    role,
    sealing_key,
    user,
)
from tests.support.any_store import AnyStore, snapshot_of


@pytest.mark.parametrize(
    ("noun", "one", "clash"),
    [
        ("users", user(1, name="Web"), user(2, name="wEB")),
        ("users", user(1), user(1, name="other")),
        ("groups", group(1, name="Web"), group(2, name="wEB")),
        ("groups", group(1), group(1, name="other")),
        ("roles", role(1, name="Web"), role(2, name="wEB")),
        ("roles", role(1), role(1, name="other")),
        ("managed_policies", managed_policy(1, name="Web"), managed_policy(2, name="wEB")),
        ("managed_policies", managed_policy(1), managed_policy(1)),
        ("instance_profiles", instance_profile(1, name="Web"), instance_profile(2, name="wEB")),
        ("instance_profiles", instance_profile(1), instance_profile(1, name="other")),
        ("instances", instance(1), instance(1)),
        ("images", image(1), image(1)),
        ("hosts", host(), host()),
        ("access_keys", access_key(1), access_key(1, owner_id="AIDA")),
        ("sealing_keys", sealing_key(1), sealing_key(1)),
    ],
)
def test_a_key_or_name_is_stored_once_and_the_transaction_can_continue(
    store: AnyStore, noun: str, one: object, clash: object
) -> None:
    with store.transaction() as tx:
        getattr(tx, noun).insert(one)
        with pytest.raises(AlreadyStored):
            getattr(tx, noun).insert(clash)
        tx.installation.put("went", "on")
    snapshot = snapshot_of(store)
    assert list(getattr(snapshot, noun).values()) == [one]
    with store.transaction() as tx:
        assert tx.installation.get("went") == "on"


@pytest.mark.parametrize(
    ("noun", "first", "second", "renamed"),
    [
        ("users", user(1), user(2), user(2, name="USER-1")),
        ("groups", group(1), group(2), group(2, name="GROUP-1")),
        ("roles", role(1), role(2), role(2, name="ROLE-1")),
        (
            "instance_profiles",
            instance_profile(1),
            instance_profile(2),
            instance_profile(2, name="Instance-profile-1"),
        ),
    ],
)
def test_an_update_cannot_take_another_aggregates_name(
    store: AnyStore, noun: str, first: object, second: object, renamed: object
) -> None:
    with store.transaction() as tx:
        getattr(tx, noun).insert(first)
        getattr(tx, noun).insert(second)
        with pytest.raises(AlreadyStored):
            getattr(tx, noun).update(renamed)


@pytest.mark.parametrize(
    ("noun", "absent"),
    [
        ("users", user()),
        ("groups", group()),
        ("roles", role()),
        ("managed_policies", managed_policy()),
        ("instance_profiles", instance_profile()),
        ("instances", instance()),
        ("hosts", host()),
        ("access_keys", access_key()),
    ],
)
def test_a_missing_aggregate_cannot_be_updated(store: AnyStore, noun: str, absent: object) -> None:
    before = snapshot_of(store)
    with store.transaction() as tx, pytest.raises(NotStored):
        getattr(tx, noun).update(absent)
    assert snapshot_of(store) == before


def test_deleting_a_missing_aggregate_changes_nothing(store: AnyStore) -> None:
    before = snapshot_of(store)
    with store.transaction() as tx:
        for noun in (
            "users",
            "groups",
            "roles",
            "managed_policies",
            "instance_profiles",
            "instances",
            "associations",
            "hosts",
            "access_keys",
        ):
            getattr(tx, noun).delete("absent")
        tx.sealing_keys.delete(7)
    assert snapshot_of(store) == before


def test_no_reference_to_a_missing_aggregate_remains(store: AnyStore) -> None:
    policy, held = managed_policy(), role(1)
    with store.transaction() as tx:
        with pytest.raises(StillReferenced):
            tx.users.insert(user(attached=(policy.arn,)))
        with pytest.raises(StillReferenced):
            tx.users.insert(user(boundary=policy.arn))
        with pytest.raises(StillReferenced):
            tx.users.insert(user(groups=(group().group_id,)))
        with pytest.raises(StillReferenced):
            tx.groups.insert(group(attached=(policy.arn,)))
        with pytest.raises(StillReferenced):
            tx.roles.insert(role(1, boundary=policy.arn))
        with pytest.raises(StillReferenced):
            tx.instance_profiles.insert(instance_profile(role_id=held.role_id))
        with pytest.raises(StillReferenced):
            tx.associations.insert(association())
        assert tx.users.get(user().user_id) is None
        tx.managed_policies.insert(policy)
        tx.roles.insert(held)
        tx.roles.insert(role(2, attached=(policy.arn,)))
        tx.instance_profiles.insert(instance_profile(role_id=held.role_id))
        tx.instances.insert(instance())
        tx.associations.insert(association())
        tx.groups.insert(group())
        tx.users.insert(user(groups=(group().group_id,)))
        with pytest.raises(StillReferenced):
            tx.groups.delete(group().group_id)
        assert tx.groups.get(group().group_id) == group()
        with pytest.raises(StillReferenced):
            tx.managed_policies.delete(policy.arn)
        with pytest.raises(StillReferenced):
            tx.roles.delete(held.role_id)
        with pytest.raises(StillReferenced):
            tx.instances.delete(instance().instance_id)
        assert tx.managed_policies.get(policy.arn) == policy
        assert tx.roles.get(held.role_id) == held
