"""One suite, every store: what the ports promise."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import msgspec
import pytest

from tabard.model.access_key import AccessKeyStatus
from tabard.model.association import AssociationState
from tabard.model.audit_query import DENIED_EVENTS, EventFilter, EventPosition
from tabard.model.console_output import ConsoleOutput
from tabard.model.instance import InstanceState
from tabard.model.organization import ControlPolicy, ControlType
from tabard.model.policies import InlinePolicy
from tabard.model.tag import Tag
from tabard.store.controls import NO_CONTROLS
from tabard.store.ports import AlreadyStored
from tests.support.aggregates import (
    ACCOUNT_ID,
    HOST_ID,
    HOUR,
    NOW,
    access_key,
    account_alias,
    allows,
    association,
    audit_event,
    denies,
    group,
    host,
    image,
    instance,
    instance_profile,
    join_token,
    key_pair,
    managed_policy,
    organization,
    revocation,
    role,
    sealing_key,
    user,
)
from tests.support.any_store import AnyStore, snapshot_of

INLINE = (InlinePolicy("zeta", allows("s3:PutObject")), InlinePolicy("alpha", allows("sqs:*")))


def test_a_committed_write_is_stored(store: AnyStore) -> None:
    with store.transaction() as tx:
        tx.roles.insert(role())
    with store.transaction() as tx:
        assert tx.roles.get(role().role_id) == role()


def test_a_failed_transaction_stores_nothing(store: AnyStore) -> None:
    before = snapshot_of(store)
    with contextlib.suppress(RuntimeError), store.transaction() as tx:
        tx.roles.insert(role())
        tx.audit.append([audit_event()])
        raise RuntimeError
    assert snapshot_of(store) == before
    with store.transaction() as tx:
        assert tx.roles.get(role().role_id) is None
        assert tx.audit.last_number() == 0


def test_a_transaction_reads_what_it_wrote(store: AnyStore) -> None:
    with store.transaction() as tx:
        tx.users.insert(user())
        assert tx.users.named("USER-1") == user()
        tx.users.delete(user().user_id)
        assert tx.users.named("user-1") is None


def test_a_transaction_carries_the_vault(store: AnyStore) -> None:
    with store.transaction() as tx:
        assert tx.vault.open(tx.vault.seal(b"secret", label="a"), label="a") == b"secret"
        with pytest.raises(ValueError, match="not sealed as"):
            tx.vault.open(tx.vault.seal(b"secret", label="a"), label="b")


def test_users_keep_everything_in_order(store: AnyStore) -> None:
    policy = managed_policy()
    full = user(inline=INLINE, attached=(policy.arn,), tags=(Tag("b", "1"), Tag("a", "")))
    with store.transaction() as tx:
        tx.managed_policies.insert(policy)
        tx.users.insert(full)
    with store.transaction() as tx:
        assert tx.users.get(full.user_id) == full
        bare = replace(full, inline_policies=(), attached_policy_arns=(), tags=(), name="other")
        tx.users.update(bare)
        assert tx.users.named("Other") == bare
        assert tx.users.named("user-1") is None
    assert snapshot_of(store).users == {full.user_id: bare}


def test_roles_keep_everything_in_order(store: AnyStore) -> None:
    policies = [managed_policy(n) for n in (1, 2, 3)]
    full = role(inline=INLINE, attached=tuple(policy.arn for policy in reversed(policies)))
    with store.transaction() as tx:
        for policy in policies:
            tx.managed_policies.insert(policy)
        tx.roles.insert(full)
    changed = replace(
        full,
        inline_policies=INLINE[::-1],
        attached_policy_arns=(policies[0].arn,),
        trust_policy="{}",
        trusted=(),
    )
    with store.transaction() as tx:
        assert tx.roles.named("ROLE-1") == full
        tx.roles.update(changed)
        assert tx.roles.get(full.role_id) == changed
        assert tx.managed_policies.is_in_use(policies[0].arn)
        assert not tx.managed_policies.is_in_use(policies[1].arn)
        tx.roles.delete(full.role_id)
        assert not tx.managed_policies.is_in_use(policies[0].arn)
        tx.roles.insert(replace(full, inline_policies=()))
        assert tx.roles.get(full.role_id) == replace(full, inline_policies=())


def test_managed_policies_keep_their_versions_in_order(store: AnyStore) -> None:
    policy = managed_policy(documents=(allows("s3:*"), allows("sqs:*"), allows("dynamodb:*")), default=2)
    with store.transaction() as tx:
        tx.managed_policies.insert(policy)
        assert tx.managed_policies.get(policy.arn) == policy
        fewer = replace(policy, versions=policy.versions[1:], description="fewer")
        tx.managed_policies.update(fewer)
        assert tx.managed_policies.get(policy.arn) == fewer
        tx.managed_policies.delete(policy.arn)
        assert tx.managed_policies.get(policy.arn) is None


def test_groups_keep_everything_in_order_and_list_their_members(store: AnyStore) -> None:
    policies = [managed_policy(n) for n in (1, 2)]
    full = group(inline=INLINE, attached=tuple(policy.arn for policy in reversed(policies)))
    members = [user(n, groups=(group(2).group_id, full.group_id)) for n in (2, 1)]
    with store.transaction() as tx:
        for policy in policies:
            tx.managed_policies.insert(policy)
        tx.groups.insert(full)
        tx.groups.insert(group(2))
        for member in members:
            tx.users.insert(member)
        tx.users.insert(user(3))
    with store.transaction() as tx:
        assert tx.groups.get(full.group_id) == full
        assert tx.groups.named("GROUP-1") == full
        assert tx.groups.members(full.group_id) == members[::-1]
        changed = replace(full, name="other", inline_policies=(), attached_policy_arns=(policies[0].arn,))
        tx.groups.update(changed)
        assert tx.groups.named("Other") == changed
        assert tx.groups.named("group-1") is None
    snapshot = snapshot_of(store)
    assert snapshot.groups == {full.group_id: changed, group(2).group_id: group(2)}
    assert tuple(snapshot.users_in(full.group_id)) == tuple(members[::-1])
    assert tuple(snapshot.users_in(group(3).group_id)) == ()


def test_a_user_joins_and_leaves_groups_in_its_own_order(store: AnyStore) -> None:
    ids = [group(n).group_id for n in (1, 2, 3)]
    with store.transaction() as tx:
        for n in (1, 2, 3):
            tx.groups.insert(group(n))
        tx.users.insert(user(groups=(ids[2], ids[0])))
    with store.transaction() as tx:
        assert tx.users.named("user-1") == user(groups=(ids[2], ids[0]))
        tx.users.update(user(groups=(ids[1],)))
        assert tx.groups.members(ids[2]) == []
        tx.groups.delete(ids[2])
    snapshot = snapshot_of(store)
    assert [tuple(snapshot.users_in(group_id)) for group_id in ids] == [(), (user(groups=(ids[1],)),), ()]
    with store.transaction() as tx:
        tx.users.delete(user().user_id)
        tx.groups.delete(ids[1])
    assert list(snapshot_of(store).groups) == [ids[0]]


def test_attachments_are_counted_over_users_groups_and_roles(store: AnyStore) -> None:
    policy = managed_policy()
    with store.transaction() as tx:
        tx.managed_policies.insert(policy)
        assert not tx.managed_policies.is_in_use(policy.arn)
        tx.groups.insert(group(attached=(policy.arn,)))
        assert tx.managed_policies.is_in_use(policy.arn)
        tx.users.insert(user(attached=(policy.arn,)))
        tx.roles.insert(role(attached=(policy.arn,)))
    snapshot = snapshot_of(store)
    assert (snapshot.attachment_count(policy.arn), snapshot.boundary_count(policy.arn)) == (3, 0)


def test_permissions_boundaries_are_kept_and_counted(store: AnyStore) -> None:
    policy = managed_policy()
    bounded_user, bounded_role = user(boundary=policy.arn), role(boundary=policy.arn)
    with store.transaction() as tx:
        tx.managed_policies.insert(policy)
        tx.users.insert(bounded_user)
        tx.roles.insert(role())
        tx.roles.update(bounded_role)
        assert tx.users.get(bounded_user.user_id) == bounded_user
        assert tx.roles.get(bounded_role.role_id) == bounded_role
        tx.users.update(user())
        assert tx.managed_policies.is_in_use(policy.arn)
    snapshot = snapshot_of(store)
    assert (snapshot.attachment_count(policy.arn), snapshot.boundary_count(policy.arn)) == (0, 1)
    with store.transaction() as tx:
        tx.roles.update(role())
        assert not tx.managed_policies.is_in_use(policy.arn)
        tx.managed_policies.delete(policy.arn)
    assert snapshot_of(store).boundary_count(policy.arn) == 0


def test_instance_profiles_are_found_by_name_and_by_role(store: AnyStore) -> None:
    with store.transaction() as tx:
        tx.roles.insert(role())
        tx.instance_profiles.insert(instance_profile(2, role_id=role().role_id))
        tx.instance_profiles.insert(instance_profile(1))
        assert tx.instance_profiles.named("Instance-Profile-2") == instance_profile(2, role_id=role().role_id)
        assert tx.instance_profiles.holding(role().role_id) == [instance_profile(2, role_id=role().role_id)]
        tx.instance_profiles.update(instance_profile(2))
        assert tx.instance_profiles.holding(role().role_id) == []
        tx.instance_profiles.delete(instance_profile(2).instance_profile_id)
        assert tx.instance_profiles.get(instance_profile(2).instance_profile_id) is None


def test_instances_are_found_by_host_and_by_client_token(store: AnyStore) -> None:
    first, second = instance(1, client_token="token"), instance(2, host_id="h-2")
    with store.transaction() as tx:
        tx.instances.insert(first)
        tx.instances.insert(second)
        assert tx.instances.get(first.instance_id) == first
        assert tx.instances.get(second.instance_id) == second
        assert tx.instances.on_host(HOST_ID) == [first]
        assert tx.instances.launched_with("token") == [first]
        assert tx.instances.launched_with("") == []
        running = replace(first, state=InstanceState.RUNNING, state_reason_code="x", user_data=b"")
        tx.instances.update(running)
        assert tx.instances.on_host(HOST_ID) == [running]
        tx.instances.delete(first.instance_id)
        assert tx.instances.on_host(HOST_ID) == []


def test_an_instance_has_at_most_one_active_association(store: AnyStore) -> None:
    with store.transaction() as tx:
        tx.instances.insert(instance())
        tx.associations.insert(association(1))
        with pytest.raises(AlreadyStored):
            tx.associations.insert(association(2, state=AssociationState.ASSOCIATED))
        tx.associations.update(association(1, state=AssociationState.DISASSOCIATED))
        tx.associations.insert(association(2, state=AssociationState.ASSOCIATED))
        with pytest.raises(AlreadyStored):
            tx.associations.update(association(1))
        assert [found.association_id for found in tx.associations.of_instance(instance().instance_id)] == [
            association(1).association_id,
            association(2).association_id,
        ]
        assert len(tx.associations.with_instance_profile(association().instance_profile_id)) == 2
        tx.associations.delete(association(1).association_id)
        assert tx.associations.get(association(1).association_id) is None
    active = snapshot_of(store).active_association_of(instance().instance_id)
    assert active == association(2, state=AssociationState.ASSOCIATED)


def test_images_hosts_and_keys_are_read_as_written(store: AnyStore) -> None:
    with store.transaction() as tx:
        tx.images.insert(image())
        tx.hosts.insert(host())
        tx.hosts.insert(host("h-2"))
        tx.access_keys.insert(access_key(2))
        tx.access_keys.insert(access_key(1, owner_id="h-2"))
        tx.sealing_keys.insert(sealing_key())
    with store.transaction() as tx:
        assert tx.images.get(image().image_id) == image()
        assert tx.hosts.all() == [host(), host("h-2")]
        tx.hosts.update(host(last_seen_at=NOW + HOUR))
        assert tx.hosts.get(HOST_ID) == host(last_seen_at=NOW + HOUR)
        tx.hosts.delete("h-2")
        assert tx.hosts.get("h-2") is None
        assert tx.access_keys.of_owner(ACCOUNT_ID) == [access_key(2)]
        tx.access_keys.update(access_key(2, status=AccessKeyStatus.INACTIVE))
        assert tx.access_keys.get(access_key(2).access_key_id) == access_key(
            2, status=AccessKeyStatus.INACTIVE
        )
        tx.access_keys.delete(access_key(1).access_key_id)
        assert tx.access_keys.of_owner("h-2") == []
        assert tx.sealing_keys.all() == [sealing_key()]
        tx.sealing_keys.delete(sealing_key().key_id)
        assert tx.sealing_keys.all() == []


def test_the_later_revocation_stays_until_it_expires(store: AnyStore) -> None:
    with store.transaction() as tx:
        tx.revocations.record(revocation(not_before=NOW))
        tx.revocations.record(revocation(not_before=NOW - HOUR, forget_after=NOW + HOUR))
        tx.revocations.record(revocation("role", "AROA1", forget_after=NOW + HOUR))
    assert snapshot_of(store).revoked_at("instance", revocation().subject_id) == NOW
    with store.transaction() as tx:
        tx.revocations.record(revocation(not_before=NOW + HOUR))
        assert tx.revocations.forget_until(NOW + HOUR) == 1
        assert tx.revocations.forget_until(NOW + HOUR) == 0
    snapshot = snapshot_of(store)
    assert snapshot.revoked_at("instance", revocation().subject_id) == NOW + HOUR
    assert snapshot.revoked_at("role", "AROA1") is None
    assert snapshot.revoked_at("session", revocation().subject_id) is None


def test_installation_settings_reach_the_snapshot(empty_store: AnyStore) -> None:
    assert snapshot_of(empty_store).account_id == ""
    assert snapshot_of(empty_store).partition == "aws"
    with empty_store.transaction() as tx:
        assert tx.installation.get("account_id") is None
        tx.installation.put("account_id", ACCOUNT_ID)
        tx.installation.put("partition", "aws")
        tx.installation.put("partition", "aws-cn")
        assert tx.installation.get("partition") == "aws-cn"
    assert snapshot_of(empty_store).account_id == ACCOUNT_ID
    assert snapshot_of(empty_store).partition == "aws-cn"


def test_the_organization_is_one_and_is_written_as_a_whole(store: AnyStore) -> None:
    deny = ControlPolicy(name="deny", control_type=ControlType.SERVICE, document=denies("s3:*"))
    rcp = ControlPolicy(
        name="deny r",
        control_type=ControlType.RESOURCE,
        document=denies("s3:*", control_type=ControlType.RESOURCE),
    )
    first = organization(deny, rcp, service_control=("FullAWSAccess", "deny"), resource_control=("deny r",))
    with store.transaction() as tx:
        assert tx.organizations.get() is None
        tx.organizations.delete()
        tx.installation.put("account_id", ACCOUNT_ID)
        tx.organizations.put(first)
        assert tx.organizations.get() == first
    assert snapshot_of(store).organizations == {first.organization_id: first}
    assert [len(level.statements) for level in snapshot_of(store).controls.service] == [1, 1, 2]
    second = organization(organization_id="o-anotherorg2")
    with store.transaction() as tx:
        tx.organizations.put(second)
        tx.organizations.put(second)
        assert tx.organizations.get() == second
    assert snapshot_of(store).organizations == {second.organization_id: second}
    assert [len(level.statements) for level in snapshot_of(store).controls.service] == [1, 1, 1]
    with store.transaction() as tx:
        tx.organizations.delete()
    assert snapshot_of(store).organizations == {}
    assert snapshot_of(store).controls is NO_CONTROLS


def test_audit_events_are_numbered_in_order(store: AnyStore) -> None:
    events = [audit_event(n, outcome="denied" if n % 2 else "allowed") for n in range(1, 7)]
    with store.transaction() as tx:
        tx.audit.append([])
        assert tx.audit.last_number() == 0
        tx.audit.append(events)
    with store.transaction() as tx:
        assert tx.audit.last_number() == 6
        assert tx.audit.read(after=0, limit=10) == list(enumerate(events, start=1))
        assert tx.audit.read(after=2, limit=2) == [(3, events[2]), (4, events[3])]
        assert tx.audit.read(after=1, limit=1, wanted=DENIED_EVENTS) == [(3, events[2])]
        assert tx.audit.read(after=6, limit=10) == []
        assert tx.audit.find("request-4") == events[3]
        assert tx.audit.find("request-9") is None


def test_the_audit_trail_is_pruned_by_size_and_by_age_but_never_its_newest_event(store: AnyStore) -> None:
    large = 10**9
    with store.transaction() as tx:
        tx.audit.append([audit_event(n, at=NOW + n * HOUR) for n in range(1, 11)])
        assert tx.audit.prune(before=NOW, most_bytes=large, at_most=99) == 0
        assert tx.audit.prune(before=NOW + 3 * HOUR, most_bytes=large, at_most=99) == 2
        assert [number for number, _ in tx.audit.read(after=0, limit=99)][:1] == [3]
        assert tx.audit.prune(before=NOW + 5 * HOUR, most_bytes=large, at_most=1) == 1
        assert tx.audit.prune(before=NOW + 5 * HOUR, most_bytes=large, at_most=1) == 1
        assert [number for number, _ in tx.audit.read(after=0, limit=99)][:1] == [5]
        assert tx.audit.prune(before=NOW, most_bytes=0, at_most=2) == 2
        assert [number for number, _ in tx.audit.read(after=0, limit=99)][:1] == [7]
        assert tx.audit.prune(before=NOW + 99 * HOUR, most_bytes=large, at_most=99) == 3
        assert tx.audit.last_number() == 10
        tx.audit.append([audit_event(11)])
        assert tx.audit.last_number() == 11


def test_the_newest_events_are_read_page_by_page_in_the_order_of_time(store: AnyStore) -> None:
    times = [5, 1, 4, 2, 4, 3]
    with store.transaction() as tx:
        tx.audit.append([audit_event(n, at=NOW + time * HOUR) for n, time in enumerate(times, start=1)])
        first = tx.audit.page(limit=3)
        assert [number for number, _ in first.events] == [3, 5, 1]
        assert first.next == EventPosition(NOW + 4 * HOUR, 3)
        assert EventPosition.of_token(first.next.token()) == first.next
        second = tx.audit.page(limit=2, older_than=first.next)
        assert [number for number, _ in second.events] == [4, 6]
        third = tx.audit.page(limit=2, older_than=second.next)
        assert ([number for number, _ in third.events], third.next) == ([2], None)


WANTED = {
    "outcomes": EventFilter(outcomes=("failed",)),
    "denied": DENIED_EVENTS,
    "since": EventFilter(since=NOW + 2 * HOUR),
    "until": EventFilter(until=NOW + 2 * HOUR),
    "instance": EventFilter(instance_id="i-0000000000000000a"),
    "denied to an instance": EventFilter(instance_id="i-0000000000000000a", outcomes=DENIED_EVENTS.outcomes),
    "action": EventFilter(action="S3:getobject"),
    "operation": EventFilter(action="iam:CreateRole"),
    "actions that begin so": EventFilter(action="iam:Create*"),
    "no wildcard": EventFilter(action="iam:Create"),
    "SQL's own wildcard": EventFilter(action="iam:Create_ole"),
    "role": EventFilter(principal="role/WEB"),
    "role's ARN": EventFilter(principal=f"arn:aws:iam::{ACCOUNT_ID}:role/app/web"),
    "session": EventFilter(principal=f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/web/i-00000000000000001"),
    "user": EventFilter(principal="user/alice"),
    "SQL's own wildcard in a name": EventFilter(principal="user/al_ce"),
}
FOUND = {
    "outcomes": [4],
    "denied": [1, 3],
    "since": [2, 3, 4],
    "until": [1],
    "instance": [2, 3],
    "denied to an instance": [3],
    "action": [1, 2, 3],
    "operation": [4],
    "actions that begin so": [4],
    "no wildcard": [],
    "SQL's own wildcard": [],
    "role": [1, 2],
    "role's ARN": [1, 2],
    "session": [1, 2],
    "user": [3, 4],
    "SQL's own wildcard in a name": [],
}


@pytest.mark.parametrize("case", WANTED)
def test_events_are_found_by_a_readers_filter(store: AnyStore, case: str) -> None:
    changed = msgspec.structs.replace
    user_arn = f"arn:aws:iam::{ACCOUNT_ID}:user/team/alice"
    other = "i-0000000000000000a"
    events = [
        audit_event(1, outcome="denied", at=NOW + HOUR),
        changed(audit_event(2, at=NOW + 2 * HOUR), instance_id=other),
        changed(
            audit_event(3, outcome="not_offered", at=NOW + 3 * HOUR),
            instance_id=other,
            principal_arn=user_arn,
        ),
        changed(
            audit_event(4, outcome="failed", at=NOW + 4 * HOUR),
            service="iam",
            operation="CreateRole",
            decisions=(),
            principal_arn=user_arn.replace("/team", ""),
        ),
    ]
    with store.transaction() as tx:
        tx.audit.append(events)
        wanted = WANTED[case]
        assert [number for number, _ in tx.audit.read(after=0, limit=9, wanted=wanted)] == FOUND[case]
        assert [number for number, _ in tx.audit.page(limit=9, wanted=wanted).events] == FOUND[case]


def test_an_action_has_a_wildcard_only_at_its_end() -> None:
    with pytest.raises(ValueError, match="at its end"):
        EventFilter(action="s3:*Object")


def test_each_account_has_an_audit_of_its_own(store: AnyStore) -> None:
    other = "444455556666"
    with store.transaction() as tx:
        tx.audit.append([audit_event(1), msgspec.structs.replace(audit_event(2), account_id=other)])
        tx.audit.append([msgspec.structs.replace(audit_event(3), account_id="")])
        assert [event.request_id for _, event in tx.audit.read(after=0, limit=9)] == [
            "request-1",
            "request-3",
        ]
        assert [event.account_id for _, event in tx.audit.read(after=0, limit=9)] == [ACCOUNT_ID] * 2
        assert (tx.audit.find("request-2"), tx.audit.last_number()) == (None, 2)
    with store.transaction(other) as tx:
        assert [(number, event.request_id) for number, event in tx.audit.page(limit=9).events] == [
            (1, "request-2")
        ]
        assert tx.audit.prune(before=NOW, most_bytes=0, at_most=9) == 0


def test_audit_events_make_no_new_snapshot(store: AnyStore) -> None:
    before = snapshot_of(store)
    with store.transaction() as tx:
        tx.audit.append([audit_event()])
    assert snapshot_of(store) == before


def test_every_write_makes_a_newer_snapshot(store: AnyStore) -> None:
    seen = [snapshot_of(store).version]
    for n in range(3):
        with store.transaction() as tx:
            tx.roles.insert(role(n))
        seen.append(snapshot_of(store).version)
    with store.transaction() as tx:
        tx.roles.delete(role(1).role_id)
    seen.append(snapshot_of(store).version)
    assert seen == sorted(set(seen))


def test_console_output_is_stored_and_is_in_no_snapshot(store: AnyStore) -> None:
    output = ConsoleOutput(instance_id="i-00000000000000001", output=b"\x00\xff\n", reported_at=NOW)
    with store.transaction() as tx:
        assert tx.console_outputs.get(output.instance_id) is None
        tx.console_outputs.put(replace(output, output=b"earlier"))
    version = snapshot_of(store).version
    with store.transaction() as tx:
        tx.console_outputs.put(output)
    with store.transaction() as tx:
        assert tx.console_outputs.get(output.instance_id) == output
        assert tx.console_outputs.get("i-00000000000000002") is None
        tx.console_outputs.delete("i-00000000000000002")
        tx.console_outputs.delete(output.instance_id)
    with store.transaction() as tx:
        assert tx.console_outputs.get(output.instance_id) is None
    assert snapshot_of(store).version == version


def test_key_pairs_are_found_by_region_and_exact_name(store: AnyStore) -> None:
    mine = key_pair(1, name="mine")
    elsewhere = key_pair(2, name="mine", region="eu-west-1")
    with store.transaction() as tx:
        tx.key_pairs.insert(mine)
        tx.key_pairs.insert(elsewhere)
        tx.key_pairs.insert(key_pair(3, name="Mine"))
        with pytest.raises(AlreadyStored):
            tx.key_pairs.insert(key_pair(4, name="mine"))
        assert tx.key_pairs.named("eu-west-1", "mine") == elsewhere
        assert tx.key_pairs.named("eu-west-2", "mine") is None
        assert tx.key_pairs.get(mine.key_pair_id) == mine
        tx.key_pairs.update(replace(mine, tags=()))
        tx.key_pairs.delete(elsewhere.key_pair_id)
        tx.key_pairs.delete(elsewhere.key_pair_id)
    snapshot = snapshot_of(store)
    assert snapshot.key_pair_named("us-east-1", "mine") == replace(mine, tags=())
    assert snapshot.key_pair_named("eu-west-1", "mine") is None
    assert len(snapshot.key_pairs) == 2
    with store.transaction() as tx:
        tx.key_pairs.delete(mine.key_pair_id)
    assert snapshot_of(store).key_pair_named("us-east-1", "mine") is None


def test_a_join_token_is_claimed_once_and_only_within_its_time(store: AnyStore) -> None:
    """Two at once: one wins. What it was claimed by is kept, for a retry to be known by."""
    token = join_token()

    def claim(key: str, *, token_id: str = token.token_id, now: datetime = NOW) -> bool:
        with store.transaction() as tx:
            return tx.join_tokens.claim(token_id, key_fingerprint=key, host_id=f"h-{key}", now=now)

    with store.transaction() as tx:
        tx.join_tokens.insert(token)
        tx.join_tokens.insert(join_token(2))
    assert snapshot_of(store).join_tokens[token.token_id] == token
    assert not claim("a", token_id="jt-of-nobody")
    assert not claim("a", now=token.expires_at)
    with ThreadPoolExecutor(2) as threads:
        won = dict(zip("ab", threads.map(claim, "ab"), strict=True))
    assert sorted(won.values()) == [False, True]
    winner = next(key for key, has_won in won.items() if has_won)
    claimed = replace(token, claimed_by=winner, host_id=f"h-{winner}")
    assert not claim(winner)
    assert snapshot_of(store).join_tokens[token.token_id] == claimed
    with store.transaction() as tx:
        assert tx.join_tokens.get(token.token_id) == claimed
        assert tx.join_tokens.forget_until(NOW) == 0
        tx.join_tokens.insert(join_token(3))
        tx.join_tokens.delete(join_token(3).token_id)
        assert tx.join_tokens.forget_until(token.expires_at) == 2
        assert tx.join_tokens.get(token.token_id) is None
    assert snapshot_of(store).join_tokens == {}


def test_only_one_account_has_an_alias(store: AnyStore) -> None:
    with store.transaction() as tx:
        tx.account_aliases.insert(account_alias("mine"))
        assert tx.account_aliases.all() == [account_alias("mine")]
        assert tx.account_aliases.get("theirs") is None
    other = "444455556666"
    with store.transaction(other) as tx:
        assert tx.account_aliases.all() == []
        with pytest.raises(AlreadyStored):
            tx.account_aliases.insert(replace(account_alias("mine"), account_id=other))
    assert snapshot_of(store).account_aliases == {"mine": account_alias("mine")}
    with store.transaction() as tx:
        tx.account_aliases.delete("mine")
    assert snapshot_of(store).account_aliases == {}
