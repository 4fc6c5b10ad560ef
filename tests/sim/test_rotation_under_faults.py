"""Agent, edge and metadata on a clock moved by hand, with seeded faults: the promises hold at every step."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from tabard.agent.edge_client import MintRefused
from tabard.imds.source import ServedCredentials
from tests.support.fake_edge import unreachable
from tests.support.simulation import Simulation, another_profile

SAFE = timedelta(minutes=20)
HOURS_6 = timedelta(hours=6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


async def test_with_a_healthy_edge_more_than_twenty_minutes_are_always_left(folder: Path) -> None:
    simulation = Simulation(folder, seed=1, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    for _ in range(24 * 12):
        await simulation.step(timedelta(minutes=5))
        served = simulation.credentials.credentials("2.0")
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
        served = simulation.credentials.credentials("2.0")
        assert isinstance(served, ServedCredentials)
        seen.add(served.access_key_id)
        assert served.expires_at - simulation.clock.now() > HOURS_6 - timedelta(seconds=11)
    assert 60 <= len(seen) <= 80
    await simulation.agent.close()


async def test_an_edge_that_is_gone_for_hours_costs_nothing_until_the_session_ends(folder: Path) -> None:
    simulation = Simulation(folder, seed=3, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    served = simulation.credentials.credentials("2.0")
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


async def test_a_killed_agents_sessions_are_served_by_the_next_until_their_very_end(folder: Path) -> None:
    simulation = Simulation(folder, seed=8, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    simulation.edge.away = True
    served = simulation.credentials.credentials("2.0")
    for _ in range(3):
        await simulation.step(timedelta(hours=1))
        await simulation.kill()
        assert simulation.credentials.credentials("2.0") == served
    await simulation.step(timedelta(hours=3) - timedelta(seconds=1))
    await simulation.kill()
    assert simulation.reading().status == 200
    await simulation.step(timedelta(seconds=2))
    await simulation.kill()
    assert simulation.reading().status == 503
    await simulation.agent.close()


async def test_a_killed_agents_renewals_are_not_all_due_at_once(folder: Path) -> None:
    simulation = Simulation(folder, seed=9, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    due_in_seconds = simulation.agent.next_renewal_in_seconds()
    minted = len(simulation.edge.minted)
    await simulation.kill()
    await simulation.settle()
    assert simulation.agent.next_renewal_in_seconds() == due_in_seconds
    assert len(simulation.edge.minted) == minted
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
    assert simulation.credentials.credentials("2.0") is None
    await simulation.agent.close()


async def test_after_a_jump_forward_the_agent_renews_and_answers_503_meanwhile(folder: Path) -> None:
    simulation = Simulation(folder, seed=5, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    simulation.clock.step_wall_clock(HOURS_6)
    assert simulation.reading().status == 503
    assert simulation.agent.next_renewal_in_seconds() == 0
    await simulation.settle()
    assert simulation.reading().status == 200
    assert all(left > SAFE.total_seconds() for left in simulation.seconds_left())
    await simulation.agent.close()


async def test_a_jump_forward_to_the_last_twenty_minutes_makes_a_session_due(folder: Path) -> None:
    simulation = Simulation(folder, seed=5, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    first = simulation.credentials.credentials("2.0")
    simulation.clock.step_wall_clock(HOURS_6 - SAFE)
    assert simulation.credentials.credentials("2.0") == first
    await simulation.settle()
    assert all(left > SAFE.total_seconds() for left in simulation.seconds_left())
    await simulation.agent.close()


async def test_a_jump_forward_that_is_taken_back_loses_no_session(folder: Path) -> None:
    simulation = Simulation(folder, seed=5, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    served = simulation.credentials.credentials("2.0")
    simulation.edge.away = True
    simulation.clock.step_wall_clock(timedelta(days=3))
    assert simulation.reading().status == 503
    simulation.clock.step_wall_clock(timedelta(days=-3))
    assert simulation.credentials.credentials("2.0") == served
    await simulation.agent.close()


@pytest.mark.parametrize("is_killed", [False, True])
async def test_a_machine_that_slept_past_the_end_serves_503_and_renews(
    folder: Path,
    is_killed: bool,
) -> None:
    """Also where another agent takes over: what it is handed means the same to it."""
    simulation = Simulation(folder, seed=5, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    simulation.clock.sleep(HOURS_6)
    assert simulation.clock.monotonic_seconds() == 0
    if is_killed:
        await simulation.kill()
    assert simulation.reading().status == 503
    await simulation.settle()
    assert simulation.reading().status == 200
    await simulation.agent.close()


async def test_a_clock_set_back_while_the_machine_sleeps_prolongs_nothing(folder: Path) -> None:
    simulation = Simulation(folder, seed=5, lifetime=HOURS_6, rotate_every=None)
    await simulation.start()
    simulation.edge.away = True
    simulation.clock.sleep(HOURS_6 - timedelta(seconds=1))
    simulation.clock.step_wall_clock(timedelta(days=-3))
    assert simulation.reading().status == 200
    simulation.clock.sleep(timedelta(seconds=1))
    assert simulation.reading().status == 503
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
        match choose.randrange(8):
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
            case 5:
                await simulation.kill()
            case _:
                pass
        simulation.look()
        await simulation.step(timedelta(seconds=choose.choice([1, 60, 600, 3600])))
        await simulation.poll()
        simulation.look()
    await simulation.agent.close()
