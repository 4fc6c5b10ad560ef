"""One agent with one instance and an edge in memory, on a clock moved by hand."""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from tabard.agent.agent import Agent
from tabard.agent.agent_handover import RunningInstance, SupervisorHandover
from tabard.agent.drivers.driver import ExitStatus
from tabard.agent.edge_client import EdgeError
from tabard.agent.instance_credentials import InstanceCredentials
from tabard.agent.networks.network import InstanceNetwork, LoopbackPorts
from tabard.agent.settings import AgentSettings
from tabard.clock import ManualClock, read_clocks
from tabard.imds import tree
from tabard.imds.source import ServedCredentials
from tabard.model.messages import DesiredInstance, DesiredInstanceProfile
from tabard.model.session import RoleDelivery
from tests.support.described_instance import DESIRED, OPTIONS, PROFILE
from tests.support.fake_edge import FakeEdge
from tests.support.memory_descriptors import MemoryDescriptors

ID = DESIRED.instance_id
OPEN = msgspec.structs.replace(
    DESIRED, metadata_options=msgspec.structs.replace(OPTIONS, http_tokens="optional")
)
DELIVERIES: tuple[RoleDelivery, ...] = ("2.0", "1.0")


class IdleRunning:
    descriptors: tuple[int, ...] | None = ()

    def __init__(self) -> None:
        self._stopped = asyncio.Event()

    async def wait(self) -> ExitStatus:
        await self._stopped.wait()
        return ExitStatus()

    async def stop(self, grace: timedelta) -> None:
        self._stopped.set()


class IdleDriver:
    base_environment: Mapping[str, str] = {}

    async def open_network(self) -> InstanceNetwork:
        return await LoopbackPorts(uid=0).open()

    async def start(
        self,
        desired: DesiredInstance,
        network: InstanceNetwork,
        environment: Mapping[str, str],
        directory: Path,
    ) -> IdleRunning:
        return IdleRunning()

    def adopt(self, kept: RunningInstance, directory: Path) -> IdleRunning:
        return IdleRunning()

    def not_started(self, instance_id: str, reason: str) -> None:
        raise AssertionError(reason)


async def turn() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


class Simulation:
    """One agent with one instance; `step` lets time pass and looks at everything that is promised."""

    def __init__(
        self, folder: Path, *, seed: int, lifetime: timedelta, rotate_every: timedelta | None
    ) -> None:
        self.clock = ManualClock(datetime(2026, 1, 31, 12, 0, tzinfo=UTC))
        self.edge = FakeEdge(self.clock, lifetime=lifetime)
        self.random = random.Random(seed)
        self.profile: DesiredInstanceProfile | None = PROFILE
        self.known_from = 0
        self.late: list[asyncio.Task[None]] = []
        self._folder = folder
        self._settings = AgentSettings(rotate_every=rotate_every, seed=seed, check_peers=False)
        self._boot_number = OPEN.boot_number
        self._kept = MemoryDescriptors()
        self.agent = self._new_agent()

    def _new_agent(self) -> Agent:
        agent = Agent(
            "h-0123456789abcdef0",
            self.edge,
            {"process": IdleDriver()},
            self._settings,
            clock=self.clock,
            runtime_directory=self._folder,
            edge_endpoint="http://127.0.0.1:4700",
            region="us-east-1",
            handover=SupervisorHandover(self._kept),
        )
        agent.recover()
        return agent

    @property
    def runs(self) -> bool:
        """Whether the instance has begun to run, and so outlives its agent."""
        return ID in self._kept.records

    @property
    def credentials(self) -> InstanceCredentials:
        credentials = self.agent.instances[ID].credentials
        assert credentials is not None
        return credentials

    async def start(self) -> None:
        self.edge.put(OPEN)
        await self.agent.poll(0)
        await self.settle()

    async def restart(self) -> None:
        """Another agent takes the place of this one, and starts the instance anew."""
        await self.agent.close()
        self.agent = self._new_agent()
        self.known_from = len(self.edge.minted)
        self._boot_number += 1
        self.replace_association(self.profile)
        await self.agent.poll(0)
        await self.settle()

    async def kill(self) -> None:
        """The agent is gone, and with it the answers that were on their way; another goes on in its place."""
        found, killed = self._kept.at_this_moment(), self.agent
        for late in self.late:
            late.cancel()
        await asyncio.gather(*self.late, return_exceptions=True)
        self.late.clear()
        await killed.close()
        self._kept = found
        self.agent = self._new_agent()
        await turn()

    async def settle(self) -> None:
        """Do what is due now, until nothing more is; answers that are held back are not waited for."""
        while self.agent.next_renewal_in_seconds() == 0:
            renewal = asyncio.create_task(self.agent.renew())
            if self.edge.hold_mints is None:
                await renewal
            else:
                self.late.append(renewal)
                await turn()
        await turn()

    async def answer_late(self) -> None:
        """Let every answer that was held back come."""
        held, self.edge.hold_mints = self.edge.hold_mints, None
        if held is not None:
            held.set()
        await asyncio.gather(*self.late)
        self.late.clear()
        await self.settle()

    async def poll(self) -> None:
        before = self.credentials.desired().instance_profile
        try:
            await self.agent.poll(0)
        except EdgeError:
            return
        if self.credentials.desired().instance_profile != before:
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
        """Raise AssertionError where a promise is broken. A session ends by the clock that says so first."""
        instance_profile = self.credentials.desired().instance_profile
        now = read_clocks(self.clock)
        self._forget_long_ended()
        for role_delivery in DELIVERIES:
            view = self.credentials.credentials(role_delivery)
            if instance_profile is None:
                assert view is None, "a session was served without an instance profile"
                continue
            role = instance_profile.association_id, instance_profile.role_id
            ends = {
                answered.session.access_key_id: answered.ends_at
                for answered in self.edge.answered
                if answered.order >= self.known_from
                and answered.session.access_key_id.endswith(role_delivery)
                and (answered.session.association_id, answered.session.role_id) == role
            }
            if isinstance(view, ServedCredentials):
                assert (view.association_id, view.role_id) == role, "a former role was served"
                assert not ends[view.access_key_id].has_come(now), "an expired session was served"
                assert view.access_key_id == next(reversed(ends)), "not the last session was served"
            elif ends:
                assert list(ends.values())[-1].has_come(now), "the last good session was lost early"

    def _forget_long_ended(self) -> None:
        """By the clock that nobody sets: a wall clock set forward may be set back."""
        long_ago = self.clock.boottime_seconds() - self.edge.lifetime.total_seconds()
        self.edge.answered = [each for each in self.edge.answered if each.ends_at.boottime_seconds > long_ago]

    def reading(self) -> tree.Reading:
        assert self.profile is not None
        path = f"/latest/meta-data/iam/security-credentials/{self.profile.role_name}"
        documents = tree.documents_of(self.credentials.desired(), self.credentials.credentials("2.0"), None)
        return tree.read(path, documents)

    def replace_association(self, profile: DesiredInstanceProfile | None) -> None:
        self.profile = profile
        self.edge.put(msgspec.structs.replace(OPEN, instance_profile=profile, boot_number=self._boot_number))

    def seconds_left(self) -> list[float]:
        """Of each session that is served now."""
        now = read_clocks(self.clock)
        ends = {answered.session.access_key_id: answered.ends_at for answered in self.edge.answered}
        views = [self.credentials.credentials(role_delivery) for role_delivery in DELIVERIES]
        return [
            ends[view.access_key_id].seconds_left(now)
            for view in views
            if isinstance(view, ServedCredentials)
        ]


def another_profile(number: int) -> DesiredInstanceProfile:
    return msgspec.structs.replace(
        PROFILE,
        association_id=f"iip-assoc-{number:017x}",
        role_name=f"role-{number}",
        role_id=f"AROA{number:017d}",
    )
