"""Sends the console output of instances to the edge: soon after the first line, then less often."""

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
"""The interval between two uploads while an instance continues to write."""

_log = structlog.get_logger(__name__)

_State = tuple[int, int]
_NOTHING: _State = (0, 0)


@dataclass(slots=True)
class _Sent:
    """The sent part of one console, and the time when the agent may send more.

    log: its path as text. An agent checks each file every second, and a `Path` would triple the cost.
    """

    log: str
    state: _State = _NOTHING
    interval_seconds: float = EVERY_SECONDS
    next_at_seconds: float = 0.0


class Consoles:
    """Tracks how much of each console the edge has. `folder` holds the instances' folders."""

    def __init__(self, folder: Path, edge: Edge, clock: Clock) -> None:
        self._folder = folder
        self._edge = edge
        self._clock = clock
        self._sent: dict[str, _Sent] = {}

    async def send(self, instances: Mapping[str, Callable[[], bool]]) -> None:
        """Send the output that is new and due. Args: instances: by id, whether each still runs.

        Raises EdgeError. Once an instance has ended, the rest of its output is due at once.
        """
        for former in self._sent.keys() - instances.keys():
            del self._sent[former]
        for instance_id, is_running in instances.items():
            sent = self._sent.get(instance_id)
            if sent is None:
                sent = self._sent[instance_id] = _Sent(str(self._folder / instance_id / CONSOLE_LOG))
            now_seconds = self._clock.monotonic_seconds()
            if now_seconds < sent.next_at_seconds and is_running():
                continue
            state = _state(sent.log)
            if state == sent.state:
                continue
            directory = self._folder / instance_id
            try:
                await self._edge.put_console_output(instance_id, console_tail(directory))
            except EdgeRefused as error:  # for example because the instance was removed
                _log.warning(CONSOLE_REFUSED, instance_id=instance_id, code=error.code, reason=error.message)
            sent.state = state
            sent.interval_seconds = min(sent.interval_seconds * 2, LONGEST_SECONDS)
            sent.next_at_seconds = now_seconds + sent.interval_seconds


def console_tail(directory: Path) -> bytes:
    """Return the end of an instance's console output, at most 64 KiB."""
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
