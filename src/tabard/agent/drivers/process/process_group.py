"""A main process that leads a process group of its own, its output going to the instance's console."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from tabard.agent.agent_handover import RunningInstance
from tabard.agent.drivers.console import ConsoleLog
from tabard.agent.drivers.driver import ExitStatus
from tabard.agent.drivers.leftovers import INSTANCE_VARIABLE, end_leftovers
from tabard.agent.drivers.pidfd import AdoptedProcess, hold, signal_group
from tabard.agent.networks.network import InstanceNetwork

_DRAIN_SECONDS = 0.5


async def start_grouped(
    instance_id: str,
    command: Sequence[str],
    *,
    network: InstanceNetwork,
    environment: Mapping[str, str],
    working_directory: Path,
    console: ConsoleLog,
    outlives_agent: bool,
    descriptors: Sequence[int] = (),
) -> "GroupedProcess":
    """Start what `launch_command` gave, marked as the instance's. Raises OSError.

    Args: descriptors: what it is handed besides its network's namespaces.
    """
    # A pipe of our own: asyncio's would have the process not end before everybody has let go of it.
    output, of_process = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=of_process,
            stderr=asyncio.subprocess.STDOUT,
            cwd=working_directory,
            env={**environment, INSTANCE_VARIABLE: instance_id},
            start_new_session=True,
            pass_fds=(*network.namespaces, *descriptors),
        )
    except OSError:
        os.close(output)
        raise
    finally:
        os.close(of_process)
    return GroupedProcess(
        instance_id,
        process,
        output,
        console,
        network=network.network_namespace,
        outlives_agent=outlives_agent,
    )


def adopt_grouped(kept: RunningInstance, pidfd: int, output: int, console: ConsoleLog) -> AdoptedProcess:
    """Go on with what another agent had started so."""
    network = kept.network.network_namespace

    def at_end() -> ExitStatus:
        end_leftovers([kept.facts.instance_id], network=network)
        return ExitStatus(is_known=False)  # it is told to the parent alone, which is gone

    return AdoptedProcess(pidfd, output, console, at_end=at_end)


class GroupedProcess:
    """A main process that leads a process group of its own, which ends with it."""

    def __init__(
        self,
        instance_id: str,
        process: asyncio.subprocess.Process,
        output: int,
        console: ConsoleLog,
        *,
        network: int | None,
        outlives_agent: bool,
    ) -> None:
        self._instance_id = instance_id
        self._process = process
        self._network = network
        self._held = held = hold(process.pid)
        self.descriptors = (held, os.dup(output)) if outlives_agent and held is not None else None
        self._copying = asyncio.create_task(console.copy(output))
        self._ended = asyncio.create_task(self._end())

    async def wait(self) -> ExitStatus:
        return await asyncio.shield(self._ended)

    async def stop(self, grace: timedelta) -> None:
        self._signal_group(signal.SIGTERM)
        done, _ = await asyncio.wait({self._ended}, timeout=grace.total_seconds())
        if not done:
            self._signal_group(signal.SIGKILL)
            await asyncio.shield(self._ended)

    async def _end(self) -> ExitStatus:
        return_code = await self._process.wait()
        # What the main process has left is its group's, unless it went where it has to be looked for.
        is_signalled = self._signal_group(signal.SIGKILL)
        if self._network is not None or not is_signalled:
            await asyncio.to_thread(end_leftovers, [self._instance_id], network=self._network)
        await asyncio.wait({self._copying}, timeout=_DRAIN_SECONDS)
        self._copying.cancel()
        await asyncio.wait({self._copying})
        if self._held is not None:
            os.close(self._held)
            self._held = None
        for descriptor in (self.descriptors or ())[1:]:
            os.close(descriptor)
        return ExitStatus.of(return_code)

    def _signal_group(self, number: signal.Signals) -> bool:
        """Whether this has reached all of the group.

        INVARIANT: the process's number is free once it was waited for, which the event loop may have done
        already; by then it may name another's group. Its descriptor means this group alone.
        """
        if sys.platform != "linux":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
            return True
        return self._held is not None and signal_group(self._held, number)
