"""The bounded queue between the hot path and the audit trail.

Events of requests that change nothing here wait in memory and are flushed within a second: that second is
the loss window should the process be killed. What does not fit is counted, never waited for.
Administrative events do not come this way: they commit with their transaction.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Protocol

import structlog

from tabard.model.audit_event import AuditEvent
from tabard.store.ports import StoreUnavailable

FLUSH_EVERY_SECONDS = 0.5
AUDIT_NOT_WRITTEN = "audit_events_not_written"
AUDIT_WRITTEN_AGAIN = "audit_events_written_again"

_log = structlog.get_logger()


class AuditSink(Protocol):
    """Writes a batch of events durably; blocks."""

    def __call__(self, events: Sequence[AuditEvent]) -> None:
        """Append the events, all or none. Raises StoreUnavailable."""


class AuditQueue:
    """Collects events and hands them to the sink in batches, in their order, from a thread.

    INVARIANT: an event leaves the queue only once it is written; one that was written never comes again.
    """

    def __init__(self, sink: AuditSink, *, capacity: int = 100_000, batch: int = 5_000) -> None:
        """`capacity`: how many events wait at most; `batch`: how many are written at once."""
        self._sink = sink
        self._capacity = capacity
        self._batch = batch
        self._waiting: deque[AuditEvent] = deque()
        self._flushing = asyncio.Lock()
        self._is_failing = False
        self.overflow_count = 0

    def record(self, event: AuditEvent) -> None:
        """Take one event; never blocks. Beyond the capacity it is counted and dropped."""
        if len(self._waiting) >= self._capacity:
            self.overflow_count += 1
            return
        self._waiting.append(event)

    def __len__(self) -> int:
        return len(self._waiting)

    async def run(self) -> None:
        """Flush twice a second until cancelled; then once more."""
        try:
            while True:
                await asyncio.sleep(FLUSH_EVERY_SECONDS)
                # A batch on its way is not given up: its thread would write it all the same.
                await asyncio.shield(self.flush())
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Write what waits. While that fails the events stay, within the capacity."""
        async with self._flushing:
            while self._waiting:
                events = list(islice(self._waiting, self._batch))
                try:
                    await asyncio.to_thread(self._sink, events)
                except Exception as failure:  # noqa: BLE001 - whatever befalls the store, requests go on
                    self._tell_of(failure)
                    return
                for _ in events:
                    self._waiting.popleft()
                self._tell_of(None)

    def _tell_of(self, failure: Exception | None) -> None:
        """Log the beginning and the end of an outage, not every attempt in it."""
        if failure is not None and not self._is_failing:
            _log.warning(
                AUDIT_NOT_WRITTEN,
                waiting=len(self._waiting),
                reason=str(failure),
                exc_info=None if isinstance(failure, StoreUnavailable) else failure,
            )
        elif failure is None and self._is_failing:
            _log.info(AUDIT_WRITTEN_AGAIN, overflow_count=self.overflow_count)
        self._is_failing = failure is not None
