"""Where the newest snapshot comes from: this process's memory, kept up to date with the store."""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import structlog

from tabard.clock import Clock, ClockReading, read_clocks
from tabard.errors import ServiceUnavailable
from tabard.store.ports import StoreUnavailable
from tabard.store.snapshot import Snapshot
from tabard.store.sql import ChangeProbe, SqlStore

DEFAULT_BOUND = timedelta(minutes=60)
"""How long decisions go on from a snapshot that the store has not confirmed."""

POLL_SECONDS = 0.025
"""How often the store is asked whether it changed: about 10 microseconds of the loop's own thread."""

RETRY_SECONDS = 0.25

STORE_AWAY = "store_away"
STORE_BACK = "store_back"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotHealth:
    """How new the snapshot is; `reason` says why the store cannot be reached, where it cannot."""

    version: int
    confirmed_seconds_ago: float
    bound_seconds: float
    store_available: bool
    reason: str

    @property
    def serving(self) -> bool:
        """Whether requests are still decided from this snapshot."""
        return self.confirmed_seconds_ago <= self.bound_seconds


class SqlSnapshotSource:
    """Holds the newest snapshot, notices the commits of every process, and outlives the store for a while.

    Used on one event loop; `current` and `health` may be called from any thread.
    """

    def __init__(
        self,
        store: SqlStore,
        *,
        clock: Clock,
        bound: timedelta = DEFAULT_BOUND,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._bound_seconds = bound.total_seconds()
        self._poll_seconds = poll_seconds
        self._snapshot: Snapshot | None = None
        self._confirmed_at = read_clocks(clock)
        self._away_because = ""
        self._newer = asyncio.Event()
        self._loading = asyncio.Lock()
        self._loads_begun = 0
        self._last_load: tuple[int, StoreUnavailable | None] = (0, None)
        self._executor: ThreadPoolExecutor | None = None
        self._watching: asyncio.Task[None] | None = None
        self._nobody_waits = False

    def current(self) -> Snapshot:
        """The newest snapshot, from memory.

        Raises:
            ServiceUnavailable (503): the store has not confirmed it for longer than the bound.
        """
        snapshot = self._snapshot
        if snapshot is None or self._confirmed_seconds_ago() > self._bound_seconds:
            raise ServiceUnavailable(
                reason=f"The store has not been reached for {self._bound_seconds / 60:g} minutes; "
                f"nothing is decided from what may be out of date. Try again."
            )
        return snapshot

    async def wait_beyond(self, version: int, timeout_seconds: float) -> Snapshot:
        """The first snapshot newer than `version`, or the current one when the time is up.

        Raises:
            ServiceUnavailable (503), as `current`.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while self.current().version <= version and not self._nobody_waits:
                    await self._newer.wait()
        return self.current()

    def end_waiting(self) -> None:
        """Answer who waits for a newer snapshot with the current one, now and from now on."""
        self._nobody_waits = True
        self._wake()

    async def refresh(self) -> None:
        """See what this process has just committed; where the store is away just now, it is seen later."""
        try:
            await self._load()
        except StoreUnavailable as error:
            self._note_away(error)

    def health(self) -> SnapshotHealth:
        """How new the snapshot is, and whether the store is there."""
        snapshot = self._snapshot
        return SnapshotHealth(
            version=-1 if snapshot is None else snapshot.version,
            confirmed_seconds_ago=float("inf") if snapshot is None else self._confirmed_seconds_ago(),
            bound_seconds=self._bound_seconds,
            store_available=not self._away_because,
            reason=self._away_because,
        )

    def _confirmed_seconds_ago(self) -> float:
        """By the boot-time clock or the wall clock, whichever says more: sleep counts."""
        return read_clocks(self._clock).seconds_since(self._confirmed_at)

    async def start(self) -> None:
        """Load the first snapshot and begin to watch. Raises StoreUnavailable."""
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="snapshot")
        try:
            await self._load()
        except BaseException:
            self._executor.shutdown()
            raise
        self._watching = asyncio.create_task(self._watch(), name="snapshot")

    async def stop(self) -> None:
        """End the watch, its connection and its thread; who waits is answered with the current snapshot."""
        if self._watching is not None:
            watching, self._watching = self._watching, None
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        self.end_waiting()
        if self._executor is not None:
            self._executor.shutdown()

    async def _watch(self) -> None:
        # INVARIANT: a change that was noticed is not forgotten until it is loaded, nor is anything confirmed.
        probe: ChangeProbe | None = None
        pending = True
        try:
            while True:
                try:
                    if probe is None:
                        probe = self._store.open_probe()
                    asked_at = read_clocks(self._clock)
                    pending = probe.changed() or pending
                    if pending:
                        await self._load()
                        pending = False
                    else:
                        self._confirmed_at = asked_at
                    await asyncio.sleep(self._poll_seconds)
                # Whatever it was: the last snapshot stays, and is refused once it is older than the bound.
                except Exception as error:  # noqa: BLE001
                    self._note_away(error)
                    if probe is not None:
                        probe.close()
                    probe, pending = None, True
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            if probe is not None:
                probe.close()

    async def _load(self) -> None:
        """Load what is newer, one load at a time; all who came before it began share one."""
        wanted = self._loads_begun + 1
        async with self._loading:
            number, failure = self._last_load
            if number >= wanted:
                if failure is not None:
                    raise failure
                return
            self._loads_begun += 1
            number, asked_at = self._loads_begun, read_clocks(self._clock)
            loop = asyncio.get_running_loop()
            try:
                newest = await loop.run_in_executor(self._executor, self._store.next_snapshot, self._snapshot)
            except StoreUnavailable as error:
                self._last_load = (number, error)
                raise
            self._last_load = (number, None)
            self._publish(newest, asked_at)

    def _publish(self, newest: Snapshot, asked_at: ClockReading) -> None:
        if self._away_because:
            self._away_because = ""
            _log.info(STORE_BACK, version=newest.version)
        self._confirmed_at = asked_at
        if newest is not self._snapshot:
            self._snapshot = newest
            self._wake()

    def _wake(self) -> None:
        self._newer.set()
        self._newer = asyncio.Event()

    def _note_away(self, error: Exception) -> None:
        if not self._away_because:
            _log.warning(STORE_AWAY, reason=str(error), error=type(error).__name__)
        self._away_because = str(error) or type(error).__name__
