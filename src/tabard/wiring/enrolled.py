"""The agent of a machine that enrolled itself: how its objects are put together."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tabard.agent.agent import Agent
from tabard.agent.certified_exchange import CertifiedExchange
from tabard.agent.drivers.driver import ExitStatus
from tabard.agent.drivers.machine import MachineDriver
from tabard.agent.edge_client import EdgeClient
from tabard.agent.edge_relay import TlsDoor
from tabard.agent.host_keys import Enrollment, HostDirectory
from tabard.agent.key_rotation import KeyRotation
from tabard.agent.networks.machine import MachineNetwork
from tabard.agent.settings import AgentSettings
from tabard.clock import SystemClock

Announce = Callable[[Enrollment, Mapping[str, str]], None]

_GRACE_SECONDS = 10.0


class NotServed(Exception):
    """The machine's metadata cannot be served; the message says why, for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledMachine:
    """The service of `tabard host enroll`: metadata and a relay to the edge, on this machine only.

    metadata, edge: address and port to listen on, 0 for any. command: its end is the end of the service;
    without one that is `stop`. runtime_directory: empty, and gone afterwards: nothing is kept in it.
    """

    directory: HostDirectory
    runtime_directory: Path
    metadata: tuple[str, int]
    edge: tuple[str, int]
    environment: Mapping[str, str] = field(repr=False)
    renew_key_every: timedelta
    command: Sequence[str] = ()

    async def serve(self, stop: asyncio.Event, *, announce: Announce) -> ExitStatus:
        """Work, and `announce` the environment of the instance's processes once there is a service.

        Raises:
            NotEnrolled, NotServed. HostRevoked: by then there is no service any more, and no command.
        """
        enrollment = self.directory.enrollment()
        exchange = CertifiedExchange(enrollment.endpoint, self.directory.host_context())
        clock = SystemClock()
        edge = EdgeClient(enrollment.host_id, exchange, clock=clock)
        # INVARIANT: what is relayed is the applications': the edge is told so, and never takes it for ours.
        door = TlsDoor.of(enrollment.endpoint, self.directory.relay_context())
        driver = MachineDriver(
            MachineNetwork(metadata=self.metadata, edge=self.edge), base_environment=self.environment
        )
        rotation = KeyRotation(
            host_id=enrollment.host_id,
            directory=self.directory,
            exchange=exchange,
            door=door,
            edge=edge,
            every=self.renew_key_every,
            clock=clock,
            random_source=random.Random(),  # noqa: S311 - jitter, no secret
        )
        ended = asyncio.Event()
        working = asyncio.create_task(self._agent(enrollment, edge, door, driver).run(ended))
        rotating = asyncio.create_task(rotation.run())
        stopping = asyncio.create_task(stop.wait())
        try:
            await _first(driver.started, working, rotating, stopping)
            if not driver.started.done():
                return ExitStatus()
            environment = await driver.started
            if driver.reason:
                raise NotServed(driver.reason)
            announce(enrollment, environment)
            if self.command:
                return await self._run_command(environment, stopping, working)
            await _first(working, rotating, stopping)
            return ExitStatus()
        finally:
            ended.set()
            for task in (rotating, stopping):
                task.cancel()
            await asyncio.wait({working, rotating, stopping})
            await exchange.close()

    def _agent(self, enrollment: Enrollment, edge: EdgeClient, door: TlsDoor, driver: MachineDriver) -> Agent:
        return Agent(
            enrollment.host_id,
            edge,
            {"machine": driver},
            AgentSettings(leaves_running=True, check_peers=False, ends_when_revoked=True),
            clock=SystemClock(),
            runtime_directory=self.runtime_directory,
            edge_endpoint=enrollment.endpoint,
            edge_door=door,
            region=enrollment.region,
        )

    async def _run_command(
        self, environment: Mapping[str, str], stopping: asyncio.Task[Any], working: asyncio.Task[Any]
    ) -> ExitStatus:
        """Until it ends, or is ended: on demand, or because there is no service for it any more."""
        try:
            process = await asyncio.create_subprocess_exec(*self.command, env=dict(environment))
        except OSError as error:
            raise NotServed(f"{self.command[0]} cannot be run: {error.strerror}") from error
        ending = asyncio.create_task(process.wait())
        await asyncio.wait({ending, stopping, working}, return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():
            with suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait({ending}, timeout=_GRACE_SECONDS)
        if not ending.done():
            with suppress(ProcessLookupError):
                process.kill()
        status = ExitStatus.of(await ending)
        if working.done():
            working.result()  # why there is no service
        return status


async def _first(*waited: asyncio.Future[Any]) -> None:
    """Return once one of them is done; raise what a task of ours has failed with."""
    done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    for each in done:
        each.result()
