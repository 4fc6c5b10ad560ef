"""Agent, edge and metadata on a clock moved by hand, with seeded faults: the promises hold at every step."""

import asyncio
import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from described_instance import FACTS, OPTIONS, PROFILE
from fake_edge import FakeEdge, unreachable

from tabard.agent.agent import Agent
from tabard.agent.drivers.driver import ExitStatus
from tabard.agent.edge_client import EdgeError, MintRefused
from tabard.agent.keeper import SessionKeeper
from tabard.agent.settings import AgentSettings
from tabard.clock import ManualClock
from tabard.imds import tree
from tabard.imds.source import ServedCredentials
from tabard.model.messages import DesiredInstance, DesiredInstanceProfile

ID = FACTS.instance_id
OPEN = msgspec.structs.replace(
    FACTS, metadata_options=msgspec.structs.replace(OPTIONS, http_tokens="optional")
)
SAFE = timedelta(minutes=20)
HOURS_6 = timedelta(hours=6)
ROUNDING = timedelta(milliseconds=1)


class IdleRunning:
    def __init__(self) -> None:
        self._stopped = asyncio.Event()

    async def wait(self) -> ExitStatus:
        await self._stopped.wait()
        return ExitStatus()

    async def stop(self, grace: timedelta) -> None:
        self._stopped.set()


class IdleDriver:
    uid = 0
    base_environment: Mapping[str, str] = {}

    async def start(
        self, desired: DesiredInstance, environment: Mapping[str, str], directory: Path
    ) -> IdleRunning:
        return IdleRunning()

    def not_started(self, instance_id: str, reason: str) -> None:
        raise AssertionError(reason)


class Simulation:
    """One agent with one instance; `step` lets time pass and looks at everything that is promised."""

    def __init__(
        self, folder: Path, *, seed: int, lifetime: timedelta, rotate_every: timedelta | None
    ) -> None:
        self.clock = ManualClock(datetime(2026, 1, 31, 12, 0, tzinfo=UTC))
        self.edge = FakeEdge(self.clock, lifetime=lifetime)
        self.random = random.Random(seed)
        self.agent = Agent(
            "h-0123456789abcdef0",
            self.edge,
            {"process": IdleDriver()},
            AgentSettings(rotate_every=rotate_every, seed=seed, check_peers=False),
            clock=self.clock,
            runtime_directory=folder,
            edge_endpoint="http://127.0.0.1:4700",
            region="us-east-1",
        )
        self.agent.recover()
        self.profile: DesiredInstanceProfile | None = PROFILE
        self.known_from = 0

    @property
    def keeper(self) -> SessionKeeper:
        keeper = self.agent.instances[ID].keeper
        assert keeper is not None
        return keeper

    async def start(self) -> None:
        self.edge.put(OPEN)
        await self.agent.poll(0)
        await self.settle()

    async def settle(self) -> None:
        """Do what is due now, until nothing more is."""
        while self.agent.next_renewal_in_seconds() == 0:
            await self.agent.renew()
        for _ in range(5):
            await asyncio.sleep(0)

    async def poll(self) -> None:
        before = self.keeper.facts().instance_profile
        try:
            await self.agent.poll(0)
        except EdgeError:
            return
        if self.keeper.facts().instance_profile != before:
            self.known_from = len(self.edge.minted)  # what was minted before the agent knew, it never took
        if self.edge.instances[ID].instance_profile != self.profile:
            raise AssertionError("the edge and the simulation disagree")

    async def step(self, step: timedelta) -> None:
        """Let time pass as the agent's own timers would have it: from one due renewal to the next."""
        left = step.total_seconds()
        while left > 0:
            due = self.agent.next_renewal_in_seconds()
            nap = left if due is None else min(left, max(due, 0.001))
            self.clock.advance(timedelta(seconds=nap))
            left -= nap
            self.look()
            await self.settle()
            self.look()

    def look(self) -> None:
        facts = self.keeper.facts()
        for role_delivery in ("2.0", "1.0"):
            view = self.keeper.credentials(role_delivery)
            instance_profile = facts.instance_profile
            if instance_profile is None:
                assert view is None
                continue
            good = [
                minted.expiration
                for minted in self.edge.minted[self.known_from :]
                if minted.access_key_id.endswith(role_delivery)
                and (minted.association_id, minted.role_id)
                == (instance_profile.association_id, instance_profile.role_id)
            ]
            if isinstance(view, ServedCredentials):
                assert view.expires_at > self.clock.now() - ROUNDING, "an expired session was served"
                assert (view.association_id, view.role_id) == (
                    instance_profile.association_id,
                    instance_profile.role_id,
                ), "a former role was served"
                assert view.expires_at >= max(good), "a worse session than the last good one was served"
            elif good:
                assert max(good) <= self.clock.now() + ROUNDING, "the last good session was lost early"

    def reading(self) -> tree.Reading:
        assert self.profile is not None
        path = f"/latest/meta-data/iam/security-credentials/{self.profile.role_name}"
        return tree.read(path, self.keeper.facts(), self.keeper.credentials("2.0"))

    def replace_association(self, profile: DesiredInstanceProfile | None) -> None:
        self.profile = profile
        self.edge.put(msgspec.structs.replace(OPEN, instance_profile=profile))


def another_profile(number: int) -> DesiredInstanceProfile:
    return msgspec.structs.replace(
        PROFILE,
        association_id=f"iip-assoc-{number:017x}",
        role_name=f"role-{number}",
        role_id=f"AROA{number:017d}",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


async def test_with_a_healthy_edge_more_than_twenty_minutes_are_always_left(folder: Path) -> None:
    simulation = Simulation(folder, seed=1, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    for _ in range(24 * 12):
        await simulation.step(timedelta(minutes=5))
        served = simulation.keeper.credentials("2.0")
        assert isinstance(served, ServedCredentials)
        assert served.expires_at - simulation.clock.now() > SAFE
    assert 16 <= len(simulation.edge.minted) <= 26
    await simulation.agent.close()


async def test_the_pace_of_rotation_is_free_of_the_lifetime(folder: Path) -> None:
    simulation = Simulation(folder, seed=2, lifetime=HOURS_6, rotate_every=timedelta(seconds=10))
    await simulation.start()
    seen = set()
    for _ in range(600):
        await simulation.step(timedelta(seconds=1))
        served = simulation.keeper.credentials("2.0")
        assert isinstance(served, ServedCredentials)
        seen.add(served.access_key_id)
        assert served.expires_at - simulation.clock.now() > HOURS_6 - timedelta(seconds=11)
    assert 60 <= len(seen) <= 80
    await simulation.agent.close()


async def test_an_edge_that_is_gone_for_hours_costs_nothing_until_the_session_ends(folder: Path) -> None:
    simulation = Simulation(folder, seed=3, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    served = simulation.keeper.credentials("2.0")
    assert isinstance(served, ServedCredentials)
    simulation.edge.away = True
    await simulation.step(HOURS_6 - timedelta(seconds=1))
    assert simulation.reading().status == 200
    await simulation.step(timedelta(seconds=2))
    assert simulation.reading().status == 503
    await simulation.step(timedelta(hours=3))
    assert simulation.reading().status == 503
    simulation.edge.away = False
    await simulation.step(timedelta(minutes=1))
    assert simulation.reading().status == 200
    await simulation.agent.close()


async def test_retries_of_an_edge_that_is_away_are_few(folder: Path) -> None:
    simulation = Simulation(folder, seed=4, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    simulation.edge.away = True
    before = len(simulation.edge.calls)
    await simulation.step(timedelta(hours=6))
    assert len(simulation.edge.calls) - before < 2 * 6 * 130
    await simulation.agent.close()


async def test_the_wall_clock_may_step_and_nothing_is_lost_or_prolonged(folder: Path) -> None:
    simulation = Simulation(folder, seed=5, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    simulation.edge.away = True
    simulation.clock.step_wall_clock(timedelta(days=-3))
    simulation.clock.advance(HOURS_6)
    assert simulation.keeper.credentials("2.0") is None
    await simulation.agent.close()


async def test_a_refusing_trust_policy_takes_effect_after_the_last_good_session(folder: Path) -> None:
    simulation = Simulation(folder, seed=6, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    simulation.edge.mint_error = MintRefused(
        operation="GetInstanceSession", code="AssumeRoleUnauthorizedAccess", message="no"
    )
    await simulation.step(HOURS_6 - timedelta(seconds=1))
    assert json.loads(simulation.reading().document.body)["Code"] == "Success"
    await simulation.step(timedelta(seconds=2))
    assert json.loads(simulation.reading().document.body)["Code"] == "AssumeRoleUnauthorizedAccess"
    simulation.edge.mint_error = None
    await simulation.step(timedelta(seconds=15))
    assert json.loads(simulation.reading().document.body)["Code"] == "Success"
    await simulation.agent.close()


async def test_an_association_replaced_while_its_session_is_being_minted(folder: Path) -> None:
    simulation = Simulation(folder, seed=7, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    simulation.edge.hold_mints = asyncio.Event()
    await asyncio.sleep(0)
    simulation.clock.advance(timedelta(hours=3))
    late = asyncio.create_task(simulation.agent.renew())
    for _ in range(5):
        await asyncio.sleep(0)
    simulation.replace_association(another_profile(1))
    await simulation.poll()
    assert simulation.reading().status == 503
    held, simulation.edge.hold_mints = simulation.edge.hold_mints, None
    held.set()
    await late
    assert simulation.reading().status == 503
    await simulation.settle()
    assert json.loads(simulation.reading().document.body)["Token"] == f"token {another_profile(1).role_id}"
    await simulation.agent.close()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("lifetime", [HOURS_6, timedelta(minutes=25)])
async def test_whatever_happens_the_promises_hold(folder: Path, seed: int, lifetime: timedelta) -> None:
    simulation = Simulation(folder, seed=seed, lifetime=lifetime, rotate_every=None)
    await simulation.start()
    choose = simulation.random
    refusal = MintRefused(operation="GetInstanceSession", code="AssumeRoleUnauthorizedAccess", message="no")
    for number in range(60):
        match choose.randrange(7):
            case 0:
                simulation.edge.away = not simulation.edge.away
            case 1:
                simulation.edge.mint_error = choose.choice([None, None, unreachable(), refusal])
            case 2:
                simulation.replace_association(another_profile(number))
                await simulation.poll()
            case 3:
                simulation.replace_association(None)
                await simulation.poll()
            case 4:
                # The edge is ahead of the agent: what it mints is not what the facts say.
                simulation.replace_association(another_profile(number))
                await simulation.step(timedelta(seconds=choose.randrange(1, 30)))
                await simulation.poll()
            case _:
                pass
        simulation.look()
        await simulation.step(timedelta(seconds=choose.choice([1, 60, 600, 3600])))
        await simulation.poll()
        simulation.look()
    await simulation.agent.close()
