"""What was added, removed or edited since a decision, of all that the decision rested on, by name."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tabard.model.audit_event import AuditEvent, ConsideredPolicies, DecidedCheck
from tabard.model.policies import InlinePolicy, ManagedPolicy, PolicyVersion
from tabard.model.tag import Tag
from tabard.policy import CompiledPolicies, Effect, Layer
from tabard.services.tabard.policy_changes import changes_since
from tabard.store.snapshot import Snapshot
from tabard.store.sql import SqlStore
from tests.support.aggregates import (
    ACCOUNT_ID,
    NOW,
    allows,
    audit_event,
    group,
    managed_policy,
    organization,
    role,
    user,
)
from tests.support.any_store import open_account

POLICY = managed_policy(1)
GROUP_POLICY = managed_policy(2)
APP = InlinePolicy("app", allows("s3:GetObject"))
GROUP = replace(group(attached=(GROUP_POLICY.arn,)), inline_policies=(APP,))
ROLE = replace(role(attached=(POLICY.arn,)), inline_policies=(APP,))
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


def considered(
    layer: Layer, policies: CompiledPolicies | None, resource: str = ""
) -> list[ConsideredPolicies]:
    return [] if policies is None else [ConsideredPolicies(layer, policies.sources, resource)]


def event(store: SqlStore, principal_arn: str, principal_id: str, **more: object) -> AuditEvent:
    """An event of a principal, decided by the store as it is now."""
    snapshot: Snapshot = store.next_snapshot()
    policies = [
        *considered(Layer.IDENTITY, snapshot.identity_policies(principal_id)),
        *considered(Layer.BOUNDARY, snapshot.permissions_boundary(principal_id)),
    ]
    for layer, levels in (
        (Layer.SERVICE_CONTROL, snapshot.controls.service),
        (Layer.RESOURCE_CONTROL, snapshot.controls.resource),
    ):
        for level in levels:
            policies += considered(layer, level)
    changed: dict[str, object] = {
        "principal_arn": principal_arn,
        "principal_id": principal_id,
        "policies": tuple(policies),
        **more,
    }
    return msgspec.structs.replace(audit_event(), **changed)


def session_of_role(store: SqlStore, **more: object) -> AuditEvent:
    arn = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{ROLE.name}/i-0"
    return event(store, arn, ROLE.role_id, **more)


def of_user(store: SqlStore, **more: object) -> AuditEvent:
    return event(store, USER.arn, USER.user_id, **more)


def said(store: SqlStore, decided: AuditEvent) -> list[str]:
    with store.reading() as tx:
        return [str(change) for change in changes_since(tx, decided)]


def edited(policy: ManagedPolicy) -> ManagedPolicy:
    newer = PolicyVersion(version_id="v9", document=allows("sqs:*"), created_at=NOW)
    return replace(policy, versions=(*policy.versions, newer), default_version_id="v9")


def test_where_nothing_is_written_nothing_has_changed(store: SqlStore) -> None:
    assert said(store, session_of_role(store)) == []
    assert said(store, of_user(store)) == []


def test_a_write_that_leaves_the_texts_as_they_were_is_no_change(store: SqlStore) -> None:
    decided = session_of_role(store)
    same = PolicyVersion(version_id="v9", document=POLICY.default_version.document, created_at=NOW)
    with store.transaction() as tx:
        tx.roles.update(replace(ROLE, description="new"))
        tx.managed_policies.update(
            replace(POLICY, versions=(*POLICY.versions, same), default_version_id="v9", description="new")
        )
        tx.users.update(replace(USER, path="/new/"))
    assert said(store, decided) == []


def test_an_edited_managed_policy_is_named_with_both_versions(store: SqlStore) -> None:
    decided = session_of_role(store)
    with store.transaction() as tx:
        tx.managed_policies.update(edited(POLICY))
    assert said(store, decided) == [f"edited: managed policy {POLICY.arn} of {ROLE.arn} (v1 → v9)"]


def test_inline_policies_are_named_as_added_removed_and_edited(store: SqlStore) -> None:
    decided = session_of_role(store)
    later = InlinePolicy("later", allows("sqs:*"))
    with store.transaction() as tx:
        tx.roles.update(replace(ROLE, inline_policies=(replace(APP, document=allows("s3:*")), later)))
    assert said(store, decided) == [
        f"edited: inline policy app of {ROLE.arn}",
        f"added: inline policy later of {ROLE.arn}",
    ]
    with store.transaction() as tx:
        tx.roles.update(replace(ROLE, inline_policies=(), attached_policy_arns=()))
    assert said(store, decided) == [
        f"removed: inline policy app of {ROLE.arn}",
        f"removed: managed policy {POLICY.arn} of {ROLE.arn} (v1 → none)",
    ]


def test_a_users_groups_and_boundary_are_compared(store: SqlStore) -> None:
    decided = of_user(store)
    with store.transaction() as tx:
        tx.groups.update(
            replace(GROUP, attached_policy_arns=(), inline_policies=(replace(APP, document=allows("s3:*")),))
        )
        tx.managed_policies.update(edited(POLICY))
    assert said(store, decided) == [
        f"edited: inline policy app of {GROUP.arn}",
        f"removed: managed policy {GROUP_POLICY.arn} of {USER.arn} (v1 → none)",
        f"edited: permissions boundary {POLICY.arn} of {USER.arn} (v1 → v9)",
    ]


def test_the_trust_policy_of_the_role_that_was_to_be_assumed_is_compared(store: SqlStore) -> None:
    trust = store.next_snapshot().trust_policy(ROLE.role_id)
    decided = msgspec.structs.replace(
        audit_event(), principal_id="", policies=tuple(considered(Layer.RESOURCE, trust, ROLE.arn))
    )
    assert said(store, msgspec.structs.replace(decided, principal_arn="")) == []
    with store.transaction() as tx:
        tx.roles.update(replace(ROLE, trust_policy="{}"))
    assert said(store, msgspec.structs.replace(decided, principal_arn="")) == [
        f"edited: trust policy of {ROLE.arn}"
    ]


def test_a_deleted_principal_is_named_and_another_one_of_its_name(store: SqlStore) -> None:
    by_role, by_user = session_of_role(store), of_user(store)
    with store.transaction() as tx:
        tx.roles.delete(ROLE.role_id)
        tx.users.delete(USER.user_id)
    assert said(store, by_role) == [f"removed: role {ROLE.name}"]
    assert said(store, by_user) == [f"removed: user {USER.name}"]
    with store.transaction() as tx:
        tx.roles.insert(replace(ROLE, role_id="AROAIOSFODNN7EXAMPLE9"))
    assert said(store, by_role) == [f"removed: role {ROLE.name}", f"added: role {ROLE.name}"]


def test_control_policies_are_compared_for_every_request_that_they_bind(store: SqlStore) -> None:
    before = of_user(store)
    with store.transaction() as tx:
        tx.organizations.put(organization())
    added = said(store, before)
    assert added
    assert all(line.startswith("added: ") and " control policy " in line for line in added)
    within = of_user(store)
    assert said(store, within) == []
    by_host = msgspec.structs.replace(before, service="hosts")
    assert said(store, by_host) == []
    with store.transaction() as tx:
        tx.organizations.delete()
    assert [line.replace("removed", "added") for line in said(store, within)] == added


def test_the_tags_that_a_decision_used_are_compared(store: SqlStore) -> None:
    check = DecidedCheck(
        "s3:GetObject", "*", Effect.ALLOW, Layer.IDENTITY, context={"aws:principaltag/team": ("blue",)}
    )
    tagged = replace(USER, tags=(Tag("Team", "blue"), Tag("other", "x")))
    with store.transaction() as tx:
        tx.users.update(tagged)
    allowed = of_user(store, decisions=(check,))
    denied = of_user(
        store, decisions=(), explanation=json.dumps({"context": {"aws:principaltag/team": ["blue"]}})
    )
    assert said(store, allowed) == []
    with store.transaction() as tx:
        tx.users.update(replace(USER, tags=(Tag("Team", "red"), Tag("other", "y"))))
    assert said(store, allowed) == [f"edited: tag team of {USER.arn} (blue → red)"]
    assert said(store, denied) == [
        f"added: tag other of {USER.arn} (none → y)",
        f"edited: tag team of {USER.arn} (blue → red)",
    ]
    with store.transaction() as tx:
        tx.users.update(USER)
    assert said(store, allowed) == [f"removed: tag team of {USER.arn} (blue → none)"]


def test_the_tags_of_an_assumed_session_are_its_own(store: SqlStore) -> None:
    check = DecidedCheck(
        "s3:GetObject", "*", Effect.ALLOW, Layer.IDENTITY, context={"aws:principaltag/team": ("blue",)}
    )
    assert said(store, session_of_role(store, decisions=(check,), instance_id="")) == []
    assert said(store, session_of_role(store, decisions=(check,))) == [
        f"removed: tag team of {ROLE.arn} (blue → none)"
    ]


def test_the_managed_policies_of_a_session_are_compared(store: SqlStore) -> None:
    source = store.next_snapshot().permissions_boundary(USER.user_id)
    decided = msgspec.structs.replace(
        session_of_role(store), policies=tuple(considered(Layer.SESSION, source))
    )
    with store.transaction() as tx:
        tx.managed_policies.update(edited(POLICY))
        tx.roles.update(replace(ROLE, inline_policies=(), attached_policy_arns=()))
    assert said(store, decided) == [f"edited: session policy {POLICY.arn} (v1 → v9)"]


def test_policies_beyond_the_recorded_ones_are_not_taken_for_new(store: SqlStore) -> None:
    sources = store.next_snapshot().identity_policies(ROLE.role_id).sources
    cut = ConsideredPolicies(Layer.IDENTITY, sources[:1], left_out=len(sources) - 1)
    assert said(store, msgspec.structs.replace(session_of_role(store), policies=(cut,))) == []


def test_what_no_policy_was_asked_about_has_no_changes(store: SqlStore) -> None:
    refused = msgspec.structs.replace(audit_event(), policies=(), decisions=())
    assert said(store, refused) == []
