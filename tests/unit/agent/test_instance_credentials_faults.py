"""An instance's metadata during injected faults, and the time of requested rotations."""

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tabard.agent.instance_credentials import DueSession, InstanceCredentials
from tabard.agent.reconcile import RoleOf
from tabard.agent.rotation import FORCED_ROTATION_SECONDS
from tabard.clock import ManualClock
from tabard.imds.source import RefusedCredentials, ServedCredentials
from tabard.model.messages import DesiredFaults, DesiredInstance
from tests.support.described_instance import DESIRED, PROFILE
from tests.support.fake_edge import FakeEdge

ROLE = RoleOf(PROFILE.association_id, PROFILE.role_id)


def with_faults(**faults: object) -> DesiredInstance:
    return msgspec.structs.replace(DESIRED, faults=DesiredFaults(**faults))


class Instance:
    """One instance with one session."""

    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 1, 31, 12, 0, tzinfo=UTC))
        self.edge = FakeEdge(self.clock)
        self.edge.put(DESIRED)
        self.credentials = InstanceCredentials(
            DESIRED, clock=self.clock, rotate_every=None, random_source=random.Random(1)
        )
        self.credentials.keep_session("2.0", ROLE)

    async def mint(self, due: DueSession) -> bool:
        answer = await self.edge.get_instance_session(DESIRED.instance_id, due.role_delivery)
        return self.credentials.accept(due, answer)

    @property
    def served(self) -> ServedCredentials:
        view = self.credentials.credentials("2.0")
        assert isinstance(view, ServedCredentials)
        return view


@pytest.fixture
async def instance() -> Instance:
    made = Instance()
    (due,) = made.credentials.take_due()
    assert await made.mint(due)
    return made


async def test_a_fault_code_replaces_the_keys_until_the_fault_ends(instance: Instance) -> None:
    key = instance.served.access_key_id
    instance.credentials.update_desired(with_faults(credentials_code="Failed"))
    view = instance.credentials.credentials("2.0")
    assert isinstance(view, RefusedCredentials)
    assert view.code == "Failed"
    instance.credentials.update_desired(with_faults())
    assert instance.served.access_key_id == key


async def test_clock_skew_shifts_every_time(instance: Instance) -> None:
    before = instance.served
    instance.credentials.update_desired(with_faults(clock_skew_seconds=-3600))
    assert before.expires_at - instance.served.expires_at == timedelta(hours=1)
    assert before.last_updated - instance.served.last_updated == timedelta(hours=1)


async def test_a_requested_rotation_is_due_once_after_a_second(instance: Instance) -> None:
    first = instance.served.access_key_id
    instance.credentials.update_desired(with_faults(rotations=1))
    assert instance.credentials.take_due() == []
    instance.clock.advance(timedelta(seconds=FORCED_ROTATION_SECONDS))
    (due,) = instance.credentials.take_due()
    assert instance.served.access_key_id == first
    assert await instance.mint(due)
    assert instance.served.access_key_id != first
    instance.credentials.update_desired(with_faults(rotations=1, credentials_code="Failed"))
    instance.clock.advance(timedelta(seconds=FORCED_ROTATION_SECONDS))
    assert instance.credentials.take_due() == []


async def test_an_answer_from_before_the_requested_rotation_is_ignored(instance: Instance) -> None:
    """It may be one of the sessions that were just revoked."""
    instance.clock.advance(timedelta(hours=3))
    (late,) = instance.credentials.take_due()
    first = instance.served.access_key_id
    instance.credentials.update_desired(with_faults(rotations=1))
    assert not await instance.mint(late)
    assert instance.served.access_key_id == first
    instance.clock.advance(timedelta(seconds=FORCED_ROTATION_SECONDS))
    assert len(instance.credentials.take_due()) == 1
