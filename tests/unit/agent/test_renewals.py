"""The queue of renewals: the next due instance, without ended ones."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from tabard.agent.edge_client import MintAnswer
from tabard.agent.instance_credentials import DueSession, InstanceCredentials
from tabard.agent.reconcile import RoleOf
from tabard.agent.renewals import Renewals
from tabard.clock import ManualClock, read_clocks
from tabard.model.messages import GetInstanceSessionResult
from tests.support.described_instance import DESIRED

ROLE = RoleOf("iip-assoc-0123456789abcdef0", "AROAIOSFODNN7EXAMPLE")
LIFETIME_SECONDS = 6 * 3600


class Host:
    """Credentials by instance, and the queue over them."""

    def __init__(self, instances: int) -> None:
        self.clock = ManualClock(datetime(2026, 1, 31, 12, tzinfo=UTC))
        source = random.Random(1)
        self.credentials = {
            f"i-{number:017x}": InstanceCredentials(
                DESIRED, clock=self.clock, rotate_every=None, random_source=source
            )
            for number in range(instances)
        }
        self.renewals = Renewals(self.credentials.get, self.clock)

    def begin(self, instance_id: str) -> None:
        self.credentials[instance_id].keep_session("2.0", ROLE)
        self.renewals.note(instance_id)

    def due(self) -> list[tuple[InstanceCredentials, DueSession]]:
        return self.renewals.take_due()

    def mint(self, credentials: InstanceCredentials, due: DueSession) -> None:
        now = self.clock.now()
        session = GetInstanceSessionResult(
            access_key_id="ASIAIOSFODNN7EXAMPLE",
            secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            session_token="token",
            expiration=now + timedelta(seconds=LIFETIME_SECONDS),
            last_updated=now,
            lifetime_seconds=LIFETIME_SECONDS,
            role_name="web-role",
            role_id=ROLE.role_id,
            association_id=ROLE.association_id,
        )
        requested_at = read_clocks(self.clock)
        answer = MintAnswer(credentials=session, requested_at=requested_at, lifetime_seconds=LIFETIME_SECONDS)
        assert credentials.accept(due, answer)

    def earliest_by_looking(self) -> float:
        """Return the earliest due time of all instances, by a scan."""
        deadlines = [credentials.next_attempt_at() for credentials in self.credentials.values()]
        return min(each.boottime_at(read_clocks(self.clock)) for each in deadlines if each is not None)

    def id_of(self, credentials: InstanceCredentials) -> str:
        return next(instance_id for instance_id, one in self.credentials.items() if one is credentials)


@pytest.fixture
def host() -> Host:
    return Host(50)


def test_each_session_is_taken_once_until_its_outcome(host: Host) -> None:
    for instance_id in host.credentials:
        host.begin(instance_id)
        host.begin(instance_id)
    assert [host.id_of(credentials) for credentials, _ in host.due()] == list(host.credentials)
    assert (host.due(), host.renewals.next_at_seconds()) == ([], None)


def test_the_next_renewal_is_always_the_earliest_of_all_instances(host: Host) -> None:
    """Compared for a day with a scan of all instances."""
    for instance_id in host.credentials:
        host.begin(instance_id)
    renewed = 0
    end_at_seconds = host.clock.boottime_seconds() + 24 * 3600
    while host.clock.boottime_seconds() < end_at_seconds:
        for credentials, due in host.due():
            host.mint(credentials, due)
            host.renewals.note(host.id_of(credentials))
            renewed += 1
        next_at_seconds = host.renewals.next_at_seconds()
        assert next_at_seconds is not None
        assert next_at_seconds == pytest.approx(host.earliest_by_looking(), abs=1e-5)
        host.clock.advance(timedelta(seconds=next_at_seconds - host.clock.boottime_seconds() + 0.001))
    assert renewed > 50 * 7


def test_an_earlier_deadline_moves_an_instance_forward(host: Host) -> None:
    first, second, *_ = host.credentials
    host.begin(first)
    for credentials, due in host.due():
        host.mint(credentials, due)
    host.renewals.note(first)
    host.begin(second)
    assert [host.id_of(credentials) for credentials, _ in host.due()] == [second]


def test_an_instance_that_has_ended_is_forgotten(host: Host) -> None:
    first, second, *_ = host.credentials
    host.begin(first)
    host.begin(second)
    del host.credentials[first]
    assert [host.id_of(credentials) for credentials, _ in host.due()] == [second]
    host.renewals.note(first)
    assert host.renewals.next_at_seconds() is None


def test_a_dropped_session_is_not_requested(host: Host) -> None:
    first, *_ = host.credentials
    host.begin(first)
    host.credentials[first].drop_session("2.0")
    host.renewals.note(first)
    assert (host.renewals.next_at_seconds(), host.due()) == (None, [])


def test_unchanged_deadlines_add_no_entries(host: Host) -> None:
    first, *_ = host.credentials
    for _ in range(1000):
        host.begin(first)
    assert len(host.renewals._queue) == 1


def test_a_wall_clock_set_forward_brings_all_renewals_forward(host: Host) -> None:
    for instance_id in host.credentials:
        host.begin(instance_id)
    for credentials, due in host.due():
        host.mint(credentials, due)
        host.renewals.note(host.id_of(credentials))
    before = host.renewals.next_at_seconds()
    assert before is not None
    host.clock.step_wall_clock(timedelta(seconds=60))
    assert host.renewals.next_at_seconds() == pytest.approx(before - 60, abs=1e-5)
    assert host.renewals.next_at_seconds() == pytest.approx(host.earliest_by_looking(), abs=1e-5)
    host.clock.step_wall_clock(timedelta(hours=6))
    assert len(host.due()) == len(host.credentials)
    assert host.due() == []


def test_a_wall_clock_set_back_delays_no_renewal(host: Host) -> None:
    for instance_id in host.credentials:
        host.begin(instance_id)
    for credentials, due in host.due():
        host.mint(credentials, due)
        host.renewals.note(host.id_of(credentials))
    before = host.renewals.next_at_seconds()
    host.clock.step_wall_clock(timedelta(hours=-72))
    assert host.renewals.next_at_seconds() == pytest.approx(before, abs=1e-5)
    host.clock.advance(timedelta(hours=3))
    assert len(host.due()) == len(host.credentials)


def test_sleep_counts_towards_the_next_renewal(host: Host) -> None:
    first, *_ = host.credentials
    host.begin(first)
    for credentials, due in host.due():
        host.mint(credentials, due)
    host.renewals.note(first)
    host.clock.sleep(timedelta(hours=3))
    assert [host.id_of(credentials) for credentials, _ in host.due()] == [first]
