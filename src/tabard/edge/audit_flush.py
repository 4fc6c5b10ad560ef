"""An edge that does the flushes that readers of the audit ask for."""

import asyncio
from dataclasses import dataclass, field

import structlog

from tabard.audit.queue import AuditQueue
from tabard.services.operation import SnapshotSource
from tabard.services.tabard.audit_flush import flush_wanted, flushed_setting
from tabard.store.ports import Store, StoreUnavailable

AUDIT_FLUSH_PUT_OFF = "audit_flush_put_off"
AGAIN_SECONDS = 0.5
_FOR_EVER_SECONDS = 3600.0

_log = structlog.get_logger()


@dataclass(slots=True)
class AuditFlushes:
    """Follows the store, does each flush, and notes its number under the name of this edge."""

    name: str
    queue: AuditQueue = field(repr=False)
    store: Store = field(repr=False)
    snapshots: SnapshotSource = field(repr=False)
    done: int = -1

    async def run(self) -> None:
        """Do every flush until cancelled, the last one of a former process of this edge first."""
        snapshot = self.snapshots.current()
        while True:
            try:
                await self.do(flush_wanted(snapshot))
                newer = await self.snapshots.wait_beyond(snapshot.version, _FOR_EVER_SECONDS)
                if newer.version == snapshot.version:
                    # The edge is stopping, so no wait lasts any more, and this task will be cancelled.
                    await asyncio.sleep(AGAIN_SECONDS)
                snapshot = newer
            except Exception as error:  # noqa: BLE001 - whatever it is, the reader waits no longer than it said
                _log.warning(AUDIT_FLUSH_PUT_OFF, reason=str(error))
                await asyncio.sleep(AGAIN_SECONDS)

    async def do(self, number: int) -> None:
        """Do flush `number`, unless it is done. Raises StoreUnavailable."""
        if number <= self.done:
            return
        if not await self.queue.flush():
            raise StoreUnavailable(self.queue.failing_because)
        await asyncio.to_thread(self._note, number)
        self.done = number

    def _note(self, number: int) -> None:
        with self.store.transaction() as tx:
            if tx.installation.get(flushed_setting(self.name)) != str(number):
                tx.installation.put(flushed_setting(self.name), str(number))
