"""Any order of faults and changes that hypothesis can think of: the promises hold after every one."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tabard.agent.edge_client import MintRefused
from tests.support.fake_edge import unreachable
from tests.support.simulation import Simulation, another_profile

SAFE = timedelta(minutes=20)
REFUSAL = MintRefused(operation="GetInstanceSession", code="AssumeRoleUnauthorizedAccess", message="no")
MINT_ERRORS = {"works": None, "fails": unreachable(), "is refused": REFUSAL}
SECONDS = st.sampled_from([1, 7, 60, 599, 3600])
LIFETIMES = st.sampled_from([timedelta(minutes=20), timedelta(minutes=25), timedelta(hours=6)])
PACES = st.sampled_from([None, timedelta(minutes=10), timedelta(hours=1)])


class Rotation(RuleBasedStateMachine):
    """One agent with one instance, told to live through each step."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._folder = Path(tempfile.mkdtemp(prefix="rotation-"))
        self._associations = 0
        self._troubled_at = 0.0
        self.simulation: Simulation | None = None

    @property
    def sim(self) -> Simulation:
        assert self.simulation is not None
        return self.simulation

    def do(self, work: Coroutine[None, None, None]) -> None:
        self._loop.run_until_complete(work)

    @initialize(lifetime=LIFETIMES, rotate_every=PACES, seed=st.integers(0, 9))
    def begin(self, lifetime: timedelta, rotate_every: timedelta | None, seed: int) -> None:
        async def start() -> None:
            self.simulation = Simulation(
                self._folder, seed=seed, lifetime=lifetime, rotate_every=rotate_every
            )
            await self.simulation.start()

        self.do(start())

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: int) -> None:
        told = self.sim.credentials.desired().instance_profile
        self.do(self.sim.step(timedelta(seconds=seconds)))
        self.do(self.sim.poll())
        self.do(self.sim.settle())
        if self.sim.credentials.desired().instance_profile != told:
            self.trouble()  # only now has the agent heard of it

    @rule(hours=st.sampled_from([-72, -3, 3, 72]))
    def the_wall_clock_jumps(self, hours: int) -> None:
        """Set forward, it ends sessions early; set back, it prolongs none and loses none."""
        self.sim.clock.step_wall_clock(timedelta(hours=hours))
        self.sim.look()
        self.do(self.sim.settle())
        self.trouble()

    @rule(seconds=SECONDS, killed=st.booleans())
    def the_machine_sleeps(self, seconds: int, killed: bool) -> None:
        """No timer of the agent's goes off meanwhile, and the monotonic clock stands still; sessions end."""
        self.sim.clock.sleep(timedelta(seconds=seconds))
        self.sim.look()
        if killed and self.sim.runs:
            self.do(self.sim.kill())
            self.sim.look()
        self.do(self.sim.settle())
        self.trouble()

    @rule(away=st.booleans())
    def the_edge_or_its_store_goes_or_comes(self, away: bool) -> None:
        self.sim.edge.away = away
        self.trouble()

    @rule(how=st.sampled_from(sorted(MINT_ERRORS)))
    def minting(self, how: str) -> None:
        self.sim.edge.mint_error = MINT_ERRORS[how]
        self.trouble()

    @rule()
    @precondition(lambda self: self.sim.edge.hold_mints is None)
    def answers_become_slow(self) -> None:
        self.sim.edge.hold_mints = asyncio.Event()
        self.trouble()

    @rule()
    @precondition(lambda self: self.sim.edge.hold_mints is not None)
    def late_answers_come(self) -> None:
        self.do(self.sim.answer_late())
        self.trouble()

    @rule(attached=st.booleans(), agent_hears=st.booleans())
    def the_association_is_replaced(self, attached: bool, agent_hears: bool) -> None:
        """Also in the middle of a rotation, and before the agent has heard of it."""
        self._associations += 1
        self.trouble()
        self.sim.replace_association(another_profile(self._associations) if attached else None)
        if agent_hears:
            self.do(self.sim.poll())

    @rule()
    @precondition(lambda self: self.sim.edge.hold_mints is None and not self.sim.edge.away)
    def the_agent_is_restarted(self) -> None:
        self.do(self.sim.restart())
        self.trouble()

    @rule()
    @precondition(lambda self: self.sim.runs)
    def the_agent_is_killed(self) -> None:
        """At any time, also without an edge or with answers on their way: the next serves what there was."""
        self.do(self.sim.kill())
        self.trouble()

    @invariant()
    def every_promise_holds(self) -> None:
        if self.simulation is not None:
            self.simulation.look()

    @invariant()
    def after_two_calm_minutes_more_than_twenty_are_left(self) -> None:
        """A retry comes within a minute; a lifetime of twenty minutes has no more to give."""
        sim = self.simulation
        if sim is None or sim.edge.lifetime <= SAFE or sim.edge.away or sim.edge.mint_error is not None:
            return
        if sim.edge.hold_mints is not None or sim.clock.monotonic_seconds() - self._troubled_at < 120:
            return
        assert all(left > SAFE.total_seconds() for left in sim.seconds_left())
        assert len(sim.seconds_left()) == (0 if sim.credentials.desired().instance_profile is None else 2)

    def trouble(self) -> None:
        self._troubled_at = self.sim.clock.monotonic_seconds()

    def teardown(self) -> None:
        async def end() -> None:
            await self.sim.answer_late()
            await self.sim.agent.close()

        try:
            if self.simulation is not None:
                self.do(end())
        finally:
            self._loop.close()
            shutil.rmtree(self._folder, ignore_errors=True)


Rotation.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize="TABARD_SOAK_SECONDS" not in os.environ,
    phases=[phase for phase in Phase if phase is not Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)


TestRotation = Rotation.TestCase
