"""Periodic work of every edge. Several edges can do each step at the same time."""

import asyncio
from dataclasses import dataclass, field

import structlog

from tabard.clock import Clock
from tabard.credentials.keyring import forgettable, new_sealing_key, rotation_is_due
from tabard.edge.perform import RefreshingSource
from tabard.services.ec2.instances.lifecycle import purge_terminated
from tabard.services.hosts.hosts import reap_unseen_hosts
from tabard.store.ports import Store, StoreUnavailable

EVERY_SECONDS = 60.0
SLEPT_SECONDS = 5 * EVERY_SECONDS
KEYRING_ROTATED = "keyring_rotated"
HOUSEKEEPING_PUT_OFF = "housekeeping_put_off"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Rotates the keyring, deletes expired rows, and removes ephemeral hosts that disappeared."""

    store: Store = field(repr=False)
    snapshots: RefreshingSource = field(repr=False)
    clock: Clock
    every_seconds: float = EVERY_SECONDS

    async def run(self) -> None:
        """Do the work once a minute until cancelled."""
        last_tick = self.clock.now()
        while True:
            now = self.clock.now()
            # A machine that slept received no reports: hosts get a minute to report before any is removed.
            awake = (now - last_tick).total_seconds() < SLEPT_SECONDS
            last_tick = now
            try:
                await asyncio.to_thread(self.once, reap=awake)
                await self.snapshots.refresh()
            except StoreUnavailable as error:
                _log.warning(HOUSEKEEPING_PUT_OFF, reason=str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, the keyring must go on turning
                _log.error(HOUSEKEEPING_PUT_OFF, exc_info=error)
            await asyncio.sleep(self.every_seconds)

    def once(self, *, reap: bool) -> None:
        """Do everything that is due, in one transaction. Raises StoreUnavailable."""
        now = self.clock.now()
        with self.store.transaction() as tx:
            keys = tx.sealing_keys.all()
            if rotation_is_due(keys, now=now):
                key = new_sealing_key(tx.vault, now=now)
                tx.sealing_keys.insert(key)
                _log.info(KEYRING_ROTATED, key_id=key.key_id)
            for key in forgettable(keys, now=now):
                tx.sealing_keys.delete(key.key_id)
            tx.revocations.forget_until(now)
            tx.join_tokens.forget_until(now)
            purge_terminated(tx, now)
            if reap:
                reap_unseen_hosts(tx, now)
