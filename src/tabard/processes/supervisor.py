"""The supervisor: starts children, waits until they are ready, restarts failed ones, ends them in order."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog

from tabard.clock import Clock, SystemClock
from tabard.processes.child import Child
from tabard.processes.log_file import LOG_LIMIT_BYTES, bound_log, last_lines
from tabard.processes.spec import (
    CHILD_EXITED,
    CHILD_RESTARTED,
    CHILD_STARTED,
    Backoff,
    ChildEvent,
    ChildFailed,
    ChildSpec,
    ChildState,
    ChildStatus,
    EventName,
)

PROBE_PAUSE_SECONDS = 0.05
PROBE_TIMEOUT_SECONDS = 5.0
LOG_LOOK_SECONDS = 1.0
LOG_NOT_BOUNDED = "child_log_not_bounded"

_log = structlog.get_logger()


@dataclass(slots=True)
class _Supervised:
    """One child's place in the supervisor. It outlives the processes that occupy it."""

    spec: ChildSpec
    child: Child | None = None
    watch: asyncio.Task[None] | None = None
    state: ChildState = "starting"
    restarts: int = 0
    ending: bool = False
    beside: str = ""


class Supervisor:
    """The children of this process.

    Leaving `async with Supervisor(…)` ends them all. If this process is killed, the kernel ends them (Linux:
    `launch`). `on_event` and `on_progress(name, waited_seconds)` are called in the loop's thread.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
        on_event: Callable[[ChildEvent], None] | None = None,
        on_progress: Callable[[str, float], None] | None = None,
        log_limit_bytes: int = LOG_LIMIT_BYTES,
        log_look_seconds: float = LOG_LOOK_SECONDS,
    ) -> None:
        """Args: log_limit_bytes: a log that has grown past it is emptied, at the next look."""
        self._log_limit_bytes = log_limit_bytes
        self._log_look_seconds = log_look_seconds
        self._bounding: asyncio.Task[None] | None = None
        self._clock = clock or SystemClock()
        self._backoff = backoff or Backoff()
        self._on_event = on_event
        self._on_progress = on_progress
        self._supervised: dict[str, _Supervised] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, *specs: ChildSpec) -> None:
        """Start these children at once, and return when all are ready.

        Raises:
            ChildFailed: one ended, or was not ready in time. That one is ended; the others run until `stop`.
            ValueError: a child with that name exists already.
        """
        for spec in specs:
            self._place(spec)
        if self._bounding is None:
            self._bounding = asyncio.create_task(self._bound_logs(), name="bound logs")
        outcomes = await asyncio.gather(
            *(self._start_first(self._supervised[spec.name]) for spec in specs), return_exceptions=True
        )
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    def start_later(self, spec: ChildSpec, *, beside: str, after_seconds: float) -> None:
        """Start a child after a delay, without waiting for it. It ends together with `beside`.

        Raises:
            ValueError: a child of that name is there already.
        """
        supervised = self._place(spec, beside=beside)
        late = self._start_late(supervised, after_seconds)
        supervised.watch = asyncio.create_task(late, name=f"watch {spec.name}")

    async def replace(self, name: str, *, between: Callable[[], None] | None = None) -> None:
        """Restart a child, which empties its memory.

        Args:
            between: called while the child does not run, to remove its files.
        Raises:
            ChildFailed: the new one ended, or was not ready in time.
        """
        supervised = self._supervised[name]
        await self._end(supervised)
        if between is not None:
            between()
        supervised.ending = False
        await self._start_first(supervised)

    async def stop(self) -> None:
        """End every child, the last started first: SIGTERM, its grace, SIGKILL; all are reaped.

        A child that was started beside another gets its SIGTERM together with that one.
        """
        try:
            for name, supervised in reversed(self._supervised.items()):
                beside = [one for one in self._supervised.values() if one.beside == name]
                if not supervised.beside:
                    await asyncio.gather(*(self._end(one) for one in (supervised, *beside)))
        finally:
            if self._bounding is not None:
                self._bounding.cancel()
                self._bounding = None
            # Something is left to do here only if this task itself was canceled.
            for supervised in self._supervised.values():
                supervised.ending = True
                if supervised.child is not None and not supervised.child.ended.done():
                    supervised.child.send_signal(9)

    def statuses(self) -> tuple[ChildStatus, ...]:
        """Return the status of each child, in the order of their start."""
        return tuple(
            ChildStatus(
                name=name,
                state=one.state,
                pid=one.child.pid if one.child is not None and not one.child.ended.done() else None,
                restarts=one.restarts,
            )
            for name, one in self._supervised.items()
        )

    def last_log_lines(self, name: str, *, count: int = 20) -> tuple[str, ...]:
        """Return the last lines of a child's log."""
        return last_lines(self._supervised[name].spec.log_path, count=count)

    async def _bound_logs(self) -> None:
        """Bound every child's log at intervals, while there are children."""
        while True:
            await asyncio.sleep(self._log_look_seconds)
            for path in {one.spec.log_path for one in self._supervised.values()}:
                try:
                    await asyncio.to_thread(bound_log, path, self._log_limit_bytes)
                except OSError as error:
                    _log.warning(LOG_NOT_BOUNDED, path=str(path), reason=error.strerror)

    def _place(self, spec: ChildSpec, *, beside: str = "") -> _Supervised:
        if spec.name in self._supervised:
            raise ValueError(f"a child named {spec.name} is there already")
        supervised = self._supervised[spec.name] = _Supervised(spec=spec, beside=beside)
        return supervised

    async def _start_late(self, supervised: _Supervised, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        try:
            await self._start_first(supervised)
        except (ChildFailed, OSError):
            supervised.state = "restarting"
            await self._refill(supervised, failures=0)
            await self._watch(supervised)

    async def _start_first(self, supervised: _Supervised) -> None:
        supervised.state = "starting"
        supervised.child = child = Child(supervised.spec)
        try:
            await self._until_ready(supervised.spec, child)
        except BaseException:
            await self._discard(supervised, child)
            supervised.state = "stopped"
            raise
        supervised.state = "running"
        self._emit(CHILD_STARTED, supervised, child)
        supervised.watch = asyncio.create_task(self._watch(supervised), name=f"watch {supervised.spec.name}")

    async def _until_ready(self, spec: ChildSpec, child: Child) -> None:
        began = self._clock.monotonic_seconds()
        while not await _answers(spec, child):
            waited = self._clock.monotonic_seconds() - began
            if child.ended.done():
                reason = f"ended before it was ready: {describe_exit(child.ended.result())}"
                raise self._failure(spec, reason)
            if waited > spec.ready_timeout_seconds:
                raise self._failure(spec, f"was not ready within {spec.ready_timeout_seconds:g} seconds")
            if self._on_progress is not None:
                self._on_progress(spec.name, waited)
            await asyncio.wait({child.ended}, timeout=PROBE_PAUSE_SECONDS)

    async def _watch(self, supervised: _Supervised) -> None:
        """Restart the child of one place until it is stopped."""
        spec, failures = supervised.spec, 0
        while (child := supervised.child) is not None:
            began = self._clock.monotonic_seconds()
            status = await asyncio.shield(child.ended)
            if supervised.ending or not spec.restart:
                supervised.state = "stopped"
                self._emit(CHILD_EXITED, supervised, child, exit_status=status, expected=supervised.ending)
                return
            supervised.state = "restarting"
            self._emit(CHILD_EXITED, supervised, child, exit_status=status, expected=False)
            calm = self._clock.monotonic_seconds() - began > self._backoff.calm_seconds
            failures = await self._refill(supervised, failures=0 if calm else failures)

    async def _refill(self, supervised: _Supervised, *, failures: int) -> int:
        """Start until one is ready; return the failures in a row so far."""
        while True:
            failures += 1
            await asyncio.sleep(self._backoff.delay_seconds(failures))
            supervised.restarts += 1
            try:
                supervised.child = child = Child(supervised.spec)
            except OSError:  # out of processes or descriptors for now
                continue
            try:
                await self._until_ready(supervised.spec, child)
            except ChildFailed:
                await self._discard(supervised, child)
                continue
            except BaseException:
                await self._discard(supervised, child)
                raise
            supervised.state = "running"
            self._emit(CHILD_RESTARTED, supervised, child)
            return failures

    async def _discard(self, supervised: _Supervised, child: Child) -> None:
        status = await child.end(grace_seconds=0)
        self._emit(CHILD_EXITED, supervised, child, exit_status=status, expected=False)

    async def _end(self, supervised: _Supervised) -> None:
        supervised.ending = True
        watch, child = supervised.watch, supervised.child
        if watch is not None and supervised.state in ("starting", "restarting"):
            watch.cancel()  # it waits for a backoff, or for a child that is not ready
        if child is not None and not child.ended.done():
            await child.end(grace_seconds=supervised.spec.stop_grace_seconds)
        if watch is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await watch
        if supervised.child is not None:
            await supervised.child.end(grace_seconds=0)
        supervised.state = "stopped"

    def _emit(
        self,
        event: EventName,
        supervised: _Supervised,
        child: Child,
        *,
        exit_status: int | None = None,
        expected: bool = True,
    ) -> None:
        if self._on_event is not None:
            self._on_event(
                ChildEvent(
                    event=event,
                    child=supervised.spec.name,
                    pid=child.pid,
                    exit_status=exit_status,
                    expected=expected,
                    restarts=supervised.restarts,
                )
            )

    def _failure(self, spec: ChildSpec, reason: str) -> ChildFailed:
        return ChildFailed(name=spec.name, reason=reason, last_log_lines=last_lines(spec.log_path))


async def _answers(spec: ChildSpec, child: Child) -> bool:
    """Return whether the child is ready. A child that has not opened its socket is not."""
    if child.ended.done():
        return False
    try:
        return await asyncio.wait_for(spec.ready(), PROBE_TIMEOUT_SECONDS)
    except (OSError, EOFError, TimeoutError):
        return False


def describe_exit(status: int) -> str:
    """Describe an exit status in words: `status 1`, or `signal 9`."""
    return f"signal {-status}" if status < 0 else f"status {status}"
