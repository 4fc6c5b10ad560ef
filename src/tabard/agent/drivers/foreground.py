"""The foreground form of the drivers: one command in its caller's terminal and folder."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias

from tabard.agent.agent_handover import RunningInstance
from tabard.agent.drivers.container.driver import container_of
from tabard.agent.drivers.container.podman import Mount, Root, in_network, remove_containers
from tabard.agent.drivers.driver import CannotStart, ExitStatus, Running
from tabard.agent.drivers.process.driver import HOME, launch_command
from tabard.agent.networks.network import InstanceNetwork, Networks
from tabard.model.messages import DesiredInstance

CANNOT_RUN = 126


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """A process in this terminal. `end_rest` ends the processes that it left when it was killed."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    end_rest: Callable[[], None] = lambda: None


Invoke: TypeAlias = Callable[[DesiredInstance, InstanceNetwork, Mapping[str, str], Path], Invocation]
"""Starts the command. Args: desired state, network, environment, folder. Raises OSError or CannotStart."""


def as_process(command: Sequence[str], *, hidden: Sequence[Path]) -> Invoke:
    """Run the command as a process. Args: hidden: folders that it does not see in a namespace."""

    def invoke(
        _desired: DesiredInstance, network: InstanceNetwork, environment: Mapping[str, str], _directory: Path
    ) -> Invocation:
        argv = launch_command(command, network=network, allow_new_privileges=True, hidden=hidden)
        return Invocation(argv=argv, environment=environment)

    return invoke


def as_container(command: Sequence[str], *, root: Root, folder: Path, podmans: Mapping[str, str]) -> Invoke:
    """Run the command in a container with one folder of the caller's, under the caller's uid.

    Args: folder: the command's working directory, at the same path inside; podmans: podman's environment.
    """

    def invoke(
        desired: DesiredInstance, network: InstanceNetwork, environment: Mapping[str, str], directory: Path
    ) -> Invocation:
        (directory / HOME).mkdir(mode=0o700, exist_ok=True)
        rootless = network.user_namespace is not None
        container = container_of(
            desired,
            root,
            command,
            environment=environment,
            directory=directory,
            user="" if rootless else f"{os.getuid()}:{os.getgid()}",
        ).begun_in(Mount(source=folder, target=str(folder), writable=True))
        argv = [*in_network(network), "run", "--rm", "--interactive", *container.options()]
        return Invocation(
            argv=launch_command(
                argv, network=None, allow_new_privileges=True, inherited_descriptors=network.namespaces
            ),
            environment=podmans,
            end_rest=partial(remove_containers, [desired.instance_id]),
        )

    return invoke


class ForegroundDriver:
    """Runs one given command as the only instance of its agent; the caller awaits `ended`.

    The command stays in the caller's process group, so that Ctrl-C reaches it as without Tabard.
    """

    def __init__(
        self,
        invoke: Invoke,
        networks: Networks,
        *,
        base_environment: Mapping[str, str],
    ) -> None:
        self._invoke = invoke
        self._networks = networks
        self._instance_id: str | None = None
        self._base_environment = dict(base_environment)
        self.ended: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()
        self.reason = ""
        """Why the command was not started; empty if it was."""

    @property
    def base_environment(self) -> Mapping[str, str]:
        return self._base_environment

    async def open_network(self) -> InstanceNetwork:
        return await self._networks.open()

    async def start(
        self,
        desired: DesiredInstance,
        network: InstanceNetwork,
        environment: Mapping[str, str],
        directory: Path,
    ) -> Running:
        """Start the command with this process's stdin, stdout, stderr and folder, for one instance only.

        The caller chose the command's role. Another instance that somebody places here does not start.
        """
        if self._instance_id is not None:
            raise CannotStart("this host runs one command, for another instance")
        self._instance_id = desired.instance_id
        try:
            invocation = self._invoke(desired, network, environment, directory)
            process = await asyncio.create_subprocess_exec(
                *invocation.argv, env=dict(invocation.environment), pass_fds=network.namespaces
            )
        except OSError as error:
            raise CannotStart(f"the command cannot be run: {error.strerror}") from error
        return _ForegroundProcess(process, self.ended, invocation.end_rest)

    def adopt(self, handed_over: RunningInstance, directory: Path) -> Running | None:  # noqa: ARG002
        """Return None: the command ends with the process in its terminal."""
        return None

    def not_started(self, instance_id: str, reason: str) -> None:
        """End with 126, a shell's status for a command that cannot run. The caller shows `reason`."""
        if self._instance_id not in (None, instance_id):
            return
        self.reason = reason
        if not self.ended.done():
            self.ended.set_result(ExitStatus(code=CANNOT_RUN))


class _ForegroundProcess:
    descriptors: tuple[int, ...] | None = None

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        ended: asyncio.Future[ExitStatus],
        end_rest: Callable[[], None],
    ) -> None:
        self._end_rest = end_rest
        self._process = process
        self._ended = ended

    async def wait(self) -> ExitStatus:
        status = ExitStatus.of(await self._process.wait())
        if not self._ended.done():
            self._ended.set_result(status)
        return status

    async def stop(self, grace: timedelta) -> None:
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), grace.total_seconds())
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            await asyncio.to_thread(self._end_rest)
