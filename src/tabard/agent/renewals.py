"""Which session of a host's instances is due next, without looking at all of them."""

import heapq
from collections.abc import Callable

from tabard.agent.keeper import Errand, SessionKeeper


class Renewals:
    """A queue by due time. It names instances and holds no keeper: what has ended is not kept for it."""

    def __init__(self, keeper_of: Callable[[str], SessionKeeper | None]) -> None:
        """Args: keeper_of: the present keeper of an instance, None where it has none."""
        self._keeper_of = keeper_of
        self._queue: list[tuple[float, str]] = []
        self._noted: dict[str, float] = {}

    def note(self, instance_id: str) -> None:
        """Something of this instance's sessions may have changed: see again when one of them is due."""
        at = self._due_at_seconds(instance_id)
        if at is not None and self._noted.get(instance_id) != at:
            self._noted[instance_id] = at
            heapq.heappush(self._queue, (at, instance_id))

    def next_at_seconds(self) -> float | None:
        """When the next session is due, on the monotonic clock; None with none to keep."""
        while self._queue:
            at, instance_id = self._queue[0]
            # What was noted and is not so any more has been noted again since, or is no more.
            if self._noted.get(instance_id) == at:
                if self._due_at_seconds(instance_id) == at:
                    return at
                del self._noted[instance_id]
            heapq.heappop(self._queue)
        return None

    def take_due(self, *, now_seconds: float) -> list[tuple[SessionKeeper, Errand]]:
        """The sessions to ask for now; each is given out once, until its outcome has been noted."""
        due = []
        while (at := self.next_at_seconds()) is not None and at <= now_seconds:
            _, instance_id = heapq.heappop(self._queue)
            del self._noted[instance_id]
            keeper = self._keeper_of(instance_id)
            if keeper is not None:
                due += [(keeper, errand) for errand in keeper.take_due()]
            self.note(instance_id)
        return due

    def _due_at_seconds(self, instance_id: str) -> float | None:
        keeper = self._keeper_of(instance_id)
        return None if keeper is None else keeper.next_attempt_at_seconds()
