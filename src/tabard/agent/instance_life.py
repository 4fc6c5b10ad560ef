"""The life of one instance on this host, as a table of stages and events. Pure.

Theory of operation. An instance is always in one `Stage`. Something happens to it, an `Event`, and the table
`NEXT` says which stage comes next. Nothing else decides that: the code that opens listeners and starts main
processes (`instances.py`) reports what happened, and asks the `Life` what to do.

Events have two origins. Others ask for something (launch, stop, terminate, reboot, the end of the agent) at
any time: without a row in the table, such an event changes nothing. The life itself reports its own progress
(the main process started or ended, everything is closed). These reports come in an order: a report without a
row is a programming error and raises.

                    launch            started           main ended         closed
    NOT_BEGUN ────────────> STARTING ────────> RUNNING ───────────> ENDING ──────> STOPPED
     STOPPED                   │ reboot           │ reboot    ^                       ^
                               v                  v           │ started               │
                       STARTING_TO_REBOOT ──> REBOOTING ──> RESTARTING                │
                                     started          main ended                      │
    any of these ── stop ──────> STOPPING ── closed ──────────────────────────────────┘
    any of these ── terminate ─> SHUTTING_DOWN ── closed ──> TERMINATED

Each stage shows one of EC2's states. A reboot shows `running` all along, as on EC2.
AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from types import MappingProxyType
from typing import Literal, TypeAlias

Phase = Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
Reason: TypeAlias = tuple[str, str]
"""EC2's state reason: code and message."""

NO_REASON: Reason = ("", "")
BY_REQUEST: Reason = (
    "Client.UserInitiatedShutdown",
    "Client.UserInitiatedShutdown: User initiated shutdown",
)
AGENT_ENDED: Reason = (
    "Server.InternalError",
    "Server.InternalError: The instance ended with its host's agent",
)


class Stage(Enum):
    """A stage in the life of an instance."""

    NOT_BEGUN = auto()
    STARTING = auto()
    STARTING_TO_REBOOT = auto()
    RUNNING = auto()
    REBOOTING = auto()
    RESTARTING = auto()
    RESTARTING_TO_REBOOT = auto()
    ENDING = auto()
    STOPPING = auto()
    SHUTTING_DOWN = auto()
    STOPPED = auto()
    TERMINATED = auto()


class LifeEvent(Enum):
    """An event in the life of an instance."""

    LAUNCH = auto()
    ADOPT = auto()
    STOP = auto()
    TERMINATE = auto()
    REBOOT = auto()
    AGENT_ENDS = auto()
    STARTED = auto()
    MAIN_ENDED = auto()
    CLOSED = auto()


PHASES: Mapping[Stage, Phase] = MappingProxyType(
    {
        Stage.NOT_BEGUN: "pending",
        Stage.STARTING: "pending",
        Stage.STARTING_TO_REBOOT: "pending",
        Stage.RUNNING: "running",
        Stage.REBOOTING: "running",
        Stage.RESTARTING: "running",
        Stage.RESTARTING_TO_REBOOT: "running",
        Stage.ENDING: "running",
        Stage.STOPPING: "stopping",
        Stage.SHUTTING_DOWN: "shutting-down",
        Stage.STOPPED: "stopped",
        Stage.TERMINATED: "terminated",
    }
)
"""The state that EC2 shows for each stage."""

_BEGIN = {LifeEvent.LAUNCH: Stage.STARTING, LifeEvent.ADOPT: Stage.RUNNING}
_END = {
    LifeEvent.STOP: Stage.STOPPING,
    LifeEvent.TERMINATE: Stage.SHUTTING_DOWN,
    LifeEvent.AGENT_ENDS: Stage.STOPPING,
    LifeEvent.CLOSED: Stage.STOPPED,
}

NEXT: Mapping[Stage, Mapping[LifeEvent, Stage]] = MappingProxyType(
    {
        Stage.NOT_BEGUN: {
            **_BEGIN,
            LifeEvent.STOP: Stage.STOPPED,
            LifeEvent.TERMINATE: Stage.TERMINATED,
            LifeEvent.AGENT_ENDS: Stage.STOPPED,
        },
        Stage.STARTING: {
            **_END,
            LifeEvent.REBOOT: Stage.STARTING_TO_REBOOT,
            LifeEvent.STARTED: Stage.RUNNING,
        },
        Stage.STARTING_TO_REBOOT: {**_END, LifeEvent.STARTED: Stage.REBOOTING},
        Stage.RUNNING: {**_END, LifeEvent.REBOOT: Stage.REBOOTING, LifeEvent.MAIN_ENDED: Stage.ENDING},
        Stage.REBOOTING: {**_END, LifeEvent.MAIN_ENDED: Stage.RESTARTING},
        Stage.RESTARTING: {
            **_END,
            LifeEvent.REBOOT: Stage.RESTARTING_TO_REBOOT,
            LifeEvent.STARTED: Stage.RUNNING,
        },
        Stage.RESTARTING_TO_REBOOT: {**_END, LifeEvent.STARTED: Stage.REBOOTING},
        Stage.ENDING: _END,
        Stage.STOPPING: {
            LifeEvent.TERMINATE: Stage.SHUTTING_DOWN,
            LifeEvent.STARTED: Stage.STOPPING,
            LifeEvent.MAIN_ENDED: Stage.STOPPING,
            LifeEvent.CLOSED: Stage.STOPPED,
        },
        Stage.SHUTTING_DOWN: {
            LifeEvent.STARTED: Stage.SHUTTING_DOWN,
            LifeEvent.MAIN_ENDED: Stage.SHUTTING_DOWN,
            LifeEvent.CLOSED: Stage.TERMINATED,
        },
        Stage.STOPPED: {
            **_BEGIN,
            LifeEvent.STOP: Stage.STOPPED,
            LifeEvent.TERMINATE: Stage.TERMINATED,
        },
        Stage.TERMINATED: {},
    }
)
"""The stage that follows each event."""

_OWN_REPORTS = frozenset({LifeEvent.STARTED, LifeEvent.MAIN_ENDED, LifeEvent.CLOSED})
_ENDS_SOON = frozenset({LifeEvent.TERMINATE, LifeEvent.AGENT_ENDS})


class ImpossibleEvent(Exception):
    """The life reported an event that cannot happen in its stage: a programming error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The stage of an instance, and the reasons for it.

    reason: why it is in its stage, as EC2 shows it. final_reason: the reason to show once it has ended.
    is_hurried: whether a virtual machine gets only as much time to shut down as other instances.
    """

    stage: Stage = Stage.NOT_BEGUN
    reason: Reason = NO_REASON
    final_reason: Reason = NO_REASON
    is_hurried: bool = False

    @property
    def phase(self) -> Phase:
        """The state that EC2 shows."""
        return PHASES[self.stage]

    @property
    def is_under_way(self) -> bool:
        """Whether any part of it is open or runs, or will."""
        return self.stage not in (Stage.NOT_BEGUN, Stage.STOPPED, Stage.TERMINATED)

    @property
    def is_to_stop(self) -> bool:
        """Whether somebody asked it to end, so that no further main process starts."""
        return self.stage in (Stage.STOPPING, Stage.SHUTTING_DOWN)

    @property
    def is_main_to_end(self) -> bool:
        """Whether its main process must end, permanently or for a reboot."""
        return self.is_to_stop or self.stage is Stage.REBOOTING

    @property
    def is_to_restart(self) -> bool:
        """Whether the main process must start again."""
        return self.stage in (Stage.RESTARTING, Stage.RESTARTING_TO_REBOOT)


_AT_REST: Mapping[Phase, Stage] = MappingProxyType(
    {"pending": Stage.NOT_BEGUN, "stopped": Stage.STOPPED, "terminated": Stage.TERMINATED}
)


def at_rest(phase: Phase, reason: Reason = NO_REASON) -> Life:
    """Return the life of an instance that does not run. Raises KeyError for any other `phase`."""
    return Life(stage=_AT_REST[phase], reason=reason)


def after(life: Life, event: LifeEvent, reason: Reason = NO_REASON) -> Life:
    """Return the life after an event.

    Args:
        reason: why it stops, or why it ended without a request.
    Raises:
        ImpossibleEvent: the life reported an event that cannot happen in its stage.
    """
    is_hurried = life.is_hurried or event in _ENDS_SOON
    stage = NEXT[life.stage].get(event)
    if stage is None:
        if event in _OWN_REPORTS:
            raise ImpossibleEvent(f"{event.name} in the stage {life.stage.name}")
        return replace(life, is_hurried=is_hurried)
    match event:
        case LifeEvent.LAUNCH | LifeEvent.ADOPT:
            return Life(stage=stage)
        case LifeEvent.STOP | LifeEvent.TERMINATE | LifeEvent.AGENT_ENDS:
            if life.is_under_way:
                return replace(
                    life, stage=stage, reason=NO_REASON, final_reason=reason, is_hurried=is_hurried
                )
            return Life(stage=stage, reason=reason)
        case LifeEvent.CLOSED:
            return Life(stage=stage, reason=life.final_reason if life.is_to_stop else reason)
        case _:
            return replace(life, stage=stage)
