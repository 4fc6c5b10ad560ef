"""One instance on this host, from its start to its end: listeners, sessions, main process.

Theory of operation. `instance_life.py` says which stage of its life an instance is in, and which comes next.
Here one task (`_live`) does the work of a whole life. It opens the network, listens, starts the main process
and waits for its end. It repeats the last two steps for each reboot, and finally closes everything. The task
reports its progress to the life as events. Requests are events too. Each event wakes the task, which then
reads the life: no other state says what to do next.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

import structlog

from tabard.agent.agent_handover import AgentHandover, RunningInstance
from tabard.agent.agent_metrics import AgentMetrics
from tabard.agent.allowed_relay import AllowedRelay
from tabard.agent.container import container_environment, new_token, wants_container_credentials
from tabard.agent.drivers.driver import CannotStart, Driver, ExitStatus, Running
from tabard.agent.drivers.environment import instance_environment
from tabard.agent.drivers.process.driver import EMPTY_FILE
from tabard.agent.edge_relay import EdgeDoor, EdgeRelay
from tabard.agent.instance_credentials import InstanceCredentials
from tabard.agent.instance_folders import make_folder, mark_started
from tabard.agent.instance_life import AGENT_ENDED, NO_REASON, LifeEvent, Phase, Reason, after, at_rest
from tabard.agent.networks.network import InstanceNetwork, NoNetwork
from tabard.agent.reconcile import ObservedInstance, sessions_wanted
from tabard.agent.waiting import Event, all_of
from tabard.clock import Clock
from tabard.imds.server import MetadataServer
from tabard.imds.tokens import new_key
from tabard.model.messages import DesiredInstance, InstanceReport
from tabard.model.network_path import NetworkPath
from tabard.private_folder import remove_folder

INSTANCE_STARTED = "instance_started"
INSTANCE_ADOPTED = "instance_adopted"
INSTANCE_ENDED = "instance_ended"
INSTANCE_START_FAILED = "instance_start_failed"

_REASON_CHARACTERS = 1024

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostContext:
    """Settings and services that all instances of a host share."""

    edge_endpoint: str
    edge_door: EdgeDoor
    region: str
    clock: Clock
    check_peers: bool
    rotate_every: timedelta | None
    stop_grace: timedelta
    machine_stop_grace: timedelta
    first_session_wait: timedelta
    handover: AgentHandover
    metrics: AgentMetrics = field(repr=False)
    random_source: random.Random = field(repr=False)


class HostedInstance:
    """The state of one instance. Every change calls `on_change`, and `observed` returns the present state."""

    def __init__(
        self,
        instance_id: str,
        *,
        boot_number: int,
        directory: Path,
        on_change: Callable[[], None],
        phase: Phase = "pending",
        reason: Reason = ("", ""),
    ) -> None:
        self.instance_id = instance_id
        self.boot_number = boot_number
        self.credentials: InstanceCredentials | None = None
        self.reported: InstanceReport | None = None
        self.metadata_endpoint = ""
        self._directory = directory
        self._on_change = on_change
        self._life = at_rest(phase, reason)
        self._woken = Event()
        self._task: asyncio.Task[None] | None = None
        self._token_key = b""
        self._container_token: str | None = None

    @property
    def phase(self) -> Phase:
        """The state that EC2 shows."""
        return self._life.phase

    def observed(self) -> ObservedInstance:
        """Return the present state."""
        life = self._life
        credentials = self.credentials if life.phase in ("pending", "running") else None
        return ObservedInstance(
            instance_id=self.instance_id,
            boot_number=self.boot_number,
            report=InstanceReport(
                instance_id=self.instance_id,
                boot_number=self.boot_number,
                run_state=life.phase,
                association_id="" if credentials is None else credentials.serving_association_id(),
                reason_code=life.reason[0],
                reason_message=life.reason[1],
            ),
            reported=self.reported,
            desired=None if credentials is None else credentials.desired(),
            sessions={} if credentials is None else credentials.sessions,
        )

    def launch(self, desired: DesiredInstance, driver: Driver, context: HostContext) -> None:
        """Begin the instance's life. It runs until the main process ends or somebody calls `stop`."""
        self.boot_number = desired.boot_number
        credentials = self.credentials = _new_credentials(desired, context)
        self._token_key = new_key()
        self._container_token = new_token() if wants_container_credentials(desired) else None
        self._begin(LifeEvent.LAUNCH, self._live(credentials, driver, context))

    def adopt(
        self, handed_over: RunningInstance, running: Running, driver: Driver, context: HostContext
    ) -> None:
        """Resume a life that a former agent began."""
        credentials = self.credentials = _new_credentials(handed_over.desired, context)
        credentials.resume(handed_over.metadata)
        self._hand_over_changes(credentials, context.handover)
        self._token_key, self._container_token = handed_over.token_key, handed_over.container_token
        adopted = (handed_over.network, running)
        self._begin(LifeEvent.ADOPT, self._live(credentials, driver, context, adopted=adopted))

    def _begin(self, event: LifeEvent, work: Coroutine[None, None, None]) -> None:
        self._woken = Event()
        self._task = asyncio.create_task(work)
        self._happened(event)

    def stop(self, over: Literal["stopped", "terminated"], reason: Reason) -> None:
        """Begin to end it. Args: over: the state that it has afterwards."""
        self._happened(LifeEvent.STOP if over == "stopped" else LifeEvent.TERMINATE, reason)

    def end_with_agent(self) -> None:
        """Stop it if it runs. An instance that already stops gets no more time than the agent has."""
        self._happened(LifeEvent.AGENT_ENDS, AGENT_ENDED)

    def reboot(self) -> None:
        """Begin to end its main process, and start it again with the desired state of that time."""
        self._happened(LifeEvent.REBOOT)

    def is_running(self) -> bool:
        """Return whether it may still write to its console."""
        return self._life.phase not in ("stopped", "terminated")

    async def ended(self) -> None:
        """Return once no part of it runs."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def forget(self) -> None:
        """Remove its folder."""
        remove_folder(self._directory, ignore_errors=True)

    async def _live(
        self,
        credentials: InstanceCredentials,
        driver: Driver,
        context: HostContext,
        *,
        adopted: tuple[InstanceNetwork, Running] | None = None,
    ) -> None:
        by_itself: Reason = (
            "Server.InternalError",
            "Server.InternalError: The host could not run the instance",
        )
        started = False
        listening = _Listening()
        try:
            if adopted is None:
                make_folder(self._directory, credentials.desired())
            network = await driver.open_network() if adopted is None else adopted[0]
            listening.network = network
            await self._listen(listening, credentials, network, context, is_adopted=adopted is not None)
            running: Running | None
            if adopted is None:
                running = await self._start(credentials, network, driver, context)
            else:
                running = adopted[1]
                _log.info(INSTANCE_ADOPTED, instance_id=self.instance_id)
            started = running is not None
            while running is not None:
                status = await self._wait(running, context)
                by_itself = (
                    "Client.InstanceInitiatedShutdown",
                    f"Client.InstanceInitiatedShutdown: Instance initiated shutdown ({status})",
                )
                running = await self._booted_again(credentials, network, driver, context)
        except (CannotStart, NoNetwork, OSError) as error:
            by_itself = ("Server.InternalError", f"Server.InternalError: {error}"[:_REASON_CHARACTERS])
            _log.error(INSTANCE_START_FAILED, instance_id=self.instance_id, reason=str(error))
        finally:
            credentials.on_change = None
            context.handover.drop(self.instance_id)
            await listening.close()
            self.credentials = None
            self.metadata_endpoint = ""
            self._task = None
            over = after(self._life, LifeEvent.CLOSED, by_itself)
            _log.info(INSTANCE_ENDED, instance_id=self.instance_id, state=over.phase, reason=over.reason[1])
            if not started:
                driver.not_started(self.instance_id, over.reason[1])
            self._happened(LifeEvent.CLOSED, by_itself)

    async def _listen(
        self,
        listening: "_Listening",
        credentials: InstanceCredentials,
        network: InstanceNetwork,
        context: HostContext,
        *,
        is_adopted: bool,
    ) -> None:
        """Serve the listeners of its network. Every process that reaches them belongs to this instance."""
        desired = credentials.desired()
        path = NetworkPath(vpc_id=desired.vpc_id, private_ip_address=desired.private_ip_address)
        listening.relay = relay = EdgeRelay(context.edge_door, path)
        await relay.start(*network.edge)
        listening.allowed = allowed = AllowedRelay()
        await allowed.start(*network.allowed)
        if is_adopted:
            # An adopted session is served at once. Without one, clients wait in the listener's backlog,
            # and get no answer that there is no session.
            await self._until_settled(credentials, context)
        peer_uid = network.peer_uid if context.check_peers else None
        server = MetadataServer(
            credentials,
            clock=context.clock,
            uid=peer_uid,
            token_key=self._token_key,
            container_token=self._container_token,
            requests=context.metrics.metadata_requests,
        )
        listening.server = server
        await server.start(*network.metadata)
        self.metadata_endpoint = server.endpoint

    async def _until_settled(self, credentials: InstanceCredentials, context: HostContext) -> None:
        """Wait for its first session and its identity, up to `first_session_wait`."""
        wanted = [credentials.identity_settled]
        if sessions_wanted(credentials.desired()):
            wanted.append(credentials.settled)
        seconds = context.first_session_wait.total_seconds()
        stop_asked = _Condition(lambda: self._until(lambda: self._life.is_to_stop))
        await all_of(wanted, unless=stop_asked, timeout_seconds=seconds)

    async def _start(
        self,
        credentials: InstanceCredentials,
        network: InstanceNetwork,
        driver: Driver,
        context: HostContext,
    ) -> Running | None:
        """Start the main process once its first session is decided. Returns None if it must already stop."""
        await self._until_settled(credentials, context)
        if self._life.is_to_stop:
            return None
        environment = instance_environment(
            driver.base_environment,
            metadata_endpoint=network.metadata_endpoint,
            edge_endpoint=network.edge_endpoint or context.edge_endpoint,
            region=context.region,
            empty_file=str(self._directory / EMPTY_FILE),
        )
        if self._container_token is not None:
            environment |= container_environment(
                self._directory,
                self._container_token,
                endpoint=network.container_endpoint,
                owner_uid=network.peer_uid,
            )
        desired = credentials.desired()
        running = await driver.start(desired, network, environment, self._directory)
        if running.descriptors is not None:
            handed_over = RunningInstance(
                boot_number=self.boot_number,
                metadata=credentials.metadata_state(),
                network=network,
                token_key=self._token_key,
                container_token=self._container_token,
                process=running.descriptors,
            )
            context.handover.keep(handed_over)
            self._hand_over_changes(credentials, context.handover)
        _log.info(INSTANCE_STARTED, instance_id=self.instance_id, metadata_endpoint=self.metadata_endpoint)
        self._happened(LifeEvent.STARTED)
        return running

    def _hand_over_changes(self, credentials: InstanceCredentials, handover: AgentHandover) -> None:
        """Hand over every later change to the next agent."""
        credentials.on_change = lambda: handover.update(self.instance_id, credentials.metadata_state())

    async def _booted_again(
        self,
        credentials: InstanceCredentials,
        network: InstanceNetwork,
        driver: Driver,
        context: HostContext,
    ) -> Running | None:
        """Start the main process again. Returns None without a request to reboot, or if it must stop."""
        if not self._life.is_to_restart:
            return None
        self.boot_number = credentials.desired().boot_number
        mark_started(self._directory, credentials.desired())
        return await self._start(credentials, network, driver, context)

    async def _wait(self, running: Running, context: HostContext) -> ExitStatus:
        """Serve until the main process has ended, by itself or on request."""
        main = asyncio.create_task(running.wait())
        # The end of the main process wakes this task. A second task would cost 2 KiB an instance.
        main.add_done_callback(lambda _: self._woken.set())
        try:
            await self._until(lambda: main.done() or self._life.is_main_to_end)
        finally:
            if not main.done():
                await self._stop(running, context)
        status = await main
        self._happened(LifeEvent.MAIN_ENDED)
        return status

    async def _stop(self, running: Running, context: HostContext) -> None:
        """Give an operating system time to shut down, unless the instance is terminated or the agent ends."""
        if self.credentials is None or self.credentials.desired().driver != "vm":
            await running.stop(context.stop_grace)
            return
        patient = asyncio.create_task(running.stop(context.machine_stop_grace))
        hurried = asyncio.create_task(self._until(lambda: self._life.is_hurried))
        await asyncio.wait({patient, hurried}, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not patient.done():
            await running.stop(context.stop_grace)
        await patient

    def _happened(self, event: LifeEvent, reason: Reason = NO_REASON) -> None:
        """Process one event: wake the task, and call `on_change` if `observed` changes."""
        before, self._life = self._life, after(self._life, event, reason)
        self._woken.set()
        is_seen = event not in (LifeEvent.REBOOT, LifeEvent.MAIN_ENDED)
        if is_seen and (before.stage, before.reason) != (self._life.stage, self._life.reason):
            self._on_change()

    async def _until(self, holds: Callable[[], bool]) -> None:
        """Return once the condition is true. Only one task waits here at a time."""
        while not holds():
            self._woken.clear()
            await self._woken.wait()


@dataclass(frozen=True, slots=True)
class _Condition:
    """A condition that becomes true later."""

    until: Callable[[], Coroutine[None, None, None]]

    async def wait(self) -> None:
        await self.until()


@dataclass(slots=True)
class _Listening:
    """The open listeners of an instance; None for each that is not open yet."""

    network: InstanceNetwork | None = None
    relay: EdgeRelay | None = None
    allowed: AllowedRelay | None = None
    server: MetadataServer | None = None

    async def close(self) -> None:
        if self.server is not None:
            await self.server.close()
        if self.relay is not None:
            await self.relay.close()
        if self.allowed is not None:
            await self.allowed.close()
        if self.network is not None:
            self.network.close()


def _new_credentials(desired: DesiredInstance, context: HostContext) -> InstanceCredentials:
    return InstanceCredentials(
        desired,
        clock=context.clock,
        rotate_every=context.rotate_every,
        random_source=context.random_source,
    )
