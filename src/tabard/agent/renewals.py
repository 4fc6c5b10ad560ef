"""Schedule of renewals: finds the next due session of a host's instances without a scan of all.

Theory of operation. An instance has one or two sessions. Each has a deadline, the time of its next request;
the instance's own deadline is the earlier one. The schedule consists of two structures. `_queue` is a heap of
(boot time, instance id). `_noted` holds, for each scheduled instance, its only valid entry: the boot time in
the heap, and the deadline from which it was computed.

*Lazy deletion.* A heap cannot remove an entry from its middle. So `note` pushes a second entry when a
deadline changes, and overwrites `_noted`. The old entry stays in the heap. `next_at_seconds` compares the
first entry with `_noted`, and discards it if they differ. Each push causes at most one discard, so that a
change costs O(log n).

*Two clocks.* A session must never be served after its expiry by either the boot-time clock or the wall clock;
a timer may come from one clock only. A deadline therefore has a time on each clock and comes with the earlier
one. `Deadline.boottime_at` converts it to boot time, with the present offset between the clocks. While the
offset is constant, all converted times stay correct, and so does their order. If the offset has changed by a
second or more, somebody set the wall clock, or the machine was paused. All entries are then converted again:
O(n log n), but rare.

*Invariants.*
- Every instance with a session that waits for its next request has an entry in `_noted`, and that entry is in
  the heap. It holds because the agent calls `note` after every change of an instance's sessions.
- An entry is returned only if the instance still has the deadline from which it was computed. A missed `note`
  can delay a renewal, but can never cause a request that is not due.
- `take_due` takes an instance out of both structures before it takes its sessions. A session in flight has
  no deadline, so nobody requests it twice. The outcome calls `note`, which schedules the instance again.

The agent still wakes every two seconds: a timer stands still while the machine sleeps, and no event announces
that somebody set the clock. With this schedule such a wake reads the clocks and one heap entry.
"""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime

from tabard.agent.instance_credentials import DueSession, InstanceCredentials
from tabard.clock import Clock, ClockReading, Deadline, read_clocks

_STEP_SECONDS = 1.0
"""The margins of the deadlines absorb a smaller change of the wall clock."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Renewals:
    """A queue of instances by due time. It holds only ids, so that ended instances can be freed."""

    def __init__(self, credentials_of: Callable[[str], InstanceCredentials | None], clock: Clock) -> None:
        """Args: credentials_of: finds the present credentials of an instance; None if it has none."""
        self._credentials_of = credentials_of
        self._clock = clock
        self._queue: list[tuple[float, str]] = []
        self._noted: dict[str, tuple[float, Deadline]] = {}
        self._offset_seconds = _offset_seconds(read_clocks(clock))

    def note(self, instance_id: str) -> None:
        """Schedule this instance again, after a possible change of its sessions."""
        due_at = self._due_at(instance_id)
        noted = self._noted.get(instance_id)
        if due_at is not None and (noted is None or noted[1] != due_at):
            self._push(instance_id, due_at, read_clocks(self._clock))

    def next_at_seconds(self) -> float | None:
        """Return when the next session is due, on the boot-time clock; None without sessions."""
        self._follow_the_wall_clock()
        while self._queue:
            at, instance_id = self._queue[0]
            noted = self._noted.get(instance_id)
            # The entry is outdated: a later `note` replaced it, or the instance has ended.
            if noted is not None and noted[0] == at:
                if self._due_at(instance_id) == noted[1]:
                    return at
                del self._noted[instance_id]
            heapq.heappop(self._queue)
        return None

    def take_due(self) -> list[tuple[InstanceCredentials, DueSession]]:
        """Take the sessions to request now. Each is taken once, until `note` reports its outcome."""
        due = []
        now_seconds = self._clock.boottime_seconds()
        while (at := self.next_at_seconds()) is not None and at <= now_seconds:
            _, instance_id = heapq.heappop(self._queue)
            del self._noted[instance_id]
            credentials = self._credentials_of(instance_id)
            if credentials is not None:
                due += [(credentials, session) for session in credentials.take_due()]
            self.note(instance_id)
        return due

    def _follow_the_wall_clock(self) -> None:
        """Rebuild the queue if somebody has set the wall clock since it was built."""
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
        credentials = self._credentials_of(instance_id)
        return None if credentials is None else credentials.next_attempt_at()


def _offset_seconds(now: ClockReading) -> float:
    """Return how far the wall clock is ahead of the boot-time clock."""
    return (now.wall - _EPOCH).total_seconds() - now.boottime_seconds
