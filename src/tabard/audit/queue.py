"""The bounded queue between the hot path and the audit trail.

Events of requests that change nothing here wait in memory and are flushed within a second: that second is
the loss window should the process be killed. What does not fit is counted, never waited for.
Administrative events do not come this way: they commit with their transaction.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

import msgspec
import structlog

from tabard.model.audit_event import AuditEvent
from tabard.store.ports import StoreUnavailable

FLUSH_EVERY_SECONDS = 0.5
MOST_EXPLANATIONS = 100
"""So many events wait for their explanation at most; those denied beyond that, in a flood, go without."""
AUDIT_NOT_WRITTEN = "audit_events_not_written"
AUDIT_EVENT_LOST = "audit_event_lost"
AUDIT_WRITTEN_AGAIN = "audit_events_written_again"
AUDIT_NOT_EXPLAINED = "audit_event_not_explained"

_log = structlog.get_logger()


class AuditSink(Protocol):
    """Writes a batch of events durably; blocks."""

    def __call__(self, events: Sequence[AuditEvent]) -> None:
        """Append the events, all or none. Raises StoreUnavailable."""


Explain = Callable[[], str]
"""Writes the explanation of one event; asked in the queue's own thread, never by who records."""


class _Waiting(NamedTuple):
    event: AuditEvent
    explain: Explain | None


class AuditQueue:
    """Collects events and hands them to the sink in batches, in their order, from a thread.

    INVARIANT: an event leaves the queue only once it is written; one that was written never comes again.
    """

    def __init__(
        self,
        sink: AuditSink,
        *,
        capacity: int = 100_000,
        batch: int = 5_000,
        flush_every_seconds: float = FLUSH_EVERY_SECONDS,
    ) -> None:
        """Make an empty queue.

        `capacity`: how many events wait at most; `batch`: how many are written at once.
        `failing_because` says why the last batch could not be written, and nothing once one was.
        """
        self._sink = sink
        self._capacity = capacity
        self._batch = batch
        self._flush_every_seconds = flush_every_seconds
        self._waiting: deque[_Waiting] = deque()
        self._unexplained = 0
        self._flushing = asyncio.Lock()
        self.failing_because = ""
        self.overflow_count = 0

    def record(self, event: AuditEvent, explain: Explain | None = None) -> None:
        """Take one event; never blocks. Beyond the capacity it is counted and dropped.

        `explain` is asked for the event's explanation when it is written: deciding does not pay for it.
        """
        if len(self._waiting) >= self._capacity:
            self.overflow_count += 1
            return
        if explain is not None:
            if self._unexplained < MOST_EXPLANATIONS:
                self._unexplained += 1
            else:
                explain = None
        self._waiting.append(_Waiting(event, explain))

    def __len__(self) -> int:
        return len(self._waiting)

    async def run(self) -> None:
        """Flush twice a second until cancelled; then once more."""
        try:
            while True:
                await asyncio.sleep(self._flush_every_seconds)
                # A batch on its way is not given up: its thread would write it all the same.
                await asyncio.shield(self.flush())
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Write what waits now. While that fails the events stay, within the capacity."""
        async with self._flushing:
            # What comes meanwhile is for the next flush: a busy edge would commit a few events at a time.
            due = len(self._waiting)
            while due > 0:
                events = await self._explained(min(due, self._batch))
                due -= len(events)
                try:
                    await asyncio.to_thread(self._sink, events)
                except StoreUnavailable as failure:
                    self._tell_of(failure)
                    return
                except Exception as failure:  # noqa: BLE001 - whatever befalls the store, requests go on
                    self._tell_of(failure)
                    if not await self._without_the_unwritable(events):
                        return
                else:
                    for _ in events:
                        self._waiting.popleft()
                self._tell_of(None)

    async def _explained(self, count: int) -> list[AuditEvent]:
        """The first events that wait, each with its explanation; none is explained twice."""
        first = list(islice(self._waiting, count))
        if any(waiting.explain is not None for waiting in first):
            explained = await asyncio.to_thread(lambda: [_explained(waiting) for waiting in first])
            for place, event in enumerate(explained):
                self._waiting[place] = _Waiting(event, None)
            self._unexplained -= sum(waiting.explain is not None for waiting in first)
            return explained
        return [waiting.event for waiting in first]

    async def _without_the_unwritable(self, events: Sequence[AuditEvent]) -> bool:
        """Write a failing batch event by event, so that one which cannot be written stops no other.

        Such an event is counted and dropped once another could be written; while none can, all of them wait.
        """
        unwritable, written = [], 0
        for event in events:
            try:
                await asyncio.to_thread(self._sink, [event])
                written += 1
            except StoreUnavailable:
                break
            except Exception:  # noqa: BLE001 - this event, or the store: the others will tell
                unwritable.append(event)
            self._waiting.popleft()
        if not written:
            self._waiting.extendleft(_Waiting(event, None) for event in reversed(unwritable))
            return False
        self.overflow_count += len(unwritable)
        for event in unwritable:
            _log.error(AUDIT_EVENT_LOST, request_id=event.request_id)
        return True

    def _tell_of(self, failure: Exception | None) -> None:
        """Log the beginning and the end of an outage, not every attempt in it."""
        if failure is not None and not self.failing_because:
            _log.warning(
                AUDIT_NOT_WRITTEN,
                waiting=len(self._waiting),
                reason=str(failure),
                exc_info=None if isinstance(failure, StoreUnavailable) else failure,
            )
        elif failure is None and self.failing_because:
            _log.info(AUDIT_WRITTEN_AGAIN, overflow_count=self.overflow_count)
        self.failing_because = "" if failure is None else str(failure) or type(failure).__name__


def _explained(waiting: _Waiting) -> AuditEvent:
    if waiting.explain is None:
        return waiting.event
    try:
        return msgspec.structs.replace(waiting.event, explanation=waiting.explain())
    except Exception as failure:  # noqa: BLE001 - an event without explanation is better than none
        _log.error(AUDIT_NOT_EXPLAINED, request_id=waiting.event.request_id, exc_info=failure)
        return waiting.event
