"""Announcements to an instance: interruption, maintenance, its state in an Auto Scaling group."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

SpotAction = Literal["terminate", "stop", "hibernate"]
LifecycleState = Literal[
    "Detached",
    "InService",
    "Standby",
    "Terminated",
    "Warmed:Hibernated",
    "Warmed:Running",
    "Warmed:Stopped",
    "Warmed:Terminated",
]
ScheduledEventCode = Literal[
    "instance-reboot", "system-reboot", "system-maintenance", "instance-retirement", "instance-stop"
]
ScheduledEventState = Literal["active", "completed", "canceled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledEvent:
    """Announced maintenance, pending or past; `event_id` is `instance-event-…`.

    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instances-status-check_sched.html
    """

    event_id: str
    code: ScheduledEventCode
    description: str
    not_before: datetime
    not_after: datetime | None = None
    state: ScheduledEventState = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceEvents:
    """All announcements of the metadata service to one instance; by default none."""

    spot_action: SpotAction = "terminate"
    spot_action_at: datetime | None = None
    rebalance_noticed_at: datetime | None = None
    target_lifecycle_state: LifecycleState | None = None
    scheduled: tuple[ScheduledEvent, ...] = ()


NO_EVENTS = InstanceEvents()
