"""Whose policies apply, compiled once, and denied whole where one of them cannot be evaluated."""

import json
from typing import cast

import pytest
from structlog.testing import capture_logs

from tabard.model.policies import InlinePolicy
from tabard.policy import (
    AccessRequest,
    CompiledPolicies,
    Decision,
    DocumentKind,
    Effect,
    PolicyLayers,
    PolicyPrincipal,
    PrincipalKind,
    RequestContext,
    decide,
    parse_document,
)
from tabard.store.builtin_policies import ADMINISTRATOR_ACCESS_NAME, administrator_access, host_policy
from tabard.store.compiled_policies import (
    POLICY_UNREADABLE,
    UNREADABLE,
    compile_identity_policies,
    compile_trust_policy,
)
from tabard.store.snapshot import NO_POLICIES, Snapshot, compile_session_policies
from tabard.store.snapshot_loader import Delta, load
from tests.support.aggregates import (
    ACCOUNT_ID,
    HOST_ID,
    TRUSTS_EC2,
    allows,
    group,
    host,
    managed_policy,
    role,
    user,
)
from tests.support.memory_store import MemoryManagedPolicies, MemoryStore

NOBODY = CompiledPolicies(())
OBJECT = "arn:aws:s3:::bucket/key"


def principal(kind: PrincipalKind = PrincipalKind.USER) -> PolicyPrincipal:
    return PolicyPrincipal(kind=kind, arn=f"arn:aws:iam::{ACCOUNT_ID}:user/a", account_id=ACCOUNT_ID)


def decided(
    policies: CompiledPolicies,
    action: str,
    resource: str = "*",
    *,
    kind: PrincipalKind = PrincipalKind.USER,
    **keys: str,
) -> Decision:
    context = RequestContext({name.replace("__", ":").lower(): (value,) for name, value in keys.items()})
    request = AccessRequest(action=action, resource=resource, principal=principal(kind), context=context)
    return decide(request, PolicyLayers(identity=policies))


def account(*, extra: tuple[object, ...] = ()) -> Snapshot:
    policy = managed_policy(documents=(allows("s3:GetObject"), allows("s3:DeleteObject")), default=2)
    store = MemoryStore(account_id=ACCOUNT_ID)
    with store.transaction() as tx:
        tx.installation.put("account_id", ACCOUNT_ID)
        tx.managed_policies.insert(policy)
        tx.hosts.insert(host())
        tx.roles.insert(role(inline=(InlinePolicy("own", allows("s3:PutObject")),), attached=(policy.arn,)))
        tx.users.insert(user(inline=(InlinePolicy("own", allows("sqs:SendMessage")),)))
    return store.snapshot()


def test_a_role_has_its_inline_policies_and_the_default_versions_of_its_attached_ones() -> None:
    policies = account().identity_policies(role().role_id)
    assert decided(policies, "s3:PutObject", OBJECT).allowed
    assert decided(policies, "s3:DeleteObject", OBJECT).allowed
    assert not decided(policies, "s3:GetObject", OBJECT).allowed


def test_a_user_has_its_own_policies_alone() -> None:
    policies = account().identity_policies(user().user_id)
    assert decided(policies, "sqs:SendMessage", "*").allowed
    assert not decided(policies, "s3:PutObject", OBJECT).allowed


def test_a_user_has_what_its_groups_have_and_only_while_it_is_in_them() -> None:
    policy = managed_policy(documents=(allows("s3:GetObject"),))
    own = InlinePolicy("own", allows("sqs:SendMessage"))
    readers = group(1, attached=(policy.arn,))
    writers = group(2, inline=(InlinePolicy("own", allows("s3:PutObject")),), attached=(policy.arn,))
    store = MemoryStore(account_id=ACCOUNT_ID)
    with store.transaction() as tx:
        tx.managed_policies.insert(policy)
        tx.groups.insert(readers)
        tx.groups.insert(writers)
        tx.users.insert(user(inline=(own,), groups=(readers.group_id, writers.group_id)))
    policies = store.snapshot().identity_policies(user().user_id)
    assert [decided(policies, action, OBJECT).allowed for action in ("s3:GetObject", "s3:PutObject")] == [
        True,
        True,
    ]
    assert decided(policies, "sqs:SendMessage", "*").allowed
    assert [statement.matched.policy for statement in policies.statements] == [
        "own",
        policy.arn,
        "group-2/own",
    ]
    with store.transaction() as tx:
        tx.users.update(user(inline=(own,), groups=(readers.group_id,)))
    policies = store.snapshot().identity_policies(user().user_id)
    assert not decided(policies, "s3:PutObject", OBJECT).allowed
    assert store.snapshot().identity_policies(writers.group_id) is NO_POLICIES


def test_a_boundary_is_the_default_version_of_its_policy() -> None:
    policy = managed_policy(documents=(allows("s3:GetObject"), allows("s3:DeleteObject")), default=2)
    store = MemoryStore(account_id=ACCOUNT_ID)
    with store.transaction() as tx:
        tx.managed_policies.insert(policy)
        tx.roles.insert(role(boundary=policy.arn))
        tx.users.insert(user(boundary=policy.arn))
        tx.users.insert(user(2))
    snapshot = store.snapshot()
    for owner in (role().role_id, user().user_id):
        boundary = snapshot.permissions_boundary(owner)
        assert boundary is not None
        assert decided(boundary, "s3:DeleteObject", OBJECT).allowed
        assert not decided(boundary, "s3:GetObject", OBJECT).allowed
    for owner in (user(2).user_id, ACCOUNT_ID, HOST_ID, "AROA-unknown"):
        assert snapshot.permissions_boundary(owner) is None


def test_a_boundary_or_group_that_is_not_there_denies_everything() -> None:
    """No store lets it come to this; were it so, nothing would be allowed."""
    with capture_logs() as logs:
        snapshot = load(
            Delta(
                1,
                ACCOUNT_ID,
                {
                    "roles": {role().role_id: role(boundary="arn:aws:iam::1:policy/gone")},
                    "users": {
                        user().user_id: user(
                            inline=(InlinePolicy("own", allows("s3:*")),), groups=("AGPA-gone",)
                        )
                    },
                },
            )
        )
        boundary = snapshot.permissions_boundary(role().role_id)
        assert boundary is not None
        assert decided(boundary, "s3:GetObject", OBJECT).effect is Effect.EXPLICIT_DENY
        policies = snapshot.identity_policies(user().user_id)
        assert decided(policies, "s3:GetObject", OBJECT).effect is Effect.EXPLICIT_DENY
    assert [entry["policy"] for entry in logs] == ["arn:aws:iam::1:policy/gone", "AGPA-gone"]


def test_the_root_is_allowed_everything_by_a_document_named_root() -> None:
    policies = account().identity_policies(ACCOUNT_ID)
    decision = decided(policies, "iam:DeleteRole", "arn:aws:iam::1:role/x", kind=PrincipalKind.ROOT)
    assert decision.allowed
    assert [statement.policy for statement in decision.matched] == ["root"]


@pytest.mark.parametrize("owner", ["AROA-unknown", "", "999999999999", "h-unknown"])
def test_an_owner_that_is_not_there_is_granted_nothing(owner: str) -> None:
    snapshot = account()
    assert snapshot.identity_policies(owner) is NO_POLICIES
    assert snapshot.trust_policy(owner) is NO_POLICIES


def test_without_an_account_nobody_is_the_root() -> None:
    assert MemoryStore().snapshot().identity_policies("") is NO_POLICIES


def test_a_host_may_ask_for_its_own_instances_and_their_sessions_and_nothing_else() -> None:
    policies = account().identity_policies(HOST_ID)
    own, other = host().arn, host("h-other").arn
    an_instance = f"arn:aws:ec2:us-east-1:{ACCOUNT_ID}:instance/i-00000000000000001"

    def may(action: str, resource: str, **keys: str) -> bool:
        return decided(policies, action, resource, kind=PrincipalKind.HOST, **keys).allowed

    assert may("hosts:DescribeHostInstances", own)
    assert may("hosts:ReportInstances", own)
    assert not may("hosts:DescribeHostInstances", other)
    assert not may("hosts:RegisterHost", own)
    session = "hosts:GetInstanceSession"
    assert may(session, an_instance, hosts__InstanceHostId=HOST_ID, hosts__HostId=HOST_ID)
    assert not may(session, an_instance, hosts__InstanceHostId="h-other", hosts__HostId=HOST_ID)
    assert not may(session, an_instance, hosts__HostId=HOST_ID)
    assert not may(session, an_instance, hosts__InstanceHostId="", hosts__HostId="*")
    assert not may(session, an_instance)
    assert not may("s3:GetObject", OBJECT)


def test_the_host_policy_is_json_of_the_current_version() -> None:
    assert json.loads(host_policy(host()))["Version"] == "2012-10-17"
    parse_document(host_policy(host()), kind=DocumentKind.IDENTITY)


def test_administrator_access_is_awss_own() -> None:
    policy = administrator_access("aws-cn")
    assert administrator_access().arn == "arn:aws:iam::aws:policy/AdministratorAccess"
    assert policy.arn == f"arn:aws-cn:iam::aws:policy/{ADMINISTRATOR_ACCESS_NAME}"
    compiled = compile_identity_policies(((policy.arn, policy.default_version.document),))
    assert decided(compiled, "iam:CreateRole", "*").allowed


def test_one_document_that_cannot_be_evaluated_takes_everything_and_says_so() -> None:
    store = MemoryStore(account_id=ACCOUNT_ID)
    broken = role(inline=(InlinePolicy("good", allows("s3:*")), InlinePolicy("broken", '{"Statement": 7')))
    with store.transaction() as tx:
        tx.roles.insert(broken)
    with capture_logs() as logs:
        policies = store.snapshot().identity_policies(broken.role_id)
    decision = decided(policies, "s3:GetObject", OBJECT)
    assert decision.effect is Effect.EXPLICIT_DENY
    assert [statement.policy for statement in decision.matched] == [f"{UNREADABLE}broken"]
    assert [(entry["event"], entry["policy"]) for entry in logs] == [(POLICY_UNREADABLE, "broken")]


def test_an_attached_policy_that_is_not_there_takes_everything() -> None:
    store = MemoryStore(account_id=ACCOUNT_ID)
    with store.transaction() as tx:
        tx.managed_policies.insert(managed_policy())
        tx.roles.insert(role(inline=(InlinePolicy("all", allows("*")),), attached=(managed_policy().arn,)))
        del cast(MemoryManagedPolicies, tx.managed_policies).rows[managed_policy().arn]
    decision = decided(store.snapshot().identity_policies(role().role_id), "s3:GetObject", OBJECT)
    assert decision.effect is Effect.EXPLICIT_DENY


def trusts(policies: CompiledPolicies) -> Decision:
    request = AccessRequest(
        action="sts:AssumeRole",
        resource=role().arn,
        principal=PolicyPrincipal(
            kind=PrincipalKind.SERVICE,
            arn="ec2.amazonaws.com",
            account_id="",
            service="ec2.amazonaws.com",
        ),
        context=RequestContext({}),
        resource_account=ACCOUNT_ID,
    )
    return decide(request, PolicyLayers(identity=NOBODY, resource=policies))


def test_a_trust_policy_says_who_may_assume_and_denies_all_when_it_cannot_be_evaluated() -> None:
    assert trusts(account().trust_policy(role().role_id)).allowed
    assert compile_trust_policy(TRUSTS_EC2) is compile_trust_policy(TRUSTS_EC2)
    assert trusts(compile_trust_policy("not json")).effect is Effect.EXPLICIT_DENY


def test_session_policies_narrow_and_deny_all_when_one_cannot_be_evaluated() -> None:
    narrowed = compile_session_policies((allows("s3:GetObject"),))
    everything = compile_identity_policies((("all", allows("*")),))

    def effect(session: CompiledPolicies) -> Effect:
        request = AccessRequest(
            action="s3:GetObject",
            resource=OBJECT,
            principal=principal(),
            context=RequestContext({}),
        )
        return decide(request, PolicyLayers(identity=everything, session=session)).effect

    assert effect(narrowed) is Effect.ALLOW
    assert effect(compile_session_policies((allows("s3:GetObject"), "{"))) is Effect.EXPLICIT_DENY


def test_an_unchanged_set_keeps_its_compiled_form_from_snapshot_to_snapshot() -> None:
    store = MemoryStore(account_id=ACCOUNT_ID)
    with store.transaction() as tx:
        tx.roles.insert(role(1, inline=(InlinePolicy("p", allows("s3:*")),)))
    first = store.snapshot().identity_policies(role(1).role_id)
    with store.transaction() as tx:
        tx.roles.insert(role(2, inline=(InlinePolicy("p", allows("s3:*")),)))
    second = store.snapshot()
    assert second.identity_policies(role(1).role_id) is first
    assert second.identity_policies(role(2).role_id) is first
    with store.transaction() as tx:
        tx.roles.update(role(1, inline=(InlinePolicy("p", allows("sqs:*")),)))
    third = store.snapshot().identity_policies(role(1).role_id)
    assert third is not first
    assert not decided(third, "s3:GetObject", OBJECT).allowed


def test_what_is_compiled_is_remembered_in_its_snapshot() -> None:
    snapshot = account()
    compiled = snapshot.identity_policies(role().role_id)
    compile_identity_policies.cache_clear()
    assert snapshot.identity_policies(role().role_id) is compiled
