"""The source of the newest snapshot: this process's memory, kept up to date with the store.

Theory of operation: the store has a commit counter, which this process reads from memory
(`ChangeProbe.mark`). A snapshot is loaded under the mark that was read before its load began. While the
counter still shows that mark, no process has committed since, and `newest` answers at once. Otherwise it
waits for a load, which all waiting requests share. Audit events raise the counter too. They do not change the
version, so that nothing is loaded for them.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import structlog

from tabard.clock import Clock, ClockReading, Deadline, read_clocks
from tabard.errors import ServiceUnavailable
from tabard.store.ports import StoreUnavailable
from tabard.store.snapshot import Snapshot
from tabard.store.sql import ChangeProbe, Mark, SqlStore

DEFAULT_BOUND = timedelta(minutes=60)
"""The time for which the edge decides from a snapshot that the store has not confirmed."""

POLL_SECONDS = 0.025
"""The interval of the checks for changes, each about 10 microseconds of the loop's thread."""

RETRY_SECONDS = 0.25

PATIENCE_SECONDS = 5.0
"""A request's timeout for the load of a committed change; a writer waits as long for a lock."""

STORE_AWAY = "store_away"
STORE_BACK = "store_back"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotHealth:
    """The age of the snapshot; `reason` says why the store is unreachable, if it is.

    `misses_a_change`: a newer version was committed but could not be loaded.
    """

    version: int
    confirmed_seconds_ago: float
    bound_seconds: float
    store_available: bool
    reason: str
    misses_a_change: bool = False

    @property
    def serving(self) -> bool:
        """Whether the edge still decides requests from this snapshot."""
        return self.confirmed_seconds_ago <= self.bound_seconds and not self.misses_a_change


class SqlSnapshotSource:
    """Holds the newest snapshot, detects commits of every process, and bridges short outages of the store.

    Used on one event loop; `current` and `health` may be called from any thread.
    """

    def __init__(
        self,
        store: SqlStore,
        *,
        clock: Clock,
        bound: timedelta = DEFAULT_BOUND,
        poll_seconds: float = POLL_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._bound_seconds = bound.total_seconds()
        self._poll_seconds = poll_seconds
        self._patience_seconds = patience_seconds
        self._snapshot: Snapshot | None = None
        self._confirm(read_clocks(clock))
        self._away_because = ""
        self._misses_a_change = False
        self._newer = asyncio.Event()
        self._probe: ChangeProbe | None = None
        self._loaded_mark: Mark | None = None
        self._load: asyncio.Task[Exception | None] | None = None
        self._loads_begun = self._loads_ended = self._last_good_load = 0
        self._load_began_at = 0.0
        self._executor: ThreadPoolExecutor | None = None
        self._watching: asyncio.Task[None] | None = None
        self._nobody_waits = False

    async def newest(self) -> Snapshot:
        """Return a snapshot that contains every write acknowledged before this call, by any process.

        It comes from memory if nothing was committed since the last load.

        Raises:
            ServiceUnavailable (503): as for `current`; or a newer version was committed but cannot be loaded.
        """
        if self._is_behind():
            await self._catch_up()
        snapshot = self._snapshot
        if snapshot is not None and not self._is_outdated():
            return snapshot
        # The machine slept, or its clock was set: ask the store before the watch does.
        await self.refresh()
        return self.current()

    def current(self) -> Snapshot:
        """Return the last loaded snapshot from memory; another process may have committed since.

        Raises:
            ServiceUnavailable (503): the store has not confirmed it for longer than the bound.
        """
        snapshot = self._snapshot
        if snapshot is None or self._is_outdated():
            raise ServiceUnavailable(
                reason=f"The store has not been reached for {self._bound_seconds / 60:g} minutes; "
                f"nothing is decided from what may be out of date. Try again."
            )
        return snapshot

    async def wait_beyond(self, version: int, timeout_seconds: float) -> Snapshot:
        """Return the first snapshot newer than `version`, or the current one after the timeout.

        Raises:
            ServiceUnavailable (503), as for `current`.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while self.current().version <= version and not self._nobody_waits:
                    await self._newer.wait()
        return self.current()

    def end_waiting(self) -> None:
        """End all waits for a newer snapshot with the current one, now and later."""
        self._nobody_waits = True
        self._wake()

    async def refresh(self) -> None:
        """Load newer changes, in a load that begins after this call. After a failure, the watch retries."""
        if self._executor is None:
            return  # before the start
        await self._wait_for_load(self._loads_begun + 1, is_enough=lambda: False)

    def health(self) -> SnapshotHealth:
        """Return the age of the snapshot, and whether the store is reachable."""
        snapshot = self._snapshot
        return SnapshotHealth(
            version=-1 if snapshot is None else snapshot.version,
            confirmed_seconds_ago=float("inf") if snapshot is None else self._confirmed_seconds_ago(),
            bound_seconds=self._bound_seconds,
            store_available=not self._away_because,
            reason=self._away_because,
            misses_a_change=self._misses_a_change,
        )

    def _is_outdated(self) -> bool:
        # Every request asks: by whichever clock says so first, as `seconds_since`, without a reading.
        last = self._good_until
        return self._clock.boottime_seconds() > last.boottime_seconds or self._clock.now() > last.wall

    def _confirm(self, at: ClockReading) -> None:
        self._confirmed_at = at
        self._good_until = Deadline.after(at, self._bound_seconds)

    def _confirmed_seconds_ago(self) -> float:
        """Return the larger age of the two clocks, boot-time and wall, so that sleep counts."""
        return read_clocks(self._clock).seconds_since(self._confirmed_at)

    async def start(self) -> None:
        """Load the first snapshot and begin to watch. Raises StoreUnavailable."""
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="snapshot")
        try:
            self._probe = self._store.open_probe()
            _raise(await self._begun_load())
        except BaseException:
            self._close_probe()
            self._executor.shutdown()
            raise
        self._watching = asyncio.create_task(self._watch(), name="snapshot")

    async def stop(self) -> None:
        """End the watch, its connection and its thread. Waiting calls get the current snapshot."""
        if self._watching is not None:
            watching, self._watching = self._watching, None
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        self.end_waiting()
        if self._load is not None:
            await asyncio.wait({self._load})
        self._close_probe()
        if self._executor is not None:
            self._executor.shutdown()

    async def _watch(self) -> None:
        # INVARIANT: a detected change stays pending until it is loaded; until then nothing is confirmed.
        while (probe := self._probe) is not None:
            wait_seconds = self._poll_seconds
            try:
                requested_at = read_clocks(self._clock)
                probe.changed()
                if not self._away_because and not self._is_behind():
                    self._confirm(requested_at)
                else:
                    _raise(await asyncio.shield(self._begun_load()))
            # After any error the last snapshot stays. It is refused once it is older than the bound.
            except Exception as error:  # noqa: BLE001
                self._note_away(error)
                self._renew_probe()
                wait_seconds = RETRY_SECONDS
            await asyncio.sleep(wait_seconds)

    def _is_behind(self) -> bool:
        """Return whether the store may have a newer version: nearly always one comparison in memory."""
        probe, snapshot = self._probe, self._snapshot
        if probe is None or snapshot is None:
            return False  # no decisions before the start, no updates after the stop
        try:
            mark = probe.mark()
            if mark == self._loaded_mark:
                return False
            if probe.newest_version() != snapshot.version:
                return True
        except StoreUnavailable:
            return True
        self._loaded_mark = mark
        return False

    async def _catch_up(self) -> None:
        wanted = self._loads_begun + 1
        await self._wait_for_load(wanted, is_enough=lambda: not self._is_behind())
        # INVARIANT: the edge never decides by a snapshot that is known to be older than the store.
        if self._last_good_load < wanted and self._is_behind():
            self._misses_a_change = True
            if not self._away_because:
                self._note_away(StoreUnavailable("a change was written and could not be read in time"))
            raise ServiceUnavailable(
                reason="A change was written to the store and cannot be read just now; nothing is "
                "decided from what was before it. Please try again."
            )

    async def _wait_for_load(self, wanted: int, *, is_enough: Callable[[], bool]) -> None:
        """Wait until load number `wanted` has ended, `is_enough` is true, or the timeout has passed.

        The timeout begins with the present load: if the store hangs, only the first callers wait for it.
        """
        loop = asyncio.get_running_loop()
        deadline = self._patience_seconds + (loop.time() if self._load is None else self._load_began_at)
        while self._loads_ended < wanted and not is_enough():
            remaining_seconds = deadline - loop.time()
            if remaining_seconds <= 0:
                return
            await asyncio.wait({self._begun_load()}, timeout=remaining_seconds)

    def _begun_load(self) -> "asyncio.Task[Exception | None]":
        """Return the present load, or begin one. Its result is its failure."""
        if self._load is None:
            self._loads_begun += 1
            self._load_began_at = asyncio.get_running_loop().time()
            self._load = asyncio.create_task(self._load_once(self._loads_begun), name="snapshot-load")
        return self._load

    async def _load_once(self, number: int) -> Exception | None:
        failure: Exception | None = None
        probe, requested_at = self._probe, read_clocks(self._clock)
        loop = asyncio.get_running_loop()
        try:
            # INVARIANT: the mark is read before the load's transaction begins: it never promises more.
            mark = None if probe is None else probe.mark()
            newest = await loop.run_in_executor(self._executor, self._store.next_snapshot, self._snapshot)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            failure = error
            if self._snapshot is not None:
                self._note_away(error)
                self._misses_a_change = self._is_behind()
        else:
            self._last_good_load = number
            if probe is self._probe:
                self._loaded_mark = mark
            self._publish(newest, requested_at)
        self._loads_ended, self._load = number, None
        return failure

    def _publish(self, newest: Snapshot, requested_at: ClockReading) -> None:
        self._misses_a_change = False
        if self._away_because:
            self._away_because = ""
            _log.info(STORE_BACK, version=newest.version)
        self._confirm(requested_at)
        if newest is not self._snapshot:
            self._snapshot = newest
            self._wake()

    def _wake(self) -> None:
        self._newer.set()
        self._newer = asyncio.Event()

    def _renew_probe(self) -> None:
        """Replace the connection, which may be broken; keep it if no other can be opened."""
        try:
            newer = self._store.open_probe()
        except StoreUnavailable:
            return
        self._close_probe()
        self._probe = newer

    def _close_probe(self) -> None:
        if self._probe is not None:
            self._probe.close()
        self._probe = self._loaded_mark = None

    def _note_away(self, error: Exception) -> None:
        if not self._away_because:
            _log.warning(STORE_AWAY, reason=str(error), error=type(error).__name__)
        self._away_because = str(error) or type(error).__name__


def _raise(failure: Exception | None) -> None:
    if failure is not None:
        raise failure
