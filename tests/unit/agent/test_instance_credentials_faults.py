"""What an instance's metadata shows while faults are in force, and when forced rotations are due."""

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
from tests.support.described_instance import FACTS, PROFILE
from tests.support.fake_edge import FakeEdge

ROLE = RoleOf(PROFILE.association_id, PROFILE.role_id)


def with_faults(**faults: object) -> DesiredInstance:
    return msgspec.structs.replace(FACTS, faults=DesiredFaults(**faults))  # type: ignore[arg-type]


class Kept:
    """One session being kept."""

    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 1, 31, 12, 0, tzinfo=UTC))
        self.edge = FakeEdge(self.clock)
        self.edge.put(FACTS)
        self.keeper = InstanceCredentials(
            FACTS, clock=self.clock, rotate_every=None, random_source=random.Random(1)
        )
        self.keeper.keep_session("2.0", ROLE)

    async def mint(self, errand: DueSession) -> bool:
        answer = await self.edge.get_instance_session(FACTS.instance_id, errand.role_delivery)
        return self.keeper.accept(errand, answer)

    @property
    def served(self) -> ServedCredentials:
        view = self.keeper.credentials("2.0")
        assert isinstance(view, ServedCredentials)
        return view


@pytest.fixture
async def kept() -> Kept:
    made = Kept()
    (errand,) = made.keeper.take_due()
    assert await made.mint(errand)
    return made


async def test_a_code_is_shown_in_place_of_keys_and_they_come_back(kept: Kept) -> None:
    key = kept.served.access_key_id
    kept.keeper.update_facts(with_faults(credentials_code="Failed"))
    view = kept.keeper.credentials("2.0")
    assert isinstance(view, RefusedCredentials)
    assert view.code == "Failed"
    kept.keeper.update_facts(with_faults())
    assert kept.served.access_key_id == key


async def test_a_wrong_clock_tells_every_time_wrong(kept: Kept) -> None:
    before = kept.served
    kept.keeper.update_facts(with_faults(clock_skew_seconds=-3600))
    assert before.expires_at - kept.served.expires_at == timedelta(hours=1)
    assert before.last_updated - kept.served.last_updated == timedelta(hours=1)


async def test_a_rotation_that_was_asked_for_is_due_a_second_later_and_once(kept: Kept) -> None:
    first = kept.served.access_key_id
    kept.keeper.update_facts(with_faults(rotations=1))
    assert kept.keeper.take_due() == []
    kept.clock.advance(timedelta(seconds=FORCED_ROTATION_SECONDS))
    (errand,) = kept.keeper.take_due()
    assert kept.served.access_key_id == first
    assert await kept.mint(errand)
    assert kept.served.access_key_id != first
    kept.keeper.update_facts(with_faults(rotations=1, credentials_code="Failed"))
    kept.clock.advance(timedelta(seconds=FORCED_ROTATION_SECONDS))
    assert kept.keeper.take_due() == []


async def test_an_answer_from_before_the_rotation_was_asked_for_is_not_taken(kept: Kept) -> None:
    """It may be one of the sessions that were just ended."""
    kept.clock.advance(timedelta(hours=3))
    (late,) = kept.keeper.take_due()
    first = kept.served.access_key_id
    kept.keeper.update_facts(with_faults(rotations=1))
    assert not await kept.mint(late)
    assert kept.served.access_key_id == first
    kept.clock.advance(timedelta(seconds=FORCED_ROTATION_SECONDS))
    assert len(kept.keeper.take_due()) == 1
