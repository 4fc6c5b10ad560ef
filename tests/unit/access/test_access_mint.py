"""Sessions are made for a permit's own role or instance, within bounds, and only where the role trusts."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from tabard.access.authorize import Permit, authorize
from tabard.access.check import Check
from tabard.access.mint import InstanceRoleNotTrusted, Mint
from tabard.access.refusals import AccessDenied
from tabard.credentials.token import PackedPolicyTooLarge, open_token
from tabard.edge.record import RequestRecord, outcome_of
from tabard.edge.stages import Stage
from tabard.model.revocation import Revocation
from tabard.model.role import Role
from tabard.policy import Effect, Layer
from tests.support.installation import (
    ACCOUNT_ID,
    HOST_ID,
    INSTANCE_ID,
    NOW,
    REGION,
    Installation,
    instance_facts,
)

HOUR = timedelta(hours=1)


def mint(here: Installation, lifetime: timedelta = 6 * HOUR) -> Mint:
    return Mint(snapshot=here.snapshot, keyring=here.keyring, instance_session_lifetime=lifetime)


def host_permit(here: Installation, instance_id: str = INSTANCE_ID) -> Permit:
    check = Check(
        action="hosts:GetInstanceSession",
        resource=f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/{instance_id}",
        context={"hosts:instancehostid": (HOST_ID,)},
    )
    host = here.caller(here.signed("hosts", here.host_key))
    return authorize(host, [check], here.facts("hosts"), here.snapshot)


def assume_permit(here: Installation, role: Role) -> Permit:
    trusting = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT_ID}, "Action": "sts:AssumeRole"}],
        }
    )
    with here.store.transaction() as tx:
        tx.roles.update(replace(role, trust_policy=trusting))
    check = Check(
        action="sts:AssumeRole",
        resource=role.arn,
        resource_policy=here.snapshot.trust_policy(role.role_id),
    )
    root = here.caller(here.signed("sts", here.root_key))
    return authorize(root, [check], here.facts("sts"), here.snapshot)


def trust(here: Installation, **statement: object) -> Role:
    """Let EC2 assume `web` under this statement."""
    whole = {
        "Effect": "Allow",
        "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole",
        **statement,
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [whole]})
    here.web = replace(here.web, trust_policy=document)
    with here.store.transaction() as tx:
        tx.roles.update(here.web)
    return here.web


def test_an_instances_session_is_named_by_it_and_believed(here: Installation) -> None:
    here.now = NOW.replace(microsecond=999_999)
    minted, trust = mint(here).for_instance(host_permit(here), role=here.web, instance=instance_facts())
    session = minted.session
    assert (trust.decision.allowed, trust.request.resource) == (True, here.web.arn)
    assert session.session_name == INSTANCE_ID
    assert session.instance == instance_facts()
    assert (session.issued_at, session.expires_at) == (NOW, NOW + 6 * HOUR)
    assert session.access_key_id.startswith("ASIA")
    assert len(session.secret_access_key) == 40
    assert open_token(minted.session_token, here.keyring) == session
    caller = here.caller(here.signed("s3", replace(here.sealed(session), secret=session.secret_access_key)))
    assert caller.arn == f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/web/{INSTANCE_ID}"


@pytest.mark.parametrize(
    ("ahead", "is_good"),
    [(timedelta(hours=-1), True), (timedelta(), True), (timedelta(seconds=1), False), (24 * HOUR, False)],
)
def test_a_session_follows_the_mark_that_ended_the_former_ones(
    here: Installation, ahead: timedelta, is_good: bool
) -> None:
    """Times of issue are whole seconds; a mark that lies ahead is of what never comes back."""
    mark = NOW.replace(microsecond=0) + ahead
    with here.store.transaction() as tx:
        tx.revocations.record(
            Revocation(
                subject="instance", subject_id=INSTANCE_ID, not_before=mark, forget_after=NOW + 48 * HOUR
            )
        )
    minted, _ = mint(here).for_instance(host_permit(here), role=here.web, instance=instance_facts())
    session = minted.session
    assert (session.issued_at > mark) == is_good
    assert session.expires_at - session.issued_at == 6 * HOUR


def test_two_sessions_share_nothing(here: Installation) -> None:
    first, second = (
        mint(here).for_instance(host_permit(here), role=here.web, instance=instance_facts())[0] for _ in "12"
    )
    assert first.session.access_key_id != second.session.access_key_id
    assert first.session.secret_access_key != second.session.secret_access_key
    assert first.session_token != second.session_token


def test_a_permit_for_another_instance_is_refused(here: Installation) -> None:
    with pytest.raises(AccessDenied):
        mint(here).for_instance(
            host_permit(here, "i-00000000000000000"), role=here.web, instance=instance_facts()
        )


def test_a_permit_to_assume_a_role_gives_no_instances_session_and_the_other_way_round(
    here: Installation,
) -> None:
    with pytest.raises(AccessDenied):
        mint(here).for_instance(assume_permit(here, here.web), role=here.web, instance=instance_facts())
    with pytest.raises(AccessDenied):
        mint(here).assume_role(host_permit(here), role=here.web, session_name="x", lifetime=HOUR)
    with pytest.raises(AccessDenied):
        mint(here).assume_role(
            assume_permit(here, here.web), role=here.role("other"), session_name="x", lifetime=HOUR
        )


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": {"Service": "lambda.amazonaws.com"}},
        {"Principal": {"AWS": ACCOUNT_ID}},
        {"Action": "sts:TagSession"},
        {"Effect": "Deny"},
        {"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2026-02-01T00:00:00Z"}}},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}}},
        {"Condition": {"StringNotEquals": {"sts:RoleSessionName": INSTANCE_ID}}},
    ],
)
def test_a_role_that_does_not_trust_ec2_is_given_to_no_instance(
    here: Installation, statement: dict[str, object]
) -> None:
    role = trust(here, **statement)
    with pytest.raises(InstanceRoleNotTrusted, match="EC2 cannot assume the role web") as caught:
        mint(here).for_instance(host_permit(here), role=role, instance=instance_facts())
    assert caught.value.error_code == "AssumeRoleUnauthorizedAccess"
    assert caught.value.denial.check.resource == role.arn
    assert not caught.value.denial.decision.allowed
    assert "ec2.amazonaws.com is not authorized to perform: sts:AssumeRole" in caught.value.reason


def test_the_refusal_of_a_trust_policy_is_a_denial_of_that_instance_in_the_audit(here: Installation) -> None:
    role, permit = trust(here, Effect="Deny"), host_permit(here)
    with pytest.raises(InstanceRoleNotTrusted) as caught:
        mint(here).for_instance(permit, role=role, instance=instance_facts())
    stage = cast(Stage, None)  # how far it came is no matter of the outcome
    record = RequestRecord(
        request_id="r", at=NOW, service="hosts", operation="GetInstanceSession", caller=permit.caller,
        account_id=ACCOUNT_ID, region=REGION, source_ip="", user_agent="", snapshot_version=1,
        outcome=outcome_of(stage, caught.value), http_status=403, error_code=caught.value.error_code,
        reason=caught.value.reason, checks=(*permit.checks, caught.value.denial.check),
        decided=(caught.value.denial,),
    )  # fmt: skip
    event = record.event()
    assert (event.outcome, event.instance_id) == ("denied", INSTANCE_ID)
    assert event.resources == (permit.checks[0].resource, role.arn)
    assert [(each.action, each.effect) for each in event.decisions] == [
        ("sts:AssumeRole", Effect.EXPLICIT_DENY)
    ]
    assert [each.resource for each in event.policies if each.layer is Layer.RESOURCE] == [role.arn]
    explain = record.explain()
    assert explain is not None
    assert '"trust policy"' in explain()


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}},
        {"Bool": {"aws:PrincipalIsAWSService": "true"}},
        {"StringEquals": {"aws:PrincipalServiceName": "ec2.amazonaws.com"}},
        {"DateLessThan": {"aws:CurrentTime": "2026-02-01T00:00:00Z"}},
        {"NumericGreaterThan": {"aws:EpochTime": "1769860799"}},
        {"StringEquals": {"aws:RequestedRegion": REGION}},
        {"StringLike": {"sts:RoleSessionName": "i-*"}},
    ],
)
def test_a_trust_policy_may_set_conditions_for_ec2(here: Installation, condition: dict[str, object]) -> None:
    role = trust(here, Condition=condition)
    assert mint(here).for_instance(host_permit(here), role=role, instance=instance_facts())


def test_trust_is_what_the_snapshot_says_whatever_the_role_handed_in_says(here: Installation) -> None:
    trusting = here.web
    trust(here, Effect="Deny")
    with pytest.raises(InstanceRoleNotTrusted):
        mint(here).for_instance(host_permit(here), role=trusting, instance=instance_facts())
    with pytest.raises(InstanceRoleNotTrusted):
        mint(here).for_instance(host_permit(here), role=here.role("ghost"), instance=instance_facts())


def test_an_assumed_roles_session_carries_what_was_asked_for(here: Installation) -> None:
    minted = mint(here).assume_role(
        assume_permit(here, here.web),
        role=here.web,
        session_name="deploy",
        lifetime=12 * HOUR,
        session_policies=("{}",),
        tags=(("team", "blue"),),
        source_identity="alice",
    )
    session = minted.session
    assert session.instance is None
    assert (session.session_name, session.source_identity) == ("deploy", "alice")
    assert (session.session_policies, session.tags) == (("{}",), (("team", "blue"),))
    assert session.expires_at == NOW + 12 * HOUR
    assert open_token(minted.session_token, here.keyring) == session


@pytest.mark.parametrize("seconds", [-1, 0, 899, 12 * 3600 + 1])
def test_a_lifetime_out_of_bounds_is_a_mistake_of_ours(here: Installation, seconds: int) -> None:
    given = assume_permit(here, here.web)
    with pytest.raises(ValueError, match="15 minutes at least and 12 hours at most"):
        mint(here).assume_role(given, role=here.web, session_name="x", lifetime=timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [900, 12 * 3600])
def test_the_bounds_of_a_lifetime_are_within_them(here: Installation, seconds: int) -> None:
    given = assume_permit(here, here.web)
    lifetime = timedelta(seconds=seconds)
    assert mint(here).assume_role(given, role=here.web, session_name="x", lifetime=lifetime)


@pytest.mark.parametrize("seconds", [1199, 12 * 3600 + 1])
def test_an_instance_session_lives_20_minutes_at_least_and_12_hours_at_most(
    here: Installation, seconds: int
) -> None:
    with pytest.raises(ValueError, match="20 minutes at least and 12 hours at most"):
        mint(here, timedelta(seconds=seconds))
    mint(here, timedelta(minutes=20))
    mint(here, timedelta(hours=12))


def test_policies_and_tags_that_no_token_can_carry_are_refused(here: Installation) -> None:
    given = assume_permit(here, here.web)
    with pytest.raises(PackedPolicyTooLarge) as caught:
        mint(here).assume_role(
            given, role=here.web, session_name="x", lifetime=HOUR, session_policies=("x" * 9000,)
        )
    assert caught.value.http_status == 400
