"""The audit's bounds: how long its events are kept, and how many bytes of them.

Theory of operation. Deleting takes the store's write lock, so it is done in small batches. A batch is as
large as can be deleted within `HOLD_SECONDS`. Between two batches the lock is free for as long as the batch
held it. So a writer waits for one batch at most, and deleting is always faster than writing: a row is deleted
at about the cost of its insertion, and the writers have the other half of the time.
Once the audit is within its bounds, the space that the file no longer needs is given back in the same way.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from tabard.clock import Clock
from tabard.store.ports import Store, StoreUnavailable

HOLD_SECONDS = 0.03
"""The target time for a batch to hold the write lock: its size follows the duration of the batch before."""

LOOK_EVERY_SECONDS = 5.0
SHORTEST_PAUSE_SECONDS = 0.005
FEWEST_ROWS = 50
MOST_ROWS = 5_000
FIRST_ROWS = 200

AUDIT_RETENTION_PUT_OFF = "audit_retention_put_off"
AUDIT_PRUNED = "audit_pruned"

_log = structlog.get_logger()

Leads = Callable[[], bool]
"""Whether this process is the one that enforces retention; it asks again and again until it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionBounds:
    """Events older than `kept_for` go, and the oldest as soon as all of them take more than `most_bytes`."""

    kept_for: timedelta
    most_bytes: int


@dataclass(slots=True)
class Retention:
    """Keeps the audit within its bounds. `once` blocks, so it runs in a thread."""

    store: Store = field(repr=False)
    bounds: RetentionBounds
    clock: Clock
    leads: Leads = lambda: True
    rows: int = FIRST_ROWS
    look_every_seconds: float = LOOK_EVERY_SECONDS

    async def run(self) -> None:
        """Look every few seconds, and delete until the audit is within its bounds."""
        while True:
            try:
                deleted = await self.catch_up() if self.leads() else 0
            except StoreUnavailable as error:
                _log.warning(AUDIT_RETENTION_PUT_OFF, reason=str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may succeed
                _log.error(AUDIT_RETENTION_PUT_OFF, exc_info=error)
            else:
                if deleted:
                    _log.info(AUDIT_PRUNED, events=deleted)
            await asyncio.sleep(self.look_every_seconds)

    async def catch_up(self) -> int:
        """Delete batch after batch until nothing is left to do, with the write lock free in between.

        Returns:
            How many events were deleted.
        Raises:
            StoreUnavailable.
        """
        deleted = 0
        while True:
            began = self.clock.monotonic_seconds()
            found = await asyncio.to_thread(self.once)
            if found is None:
                return deleted
            deleted += found
            held_seconds = self.clock.monotonic_seconds() - began
            await asyncio.sleep(max(held_seconds, SHORTEST_PAUSE_SECONDS))

    def once(self) -> int | None:
        """Delete one batch, or else give back some of the file's free space.

        Returns:
            How many events were deleted; None if nothing is left to do.
        Raises:
            StoreUnavailable.
        """
        before = self.clock.now() - self.bounds.kept_for
        with self.store.transaction() as tx:
            began = self.clock.monotonic_seconds()
            deleted = tx.audit.prune(before=before, most_bytes=self.bounds.most_bytes, at_most=self.rows)
        if deleted:
            self._fit(deleted, self.clock.monotonic_seconds() - began)
            return deleted
        return 0 if self.store.give_back_space() else None

    def _fit(self, deleted: int, seconds: float) -> None:
        """Make the next batch as large as fits into the time that one may take."""
        fitting = int(deleted * HOLD_SECONDS / seconds) if seconds > 0 else MOST_ROWS
        self.rows = max(FEWEST_ROWS, min(fitting, 2 * self.rows, MOST_ROWS))
