"""The bounded queue between the hot path and the audit trail.

Events of requests that change nothing here wait in memory and are flushed within a second: that second is
the loss window should the process be killed. What does not fit is counted, never waited for.
Administrative events do not come this way: they commit with their transaction.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import structlog

from tabard.model.audit_event import AuditEvent
from tabard.store.ports import StoreUnavailable

FLUSH_EVERY_SECONDS = 0.5
AUDIT_NOT_WRITTEN = "audit_events_not_written"

_log = structlog.get_logger()


class AuditSink(Protocol):
    """Writes a batch of events durably; blocks."""

    def __call__(self, events: Sequence[AuditEvent]) -> None:
        """Append the events, all or none. Raises StoreUnavailable."""


class AuditQueue:
    """Collects events and hands them to the sink in batches, from a thread."""

    def __init__(self, sink: AuditSink, *, capacity: int = 100_000, batch: int = 5_000) -> None:
        self._sink = sink
        self._capacity = capacity
        self._batch = batch
        self._waiting: deque[AuditEvent] = deque()
        self._flushing = asyncio.Lock()
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
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Write what waits. While the store is away the events stay, within the capacity."""
        async with self._flushing:
            while self._waiting:
                events = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
                try:
                    await asyncio.to_thread(self._sink, events)
                except StoreUnavailable:
                    self._waiting.extendleft(reversed(events))
                    _log.warning(AUDIT_NOT_WRITTEN, waiting=len(self._waiting))
                    return
