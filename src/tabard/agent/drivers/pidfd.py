"""Processes known by their pidfd. A process id can be reused for another process; a pidfd never is."""

import asyncio
import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from tabard.agent.drivers.console import ConsoleLog
from tabard.agent.drivers.driver import ExitStatus

_DRAIN_SECONDS = 0.5

_PROCESS_GROUP = 4
"""PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9: pidfd_send_signal(2)."""


def hold(pid: int) -> int | None:
    """Open a pidfd of a child; None if the child has ended, or the machine has no pidfds."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def signal_group(pidfd: int, number: signal.Signals) -> bool:
    """Signal the process's whole group, even after the process ended; return whether the kernel can.

    An older kernel signals only the process.
    """
    try:
        signal.pidfd_send_signal(pidfd, number, None, _PROCESS_GROUP)
    except ProcessLookupError:
        return True  # the group is empty
    except OSError:
        with suppress(OSError):
            signal.pidfd_send_signal(pidfd, number)
        return False
    return True


class AdoptedProcess:
    """A process that another agent started, or the first process of a container: not our child."""

    def __init__(
        self, pidfd: int, output: int, console: ConsoleLog, *, at_end: Callable[[], ExitStatus]
    ) -> None:
        """Args: at_end: called in a thread once it has ended; ends leftovers, and returns the exit status."""
        self._pidfd = pidfd
        self._output = os.dup(output)
        self._at_end = at_end
        self._copying = asyncio.create_task(console.copy(output))
        self._ended = asyncio.create_task(self._end())

    @property
    def descriptors(self) -> tuple[int, ...]:
        return (self._pidfd, self._output)

    async def wait(self) -> ExitStatus:
        return await asyncio.shield(self._ended)

    async def stop(self, grace: timedelta) -> None:
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait({self._ended}, timeout=grace.total_seconds())
        if not done:
            self._signal(signal.SIGKILL)
            await asyncio.shield(self._ended)

    def _signal(self, number: signal.Signals) -> None:
        if self._ended.done():
            return
        signal_group(self._pidfd, number)

    async def _end(self) -> ExitStatus:
        await _readable(self._pidfd)
        status = await asyncio.to_thread(self._at_end)
        await asyncio.wait({self._copying}, timeout=_DRAIN_SECONDS)
        self._copying.cancel()
        await asyncio.wait({self._copying})
        os.close(self._pidfd)
        os.close(self._output)
        return status


def has_ended(pidfd: int) -> bool:
    """Return whether the process has ended: its pidfd is then readable."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


async def _readable(pidfd: int) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)
