"""What an instance's metadata is told when the role is taken out of its instance profile."""

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tabard.agent.instance_credentials import InstanceCredentials
from tabard.agent.reconcile import RoleOf
from tabard.clock import ManualClock
from tabard.imds.source import RemovedRole
from tabard.model.messages import DesiredInstance, DesiredInstanceProfile
from tests.support.described_instance import FACTS, PROFILE

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
EMPTY = msgspec.structs.replace(PROFILE, role_name="", role_id="")
ELSEWHERE = msgspec.structs.replace(EMPTY, association_id="iip-assoc-0fedcba9876543210")


def with_profile(instance_profile: DesiredInstanceProfile | None) -> DesiredInstance:
    return msgspec.structs.replace(FACTS, instance_profile=instance_profile)


def keeper_of(facts: DesiredInstance, clock: ManualClock) -> InstanceCredentials:
    return InstanceCredentials(facts, clock=clock, rotate_every=None, random_source=random.Random(1))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def test_a_role_that_is_taken_out_is_told_as_removed_even_while_its_session_is_held(
    clock: ManualClock,
) -> None:
    keeper = keeper_of(FACTS, clock)
    keeper.keep_session("2.0", RoleOf(PROFILE.association_id, PROFILE.role_id))
    assert keeper.credentials("2.0") is None
    keeper.update_facts(with_profile(EMPTY))
    removed = keeper.credentials("2.0")
    assert removed == RemovedRole(association_id=PROFILE.association_id, removed_at=NOON)
    clock.advance(timedelta(hours=1))
    keeper.update_facts(msgspec.structs.replace(with_profile(EMPTY), key_name="web"))
    assert keeper.credentials("1.0") == removed


@pytest.mark.parametrize("present", [None, ELSEWHERE, PROFILE])
def test_it_is_forgotten_with_its_association_or_once_there_is_a_role(
    clock: ManualClock, present: DesiredInstanceProfile | None
) -> None:
    keeper = keeper_of(FACTS, clock)
    keeper.update_facts(with_profile(EMPTY))
    keeper.update_facts(with_profile(present))
    assert keeper.credentials("2.0") is None


@pytest.mark.parametrize("former", [None, EMPTY, PROFILE])
def test_an_instance_profile_that_never_held_a_role_had_none_removed(
    clock: ManualClock, former: DesiredInstanceProfile | None
) -> None:
    keeper = keeper_of(with_profile(former), clock)
    keeper.update_facts(with_profile(ELSEWHERE))
    assert keeper.credentials("2.0") is None


def test_the_next_agent_tells_the_same(clock: ManualClock) -> None:
    former = keeper_of(FACTS, clock)
    former.update_facts(with_profile(EMPTY))
    clock.advance(timedelta(hours=1))
    heir = keeper_of(with_profile(EMPTY), clock)
    heir.go_on(former.served())
    assert isinstance(heir.credentials("2.0"), RemovedRole)
    assert heir.credentials("2.0") == former.credentials("2.0")
