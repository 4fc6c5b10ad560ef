"""Whether what a decision rested on has been written since."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tabard.model.audit_event import AuditEvent, ChangedSince, DecidedCheck
from tabard.policy import Effect, Layer, MatchedStatement
from tabard.services.tabard import policy_changes
from tabard.store.sql import SqlStore
from tests.support.aggregates import ACCOUNT_ID, audit_event, group, managed_policy, organization, role, user
from tests.support.any_store import open_account

POLICY = managed_policy(1)
GROUP_POLICY = managed_policy(2)
GROUP = group(attached=(GROUP_POLICY.arn,))
ROLE = role(attached=(POLICY.arn,))
USER = user(groups=(GROUP.group_id,), boundary=POLICY.arn)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_account(tmp_path / "t.sqlite3")
    with opened.transaction() as tx:
        tx.managed_policies.insert(POLICY)
        tx.managed_policies.insert(GROUP_POLICY)
        tx.groups.insert(GROUP)
        tx.roles.insert(ROLE)
        tx.users.insert(USER)
    yield opened
    opened.close()


def changed_since(store: SqlStore, decided: AuditEvent) -> ChangedSince:
    with store.reading() as tx:
        return policy_changes.changed_since(tx, decided)


def event(store: SqlStore, principal_arn: str, *decisions: DecidedCheck) -> AuditEvent:
    """An event decided by the store as it is now."""
    version = store.next_snapshot().version
    return msgspec.structs.replace(
        audit_event(), principal_arn=principal_arn, decisions=decisions, snapshot_version=version
    )


def session_of_role(store: SqlStore) -> AuditEvent:
    return event(store, f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{ROLE.name}/i-0")


def test_nothing_is_written_nothing_has_changed(store: SqlStore) -> None:
    assert changed_since(store, session_of_role(store)) == ChangedSince()


def test_a_role_and_its_policies_are_watched(store: SqlStore) -> None:
    decided = session_of_role(store)
    with store.transaction() as tx:
        tx.managed_policies.update(replace(POLICY, description="new"))
    assert changed_since(store, decided).names == (POLICY.arn,)
    with store.transaction() as tx:
        tx.roles.update(replace(ROLE, description="new"))
    assert changed_since(store, decided).names == (ROLE.arn, POLICY.arn)


def test_a_users_groups_and_boundary_are_watched(store: SqlStore) -> None:
    decided = event(store, USER.arn)
    with store.transaction() as tx:
        tx.groups.update(replace(GROUP, attached_policy_arns=()))
        tx.managed_policies.update(replace(POLICY, description="new"))
    assert changed_since(store, decided).names == (POLICY.arn, GROUP.arn)


def test_a_policy_that_decided_is_watched_though_it_is_detached(store: SqlStore) -> None:
    matched = MatchedStatement(GROUP_POLICY.arn, "", 0)
    inline = MatchedStatement("app", "", 0)
    check = DecidedCheck("s3:GetObject", "*", Effect.ALLOW, Layer.IDENTITY, (inline, matched))
    decided = event(store, f"arn:aws:iam::{ACCOUNT_ID}:root", check)
    with store.transaction() as tx:
        tx.managed_policies.update(replace(GROUP_POLICY, description="new"))
    assert changed_since(store, decided).names == (GROUP_POLICY.arn,)


def test_the_role_that_was_to_be_assumed_is_watched(store: SqlStore) -> None:
    check = DecidedCheck("sts:AssumeRole", ROLE.arn, Effect.IMPLICIT_DENY, Layer.RESOURCE)
    decided = event(store, "", check)
    with store.transaction() as tx:
        tx.roles.update(replace(ROLE, trust_policy="{}"))
    assert changed_since(store, decided).names == (ROLE.arn,)


def test_who_is_not_there_any_more_has_changed(store: SqlStore) -> None:
    gone = event(store, f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/gone/i-0")
    assert changed_since(store, gone).names == (gone.principal_arn,)
    user_gone = event(store, f"arn:aws:iam::{ACCOUNT_ID}:user/gone")
    assert changed_since(store, user_gone).names == (user_gone.principal_arn,)


def test_what_was_written_elsewhere_is_no_change(store: SqlStore) -> None:
    decided = session_of_role(store)
    with store.transaction() as tx:
        tx.users.update(replace(USER, path="/new/"))
    assert changed_since(store, decided) == ChangedSince()


def test_an_organization_is_asked_about_every_request(store: SqlStore) -> None:
    decided = session_of_role(store)
    with store.transaction() as tx:
        tx.organizations.put(organization())
    assert changed_since(store, decided).names == ("the organization",)


def test_a_version_that_the_journal_never_had_is_not_known(store: SqlStore) -> None:
    ahead = msgspec.structs.replace(session_of_role(store), snapshot_version=10_000)
    assert changed_since(store, ahead) == ChangedSince(is_known=False)
