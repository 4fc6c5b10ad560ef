"""Which session of a host's instances is due next, without looking at all of them.

Theory of operation. Each instance has one deadline: that of its session which is due first. A queue holds
instances by the boot-time at which their deadlines come, so that looking at the next one costs nothing.
A deadline that changed is pushed again; its former entry stays in the queue, and is skipped when it comes up.
Deadlines are on the wall clock, too. While nobody sets that clock, it and the boot-time clock advance
together, and the order of the queue is right. When the difference of the two has changed, somebody set
the wall clock, or a virtual machine was paused: then the whole queue is built anew, which is rare.
"""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime

from tabard.agent.instance_credentials import DueSession, InstanceCredentials
from tabard.clock import Clock, ClockReading, Deadline, read_clocks

_STEP_SECONDS = 1.0
"""A smaller change of the wall clock is left to the deadlines' own margins."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Renewals:
    """A queue by due time. It names instances and holds no keeper: what has ended is not kept for it."""

    def __init__(self, keeper_of: Callable[[str], InstanceCredentials | None], clock: Clock) -> None:
        """Args: keeper_of: the present keeper of an instance, None where it has none."""
        self._keeper_of = keeper_of
        self._clock = clock
        self._queue: list[tuple[float, str]] = []
        self._noted: dict[str, tuple[float, Deadline]] = {}
        self._offset_seconds = _offset_seconds(read_clocks(clock))

    def note(self, instance_id: str) -> None:
        """Something of this instance's sessions may have changed: see again when one of them is due."""
        due_at = self._due_at(instance_id)
        noted = self._noted.get(instance_id)
        if due_at is not None and (noted is None or noted[1] != due_at):
            self._push(instance_id, due_at, read_clocks(self._clock))

    def next_at_seconds(self) -> float | None:
        """When the next session is due, on the boot-time clock; None with none to keep."""
        self._follow_the_wall_clock()
        while self._queue:
            at, instance_id = self._queue[0]
            noted = self._noted.get(instance_id)
            # What was noted and is not so any more has been noted again since, or is no more.
            if noted is not None and noted[0] == at:
                if self._due_at(instance_id) == noted[1]:
                    return at
                del self._noted[instance_id]
            heapq.heappop(self._queue)
        return None

    def take_due(self) -> list[tuple[InstanceCredentials, DueSession]]:
        """The sessions to ask for now; each is given out once, until its outcome has been noted."""
        due = []
        now_seconds = self._clock.boottime_seconds()
        while (at := self.next_at_seconds()) is not None and at <= now_seconds:
            _, instance_id = heapq.heappop(self._queue)
            del self._noted[instance_id]
            keeper = self._keeper_of(instance_id)
            if keeper is not None:
                due += [(keeper, errand) for errand in keeper.take_due()]
            self.note(instance_id)
        return due

    def _follow_the_wall_clock(self) -> None:
        """Build the queue anew where somebody has set the wall clock since it was built."""
        now = read_clocks(self._clock)
        offset_seconds = _offset_seconds(now)
        if abs(offset_seconds - self._offset_seconds) < _STEP_SECONDS:
            return
        self._offset_seconds = offset_seconds
        noted, self._noted = self._noted, {}
        self._queue.clear()
        for instance_id, (_, due_at) in noted.items():
            self._push(instance_id, due_at, now)

    def _push(self, instance_id: str, due_at: Deadline, now: ClockReading) -> None:
        at = due_at.boottime_at(now)
        self._noted[instance_id] = (at, due_at)
        heapq.heappush(self._queue, (at, instance_id))

    def _due_at(self, instance_id: str) -> Deadline | None:
        keeper = self._keeper_of(instance_id)
        return None if keeper is None else keeper.next_attempt_at()


def _offset_seconds(now: ClockReading) -> float:
    """By how much the wall clock is ahead of the boot-time clock."""
    return (now.wall - _EPOCH).total_seconds() - now.boottime_seconds
