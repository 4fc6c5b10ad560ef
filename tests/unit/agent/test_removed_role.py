"""The metadata of an instance whose instance profile lost its role."""

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tabard.agent.instance_credentials import InstanceCredentials
from tabard.agent.reconcile import RoleOf
from tabard.clock import ManualClock
from tabard.imds.source import RemovedRole
from tabard.model.messages import DesiredInstance, DesiredInstanceProfile
from tests.support.described_instance import DESIRED, PROFILE

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
EMPTY = msgspec.structs.replace(PROFILE, role_name="", role_id="")
ELSEWHERE = msgspec.structs.replace(EMPTY, association_id="iip-assoc-0fedcba9876543210")


def with_profile(instance_profile: DesiredInstanceProfile | None) -> DesiredInstance:
    return msgspec.structs.replace(DESIRED, instance_profile=instance_profile)


def credentials_of(desired: DesiredInstance, clock: ManualClock) -> InstanceCredentials:
    return InstanceCredentials(desired, clock=clock, rotate_every=None, random_source=random.Random(1))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def test_a_removed_role_is_shown_as_removed_despite_its_valid_session(
    clock: ManualClock,
) -> None:
    credentials = credentials_of(DESIRED, clock)
    credentials.keep_session("2.0", RoleOf(PROFILE.association_id, PROFILE.role_id))
    assert credentials.credentials("2.0") is None
    credentials.update_desired(with_profile(EMPTY))
    removed = credentials.credentials("2.0")
    assert removed == RemovedRole(association_id=PROFILE.association_id, removed_at=NOON)
    clock.advance(timedelta(hours=1))
    credentials.update_desired(msgspec.structs.replace(with_profile(EMPTY), key_name="web"))
    assert credentials.credentials("1.0") == removed


@pytest.mark.parametrize("present", [None, ELSEWHERE, PROFILE])
def test_the_removal_ends_with_the_association_or_with_a_new_role(
    clock: ManualClock, present: DesiredInstanceProfile | None
) -> None:
    credentials = credentials_of(DESIRED, clock)
    credentials.update_desired(with_profile(EMPTY))
    credentials.update_desired(with_profile(present))
    assert credentials.credentials("2.0") is None


@pytest.mark.parametrize("former", [None, EMPTY, PROFILE])
def test_an_instance_profile_without_a_former_role_shows_no_removal(
    clock: ManualClock, former: DesiredInstanceProfile | None
) -> None:
    credentials = credentials_of(with_profile(former), clock)
    credentials.update_desired(with_profile(ELSEWHERE))
    assert credentials.credentials("2.0") is None


def test_the_next_agent_shows_the_same_removal(clock: ManualClock) -> None:
    former = credentials_of(DESIRED, clock)
    former.update_desired(with_profile(EMPTY))
    clock.advance(timedelta(hours=1))
    heir = credentials_of(with_profile(EMPTY), clock)
    heir.resume(former.metadata_state())
    assert isinstance(heir.credentials("2.0"), RemovedRole)
    assert heir.credentials("2.0") == former.credentials("2.0")
