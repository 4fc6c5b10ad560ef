"""The agent of one host: it makes the desired state true, and renews the sessions of the instances."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import assert_never

import structlog

from tabard.agent.agent_handover import AgentHandover, NoHandover, RunningInstance
from tabard.agent.agent_metrics import AgentMetrics
from tabard.agent.consoles import EVERY_SECONDS, Consoles
from tabard.agent.drivers.driver import Driver
from tabard.agent.drivers.former_instances import end_former
from tabard.agent.edge_client import Edge, EdgeError
from tabard.agent.edge_relay import EdgeDoor, PlainDoor
from tabard.agent.identity import fetch_identity
from tabard.agent.instance_credentials import InstanceCredentials
from tabard.agent.instance_folders import former_instances
from tabard.agent.instance_life import AGENT_ENDED, BY_REQUEST, Phase
from tabard.agent.instances import HostContext, HostedInstance
from tabard.agent.minting import Minting
from tabard.agent.reconcile import (
    Action,
    DropSession,
    FetchSession,
    ForgetInstance,
    RebootInstance,
    Report,
    StartInstance,
    StopInstance,
    TerminateInstance,
    UpdateDesired,
    changed,
    reconcile,
)
from tabard.agent.renewals import Renewals
from tabard.agent.reports import Reports
from tabard.agent.retry_loop import RetryLoop
from tabard.agent.settings import AgentSettings
from tabard.agent.waiting import until
from tabard.clock import Clock
from tabard.imds.peer import peer_check_works
from tabard.model.messages import DesiredInstance, InstanceReport
from tabard.names import INSTANCE_ID

AGENT_STARTED = "agent_started"
AGENT_STOPPED = "agent_stopped"
AGENT_TASK_FAILED = "agent_task_failed"

_LONGEST_NAP_SECONDS = 2.0
_SHORTEST_POLL_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class Agent:
    """One host's agent. `run` does everything. Its steps are public, so that a test can run them one by one.

    Differs: an instance of the driver `process` ends with its agent, even a killed one.
    """

    def __init__(
        self,
        host_id: str,
        edge: Edge,
        drivers: Mapping[str, Driver],
        settings: AgentSettings,
        *,
        clock: Clock,
        runtime_directory: Path,
        edge_endpoint: str,
        region: str,
        edge_door: EdgeDoor | None = None,
        handover: AgentHandover | None = None,
        metrics: AgentMetrics | None = None,
    ) -> None:
        """Args: drivers: by the name that a desired instance asks for.
        runtime_directory: an existing folder.
        edge_door: where the relay sends requests from instances' networks; None: to the edge's endpoint.
        handover: stores the instances that outlive this agent, for the next agent."""
        self._host_id = host_id
        self._edge = edge
        self._drivers = dict(drivers)
        self._settings = settings
        self._clock = clock
        self._folder = runtime_directory / "instances"
        self._random = random.Random(settings.seed)  # noqa: S311 - jitter, no secret
        self.checks_peers = peer_check_works() if settings.check_peers is None else settings.check_peers
        metrics = metrics or AgentMetrics()
        self._context = HostContext(
            edge_endpoint=edge_endpoint,
            edge_door=edge_door or PlainDoor.of(edge_endpoint),
            region=region,
            clock=clock,
            check_peers=self.checks_peers,
            rotate_every=settings.rotate_every,
            stop_grace=settings.stop_grace,
            machine_stop_grace=settings.machine_stop_grace,
            first_session_wait=settings.first_session_wait,
            handover=handover or NoHandover(),
            metrics=metrics,
            random_source=self._random,
        )
        self._desired: dict[str, DesiredInstance] | None = None
        self._version = -1
        self._instances: dict[str, HostedInstance] = {}
        self._reports = Reports(edge, on_acknowledged=self._note_acknowledged)
        self._consoles = Consoles(self._folder, edge, clock)
        self._steps = RetryLoop(
            host_id=host_id,
            ends_when_revoked=settings.ends_when_revoked,
            on_failure=self._reports.changed.set,
            random_source=self._random,
            first_retry_seconds=settings.first_retry.total_seconds(),
        )
        self._closing = False
        self._reconciling = False
        self._unsettled: OrderedDict[str, None] = OrderedDict()
        self._renewals = Renewals(self._credentials_if_any, clock)
        self._sessions_changed = asyncio.Event()
        self._minting = Minting(edge, clock=clock, on_outcome=self._note_outcome, metrics=metrics)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def instances(self) -> Mapping[str, HostedInstance]:
        """The instances that this host knows, by id."""
        return self._instances

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Then end every instance and listener, and report that to the edge.

        Raises:
            HostRevoked: the host was removed, and the settings say that the agent then ends.
        """
        self.recover()
        _log.info(AGENT_STARTED, host_id=self._host_id, peer_check="uid" if self.checks_peers else "none")
        loops = {
            asyncio.create_task(self._poll_forever()),
            asyncio.create_task(self._renew_forever()),
            asyncio.create_task(self._report_forever()),
            asyncio.create_task(self._send_consoles_forever()),
        }
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait({stopping, *loops}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*loops, stopping):
                task.cancel()
            await asyncio.wait({*loops, stopping})
            await self.close()
        for task in done - {stopping}:
            task.result()  # Only a programming error ends a loop. Raise it.

    # The steps

    def recover(self) -> None:
        """Adopt the running instances that an earlier agent handed over. End all others, as stopped."""
        self._folder.mkdir(exist_ok=True)
        self._folder.chmod(0o711)  # An instance's user can pass through this folder, but cannot list it.
        former = former_instances(self._folder)
        adopted = {
            instance_id
            for handed_over in self._context.handover.all()
            if (instance_id := self._adopt(handed_over))
        }
        left = [(instance_id, boot) for instance_id, boot in former if instance_id not in adopted]
        end_former(self._folder, [instance_id for instance_id, _ in left])
        for instance_id, boot_number in left:
            self._hosted(instance_id, boot_number, phase="stopped", reason=AGENT_ENDED)

    def _adopt(self, handed_over: RunningInstance) -> str:
        instance_id = handed_over.desired.instance_id
        driver = self._drivers.get(handed_over.desired.driver)
        running = None if driver is None else driver.adopt(handed_over, self._folder / instance_id)
        if driver is None or running is None:
            handed_over.close()
            self._context.handover.drop(instance_id)
            return ""
        instance = self._hosted(instance_id, handed_over.boot_number)
        instance.adopt(handed_over, running, driver, self._context)
        self._spawn(fetch_identity(instance, self._edge, random_source=self._random))
        return instance_id

    async def poll(self, wait_seconds: int) -> None:
        """Fetch the desired state once, and begin the changes that it needs. Raises EdgeError."""
        result = await self._edge.describe_host_instances(
            known_version=self._version, wait_seconds=0 if self._desired is None else wait_seconds
        )
        desired = {wanted.instance_id: wanted for wanted in result.instances}
        # After a poll without changes the agent reconciles every instance, in case it missed a change.
        former = {} if self._desired is None or result.version == self._version else self._desired
        self._unsettled.update(dict.fromkeys(changed(former, desired, self._instances)))
        self._version, self._desired = result.version, desired
        self._reconcile()

    async def renew(self) -> None:
        """Request every session that is due now. Return once the edge has answered every request."""
        await self._minting.run(self._renewals.take_due())

    async def report(self) -> None:
        """Report all changes to the edge, or only that the host is alive. Raises EdgeError.

        Console output goes first: a client that waits for the end of an instance then finds its last lines.
        """
        with suppress(EdgeError):  # The console loop retries.
            await self._send_consoles()
        await self._reports.send(known=self._desired or {})
        self._reconcile()

    def _note_acknowledged(self, report: InstanceReport) -> None:
        instance = self._instances.get(report.instance_id)
        if instance is not None:
            instance.reported = report
            self._unsettled[report.instance_id] = None

    async def close(self) -> None:
        """End every instance. Its listeners serve it until it has ended."""
        self._closing = True
        for instance in self._instances.values():
            instance.end_with_agent()
        await asyncio.gather(*(instance.ended() for instance in self._instances.values()))
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if not self._settings.leaves_running:
            observed = (instance.observed() for instance in self._instances.values())
            await self._reports.send_last(observed, known=self._desired or {})
        _log.info(AGENT_STOPPED, host_id=self._host_id)

    def next_renewal_in_seconds(self) -> float | None:
        """Return the seconds until a session is due (0 or more); None without sessions."""
        at = self._renewals.next_at_seconds()
        return None if at is None else max(0.0, at - self._clock.boottime_seconds())

    async def _send_consoles(self) -> None:
        await self._consoles.send({each.instance_id: each.is_running for each in self._instances.values()})

    def _changed(self, instance_id: str) -> None:
        """Reconcile and reschedule one instance after a change."""
        self._unsettled[instance_id] = None
        self._renewals.note(instance_id)
        self._reconcile()

    def _reconcile(self) -> None:
        """Take the actions that lead to the desired state, until none is left."""
        if self._desired is None or self._closing or self._reconciling:
            return
        self._reconciling = True
        try:
            while self._unsettled:
                instance_id, _ = self._unsettled.popitem(last=False)
                instance = self._instances.get(instance_id)
                present = None if instance is None else instance.observed()
                for action in reconcile(self._desired.get(instance_id), present):
                    self._take(action)
                self._renewals.note(instance_id)
        finally:
            self._reconciling = False

    def _take(self, action: Action) -> None:
        match action:
            case StartInstance(desired):
                self._start(desired)
            case RebootInstance(instance_id):
                self._instances[instance_id].reboot()
            case StopInstance(instance_id):
                self._instances[instance_id].stop("stopped", BY_REQUEST)
            case TerminateInstance(instance_id):
                self._instances[instance_id].stop("terminated", BY_REQUEST)
            case UpdateDesired(desired):
                self._credentials(desired.instance_id).update_desired(desired)
                self._unsettled[desired.instance_id] = None
                self._sessions_changed.set()
            case DropSession(instance_id, role_delivery):
                self._credentials(instance_id).drop_session(role_delivery)
                self._unsettled[instance_id] = None
            case FetchSession(instance_id, role_delivery, role):
                self._credentials(instance_id).keep_session(role_delivery, role)
                self._unsettled[instance_id] = None
                self._sessions_changed.set()
            case Report(report):
                self._note(report)
            case ForgetInstance(instance_id):
                self._instances.pop(instance_id).forget()
                self._reports.forget(instance_id)
            case _:
                assert_never(action)

    def _credentials(self, instance_id: str) -> InstanceCredentials:
        credentials = self._instances[instance_id].credentials
        if credentials is None:
            raise RuntimeError(
                f"{instance_id} has no metadata to change"
            )  # reconcile saw that it has metadata
        return credentials

    def _credentials_if_any(self, instance_id: str) -> InstanceCredentials | None:
        return self._instances[instance_id].credentials if instance_id in self._instances else None

    def _start(self, desired: DesiredInstance) -> None:
        if not INSTANCE_ID.fullmatch(desired.instance_id):
            raise RuntimeError(
                f"{desired.instance_id!r} is not an instance id"
            )  # the id becomes a folder's name
        instance = self._instances.get(desired.instance_id)
        if instance is None:
            instance = self._hosted(desired.instance_id, desired.boot_number)
        driver = self._drivers.get(desired.driver)
        if driver is None:
            instance.stop(
                "stopped", ("Server.InternalError", f"this host has no driver named {desired.driver!r}")
            )
        else:
            instance.launch(desired, driver, self._context)
            self._spawn(fetch_identity(instance, self._edge, random_source=self._random))

    def _hosted(
        self,
        instance_id: str,
        boot_number: int,
        *,
        phase: Phase = "pending",
        reason: tuple[str, str] = ("", ""),
    ) -> HostedInstance:
        instance = HostedInstance(
            instance_id,
            boot_number=boot_number,
            directory=self._folder / instance_id,
            on_change=partial(self._changed, instance_id),
            phase=phase,
            reason=reason,
        )
        self._instances[instance_id] = instance
        return instance

    def _note(self, report: InstanceReport) -> None:
        if report.instance_id not in self._instances:
            self._hosted(report.instance_id, report.boot_number, phase=report.run_state)
        self._reports.put(report)

    def _note_outcome(self, instance_id: str) -> None:
        self._sessions_changed.set()
        self._changed(instance_id)

    # The loops

    async def _poll_forever(self) -> None:
        async def poll() -> None:
            before, began = self._version, self._clock.monotonic_seconds()
            await self.poll(self._settings.wait_seconds)
            if self._version == before and self._clock.monotonic_seconds() - began < _SHORTEST_POLL_SECONDS:
                # An edge that answers without waiting must not cause a busy loop.
                await asyncio.sleep(_SHORTEST_POLL_SECONDS)

        await self._steps.repeat("DescribeHostInstances", poll)

    async def _report_forever(self) -> None:
        async def report() -> None:
            await until(self._reports.changed, self._settings.heartbeat.total_seconds())
            self._reports.changed.clear()
            await self.report()

        await self._steps.repeat("ReportInstances", report)

    async def _send_consoles_forever(self) -> None:
        async def send() -> None:
            await asyncio.sleep(EVERY_SECONDS)
            await self._send_consoles()

        await self._steps.repeat("PutConsoleOutput", send)

    async def _renew_forever(self) -> None:
        while True:
            self._sessions_changed.clear()
            due_sessions = self._renewals.take_due()
            if due_sessions:
                self._spawn(self._minting.run(due_sessions))
            due_in_seconds = self.next_renewal_in_seconds()
            # The nap is bounded: timers stop while the machine sleeps, and somebody may set the clock.
            await until(
                self._sessions_changed,
                _LONGEST_NAP_SECONDS if due_in_seconds is None else min(due_in_seconds, _LONGEST_NAP_SECONDS),
            )

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error(AGENT_TASK_FAILED, exc_info=error)
