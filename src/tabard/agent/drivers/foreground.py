"""The foreground form of the process and netns drivers: one command in its caller's terminal and folder."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from tabard.agent.drivers.driver import CannotStart, ExitStatus, Running
from tabard.agent.drivers.process import launch_command
from tabard.agent.kept import KeptInstance
from tabard.agent.networks.network import InstanceNetwork, Networks
from tabard.model.messages import DesiredInstance

CANNOT_RUN = 126


class ForegroundDriver:
    """Runs one given command as the one instance of its agent; the caller awaits `ended`.

    The command stays in the caller's process group, so that Ctrl-C reaches it as it would without Tabard.
    """

    def __init__(
        self,
        command: Sequence[str],
        networks: Networks,
        *,
        base_environment: Mapping[str, str],
        hidden: Sequence[Path] = (),
    ) -> None:
        """Args: hidden: folders that the command does not see where it runs in a namespace."""
        self._command = tuple(command)
        self._networks = networks
        self._hidden = tuple(hidden)
        self._instance_id: str | None = None
        self._base_environment = dict(base_environment)
        self.ended: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()
        self.reason = ""
        """Why the command was not started, if it was not."""

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
        directory: Path,  # noqa: ARG002 - the command runs in the caller's folder
    ) -> Running:
        """Start the command with this process's stdin, stdout, stderr and folder; for one instance alone.

        Its owner gave it to run under one role: another instance that somebody places here gets nothing.
        """
        if self._instance_id is not None:
            raise CannotStart("this host runs one command, for another instance")
        self._instance_id = desired.instance_id
        try:
            process = await asyncio.create_subprocess_exec(
                *launch_command(
                    self._command, network=network, allow_new_privileges=True, hidden=self._hidden
                ),
                env=dict(environment),
                pass_fds=network.namespaces,
            )
        except OSError as error:
            raise CannotStart(f"{self._command[0]} cannot be run: {error.strerror}") from error
        return _ForegroundProcess(process, self.ended)

    def adopt(self, kept: KeptInstance, directory: Path) -> Running | None:  # noqa: ARG002
        """Never: the command ends with its terminal's process."""
        return None

    def not_started(self, instance_id: str, reason: str) -> None:
        """End with 126, a shell's status for what cannot be run; `reason` is for the caller to show."""
        if self._instance_id not in (None, instance_id):
            return
        self.reason = reason
        if not self.ended.done():
            self.ended.set_result(ExitStatus(code=CANNOT_RUN))


class _ForegroundProcess:
    descriptors: tuple[int, ...] | None = None

    def __init__(self, process: asyncio.subprocess.Process, ended: asyncio.Future[ExitStatus]) -> None:
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
