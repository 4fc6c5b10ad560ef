"""The bounded queue between the hot path and the audit trail.

Events of requests that change nothing in the store wait in memory for a flush, at most one second later. A
killed process loses the events of that second. If the queue is full, it counts and drops new events;
requests never wait for it. Administrative events do not use this queue. They commit with their transaction.
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
"""Limit of events that wait for an explanation. In a flood of denials, further events get no explanation."""
AUDIT_NOT_WRITTEN = "audit_events_not_written"
AUDIT_EVENT_LOST = "audit_event_lost"
AUDIT_WRITTEN_AGAIN = "audit_events_written_again"
AUDIT_NOT_EXPLAINED = "audit_event_not_explained"

_log = structlog.get_logger()


class AuditSink(Protocol):
    """Writes a batch of events durably; blocks."""

    def __call__(self, events: Sequence[AuditEvent]) -> None:
        """Append the events, all or none. Raises StoreUnavailable."""


MakeEvent = Callable[[], AuditEvent]
Explain = Callable[[], str]
"""These make an event and its explanation. They run in the queue's own thread, never in the request's."""


class _Waiting(NamedTuple):
    event: AuditEvent | MakeEvent
    explain: Explain | None


class AuditQueue:
    """Queue that passes events to the sink in order, in batches, from a thread.

    INVARIANT: an event leaves the queue only after it is written. It is never written twice.
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
        self._left_count = 0
        self._flushing = asyncio.Lock()
        self.failing_because = ""
        self.overflow_count = 0
        self.written_count = 0

    def record(self, event: AuditEvent | MakeEvent, explain: Explain | None = None) -> None:
        """Add one event without blocking. If the queue is full, count and drop the event.

        The queue makes the event and its explanation when it writes them, so the request pays for neither.
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
        """Flush twice a second until cancelled, then flush once more."""
        try:
            while True:
                await asyncio.sleep(self._flush_every_seconds)
                # Do not abandon a batch in progress: its thread would write it anyway.
                await asyncio.shield(self.flush())
        finally:
            await self.flush()

    async def flush(self) -> bool:
        """Write the waiting events. If writing fails, they stay in the queue, up to its capacity.

        Returns:
            Whether every event that was recorded before this call is written, or was counted as lost.
        """
        async with self._flushing:
            # Leave new events for the next flush: otherwise a busy edge would commit a few at a time.
            due = len(self._waiting)
            last = self._left_count + due
            while due > 0:
                due -= (taken := min(due, self._batch))
                events = await self._made(taken)
                try:
                    await asyncio.to_thread(self._sink, events)
                except StoreUnavailable as failure:
                    self._tell_of(failure)
                    # A record is larger than its event, and may wait for long.
                    await self._made(len(self._waiting))
                    return False
                except Exception as failure:  # noqa: BLE001 - whatever befalls the store, requests go on
                    self._tell_of(failure)
                    if not await self._without_the_unwritable(events):
                        return False
                else:
                    for _ in events:
                        self._waiting.popleft()
                    self._left_count += len(events)
                    self.written_count += len(events)
                self._tell_of(None)
            return self._left_count >= last

    async def _made(self, count: int) -> list[AuditEvent]:
        """Return the first waiting events with their explanations. Make each event only once."""
        first = list(islice(self._waiting, count))
        ready = [waiting.event for waiting in first if isinstance(waiting.event, AuditEvent)]
        if len(ready) == count and not any(waiting.explain for waiting in first):
            return ready
        found = await asyncio.to_thread(lambda: [_made(waiting) for waiting in first])
        events = [event for event in found if event is not None]
        # Requests add events on the right meanwhile, and only a flush takes from the left.
        for waiting in first:
            self._waiting.popleft()
            self._unexplained -= waiting.explain is not None
        self._waiting.extendleft(_Waiting(event, None) for event in reversed(events))
        self._left_count += count - len(events)
        self.overflow_count += count - len(events)
        return events

    async def _without_the_unwritable(self, events: Sequence[AuditEvent]) -> bool:
        """Write a failing batch one event at a time, so that one unwritable event does not block the others.

        The queue counts and drops such an event once another event was written. If none can be written, all
        wait.
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
        self._left_count += len(unwritable) + written
        self.overflow_count += len(unwritable)
        self.written_count += written
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


def _made(waiting: _Waiting) -> AuditEvent | None:
    """Return the event with its explanation; None if it cannot be made, which is logged."""
    try:
        event = waiting.event if isinstance(waiting.event, AuditEvent) else waiting.event()
    except Exception as failure:  # noqa: BLE001 - one event that cannot be made stops no other
        _log.error(AUDIT_EVENT_LOST, exc_info=failure)
        return None
    if waiting.explain is None:
        return event
    try:
        return msgspec.structs.replace(event, explanation=waiting.explain())
    except Exception as failure:  # noqa: BLE001 - an event without explanation is better than none
        _log.error(AUDIT_NOT_EXPLAINED, request_id=event.request_id, exc_info=failure)
        return event
