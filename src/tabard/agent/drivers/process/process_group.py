"""A main process that leads its own process group, and writes to the instance's console."""

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
    """Start the command that `launch_command` returned, marked with the instance's id. Raises OSError.

    Args: descriptors: those that it inherits besides its network's namespaces.
    """
    # A pipe of our own: with asyncio's, the process would end only once every writer has closed the pipe.
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


def adopt_grouped(
    handed_over: RunningInstance, pidfd: int, output: int, console: ConsoleLog
) -> AdoptedProcess:
    """Adopt a main process that another agent started in its own group."""
    network = handed_over.network.network_namespace

    def at_end() -> ExitStatus:
        end_leftovers([handed_over.desired.instance_id], network=network)
        return ExitStatus(is_known=False)  # only the parent gets the status, and it has ended

    return AdoptedProcess(pidfd, output, console, at_end=at_end)


class GroupedProcess:
    """A main process that leads its own process group. The group ends with it."""

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
        # The remaining processes are in its group. Those that left the group have to be searched for.
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
        """Signal the group; return whether the signal reached all of it.

        INVARIANT: the process id is free once somebody has waited for the process, which the event loop may
        have done already. The id may then name another group. The pidfd means only this group.
        """
        if sys.platform != "linux":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
            return True
        return self._held is not None and signal_group(self._held, number)
