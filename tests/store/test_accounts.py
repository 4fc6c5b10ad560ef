"""One store holds several accounts, and no transaction or snapshot of one reaches another."""

from dataclasses import replace

import pytest
from sqlalchemy import Index, Table

from tabard.store.kinds import KINDS
from tabard.store.ports import AlreadyStored, NotStored, StillReferenced
from tabard.store.schema import ACCOUNT, metadata
from tests.support.aggregates import (
    ACCOUNT_ID,
    access_key,
    association,
    group,
    host,
    instance,
    instance_profile,
    key_pair,
    managed_policy,
    revocation,
    role,
    sealing_key,
    user,
)
from tests.support.any_store import AnyStore, snapshot_of

OTHER = "444455556666"
OF_THE_INSTALLATION = {
    "alembic_version",
    "change_counter",
    "changes",
    "control_policies",
    "installation",
    "organization_nodes",
    "organizations",
    "sealing_keys",
}
TABLES = [table for table in metadata.sorted_tables if table.name not in OF_THE_INSTALLATION]


def begins_with_the_account(columns: object) -> bool:
    return [column.name for column in columns][:1] == [ACCOUNT]  # type: ignore[attr-defined]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_key_index_and_reference_of_an_account_begins_with_it(table: Table) -> None:
    assert begins_with_the_account(table.primary_key.columns)
    assert all(isinstance(index, Index) and begins_with_the_account(index.columns) for index in table.indexes)
    for constraint in (*table.foreign_key_constraints, *table.constraints):
        if constraint.name == "uq_account_aliases_alias":
            continue  # an alias is a name among accounts
        if hasattr(constraint, "columns") and list(constraint.columns):
            assert begins_with_the_account(constraint.columns), constraint.name


def test_only_what_belongs_to_the_installation_is_without_an_account() -> None:
    assert {kind.field for kind in KINDS if not kind.of_account} == {
        "installation",
        "organizations",
        "sealing_keys",
    }


def in_other(aggregate: object) -> object:
    """The aggregate as another account may have it, with the same id and the same name."""
    if hasattr(aggregate, "owner_account_id"):
        return replace(aggregate, owner_account_id=OTHER)  # type: ignore[type-var]
    return replace(aggregate, account_id=OTHER) if hasattr(aggregate, "account_id") else aggregate  # type: ignore[type-var]


AGGREGATES = {
    "users": user(),
    "groups": group(),
    "roles": role(),
    "managed_policies": managed_policy(),
    "instance_profiles": instance_profile(role_id=role().role_id),
    "instances": instance(),
    "associations": association(),
    "hosts": host(),
    "key_pairs": key_pair(),
    "access_keys": access_key(),
}


def test_two_accounts_have_the_same_ids_and_names_side_by_side(store: AnyStore) -> None:
    for account_id, change in ((ACCOUNT_ID, lambda it: it), (OTHER, in_other)):
        with store.transaction(account_id) as tx:
            for field, aggregate in AGGREGATES.items():
                getattr(tx, field).insert(change(aggregate))
    before = {account_id: store.next_snapshot(account_id=account_id) for account_id in (ACCOUNT_ID, OTHER)}
    for field, aggregate in AGGREGATES.items():
        assert list(getattr(before[ACCOUNT_ID], field).values()) == [aggregate]
        assert list(getattr(before[OTHER], field).values()) == [in_other(aggregate)]
    assert before[OTHER].role_named("ROLE-1") == in_other(role())
    with store.transaction(OTHER) as tx:
        tx.roles.update(replace(role(), account_id=OTHER, name="renamed"))
        tx.users.delete(user().user_id)
    after = {
        account_id: store.next_snapshot(snapshot, account_id=account_id)
        for account_id, snapshot in before.items()
    }
    assert replace(after[ACCOUNT_ID], version=0) == replace(before[ACCOUNT_ID], version=0)
    assert after[OTHER].role_named("role-1") is None
    assert after[OTHER].users == {}
    assert after[OTHER] == store.next_snapshot(account_id=OTHER)


def test_a_transaction_finds_and_changes_nothing_of_another_account(store: AnyStore) -> None:
    policy = managed_policy()
    with store.transaction() as tx:
        tx.managed_policies.insert(policy)
        tx.groups.insert(group())
        tx.users.insert(user(groups=(group().group_id,)))
        tx.roles.insert(role(attached=(policy.arn,)))
        tx.instance_profiles.insert(instance_profile(role_id=role().role_id))
        tx.instances.insert(instance(client_token="token"))
        tx.associations.insert(association())
        tx.access_keys.insert(access_key(owner_id=user().user_id))
        tx.revocations.record(revocation())
    stored = snapshot_of(store)
    with store.transaction(OTHER) as tx:
        assert tx.users.named("user-1") is None
        assert tx.roles.named("role-1") is None
        assert tx.roles.get(role().role_id) is None
        assert not tx.managed_policies.is_in_use(policy.arn)
        found = (
            tx.groups.members(group().group_id),
            tx.instance_profiles.holding(role().role_id),
            tx.instances.on_host(instance().host_id),
            tx.instances.launched_with("token"),
            tx.associations.of_instance(instance().instance_id),
            tx.access_keys.of_owner(user().user_id),
        )
        assert [list(each) for each in found] == [[]] * len(found)
        assert tx.revocations.forget_until(revocation().forget_after) == 0
        for field in AGGREGATES:
            getattr(tx, field).delete("absent")
        tx.users.delete(user().user_id)
        tx.associations.delete(association().association_id)
        with pytest.raises(NotStored):
            tx.roles.update(replace(role(), account_id=OTHER))
    assert replace(snapshot_of(store), version=0) == replace(stored, version=0)


def test_no_row_of_one_account_refers_to_another_account(store: AnyStore) -> None:
    policy = managed_policy()
    with store.transaction() as tx:
        tx.managed_policies.insert(policy)
        tx.groups.insert(group())
        tx.roles.insert(role())
        tx.instances.insert(instance())
    with store.transaction(OTHER) as tx:
        for refused in (
            user(attached=(policy.arn,)),
            user(boundary=policy.arn),
            user(groups=(group().group_id,)),
        ):
            with pytest.raises(StillReferenced):
                tx.users.insert(in_other(refused))
        with pytest.raises(StillReferenced):
            tx.instance_profiles.insert(in_other(instance_profile(role_id=role().role_id)))
        with pytest.raises(StillReferenced):
            tx.associations.insert(association())


def test_an_aggregate_of_another_account_is_not_written(store: AnyStore) -> None:
    with store.transaction() as tx:
        for field in ("users", "roles", "instances", "access_keys"):
            with pytest.raises(ValueError, match="is not of account"):
                getattr(tx, field).insert(in_other(AGGREGATES[field]))


def test_every_account_sees_the_installations_rows(store: AnyStore) -> None:
    other = store.next_snapshot(account_id=OTHER)
    with store.transaction() as tx:
        tx.sealing_keys.insert(sealing_key())
        tx.installation.put("region", "eu-west-1")
    with store.transaction(OTHER) as tx, pytest.raises(AlreadyStored):
        tx.sealing_keys.insert(sealing_key())
    other = store.next_snapshot(other, account_id=OTHER)
    assert list(other.sealing_keys.values()) == [sealing_key()]
    assert other.installation["region"] == "eu-west-1"
    assert (other.account_id, snapshot_of(store).account_id) == (OTHER, ACCOUNT_ID)
