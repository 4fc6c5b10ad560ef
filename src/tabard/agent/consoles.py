"""Tells the edge what instances write to their consoles: soon after the first line, then less often."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from tabard.agent.drivers.console import CONSOLE_LOG, FORMER_CONSOLE_LOG
from tabard.agent.edge_client import Edge, EdgeRefused
from tabard.clock import Clock
from tabard.model.console_output import MAX_CONSOLE_BYTES

CONSOLE_REFUSED = "console_refused"

EVERY_SECONDS = 1.0
LONGEST_SECONDS = 30.0
"""Between two tellings of an instance that goes on writing."""

_log = structlog.get_logger(__name__)

_State = tuple[int, int]
_NOTHING: _State = (0, 0)


@dataclass(slots=True)
class _Told:
    """How much of one console was told, and when more may be. `log`: its path, as text: pathlib makes a look
    at it three times as dear, and an agent looks at each of its instances every second."""

    log: str
    state: _State = _NOTHING
    interval_seconds: float = EVERY_SECONDS
    next_at_seconds: float = 0.0


class Consoles:
    """What was told of each instance's console; `folder` holds the instances' folders."""

    def __init__(self, folder: Path, edge: Edge, clock: Clock) -> None:
        self._folder = folder
        self._edge = edge
        self._clock = clock
        self._told: dict[str, _Told] = {}

    async def tell(self, instances: Mapping[str, Callable[[], bool]]) -> None:
        """Tell what is new and due of these instances, each of which says whether it still runs.

        Raises EdgeError. Of an instance that has ended the rest is told at once.
        """
        for former in self._told.keys() - instances.keys():
            del self._told[former]
        for instance_id, is_running in instances.items():
            told = self._told.get(instance_id)
            if told is None:
                told = self._told[instance_id] = _Told(str(self._folder / instance_id / CONSOLE_LOG))
            now_seconds = self._clock.monotonic_seconds()
            if now_seconds < told.next_at_seconds and is_running():
                continue
            state = _state(told.log)
            if state == told.state:
                continue
            directory = self._folder / instance_id
            try:
                await self._edge.put_console_output(instance_id, console_tail(directory))
            except EdgeRefused as error:  # the edge knows better, such as that it is gone
                _log.warning(CONSOLE_REFUSED, instance_id=instance_id, code=error.code, reason=error.message)
            told.state = state
            told.interval_seconds = min(told.interval_seconds * 2, LONGEST_SECONDS)
            told.next_at_seconds = now_seconds + told.interval_seconds


def console_tail(directory: Path) -> bytes:
    """The end of what an instance has written, at most 64 KiB."""
    tail = _end_of(directory / CONSOLE_LOG, MAX_CONSOLE_BYTES)
    missing = MAX_CONSOLE_BYTES - len(tail)
    return _end_of(directory / FORMER_CONSOLE_LOG, missing) + tail if missing else tail


def _state(log: str) -> _State:
    try:
        status = os.stat(log)  # noqa: PTH116 - see _Told
    except OSError:
        return _NOTHING
    return status.st_ino, status.st_size


def _end_of(path: Path, length: int) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - length))
            return file.read(length)
    except OSError:
        return b""
