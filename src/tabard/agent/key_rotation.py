"""Key rotation of an enrolled host: it uses a new key once that is on disk, which ends the former key."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from tabard.agent import rotation
from tabard.agent.certified_exchange import CertifiedExchange
from tabard.agent.edge_client import EdgeClient, EdgeError
from tabard.agent.edge_relay import TlsDoor
from tabard.agent.host_keys import HostDirectory, new_key
from tabard.clock import Clock, Deadline, read_clocks
from tabard.processes.sleep_until import sleep_until

HOST_KEY_RENEWED = "host_key_renewed"
HOST_KEY_NOT_RENEWED = "host_key_not_renewed"

_LONGEST_BACKOFF_SECONDS = 3600.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotation:
    """Renews the key of one host. Renewals are so frequent that outages of days do no harm."""

    host_id: str
    directory: HostDirectory
    exchange: CertifiedExchange
    door: TlsDoor
    edge: EdgeClient
    every: timedelta
    clock: Clock
    random_source: random.Random = field(repr=False)

    async def run(self) -> None:
        """Renew at once, and then at each interval, until cancelled."""
        failures = 0
        while True:
            try:
                await self.renew()
            except EdgeError as error:
                _log.warning(
                    HOST_KEY_NOT_RENEWED, host_id=self.host_id, code=error.code, reason=error.message
                )
                delay_seconds = rotation.retry_seconds(
                    failures,
                    longest_seconds=_LONGEST_BACKOFF_SECONDS,
                    jitter=self.random_source.random(),
                )
                failures += 1
            else:
                failures = 0
                delay_seconds = self.every.total_seconds() * (1 - self.random_source.random() / 10)
            await sleep_until(Deadline.after(read_clocks(self.clock), delay_seconds), self.clock)

    async def renew(self) -> None:
        """Make a key, get its certificate, store both, use them, and report that. Raises EdgeError.

        INVARIANT: the key is on disk before its first use, and in use everywhere before the report. The edge
        forgets the former key at the first report.
        """
        key = new_key(self.host_id)
        renewed = await self.edge.renew_host_certificate(key.certificate_request)
        await asyncio.to_thread(self.directory.keep_identity, key, renewed.certificate)
        self.exchange.show(self.directory.host_context())
        await self.door.show(self.directory.relay_context())
        await self.edge.report_instances(())
        _log.info(HOST_KEY_RENEWED, host_id=self.host_id)
