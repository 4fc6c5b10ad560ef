"""The driver of a machine that enrolled itself: it runs already, and nothing is started or stopped."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from tabard.agent.agent_handover import RunningInstance
from tabard.agent.drivers.driver import ExitStatus, Running
from tabard.agent.networks.network import InstanceNetwork, Networks
from tabard.model.messages import DesiredInstance


class MachineDriver:
    """Serves the machine that it is on; `started` gives the environment of a process that is to use it.

    To stop the instance takes its metadata service away, and to start it brings it back; the machine goes on.
    """

    def __init__(self, network: Networks, *, base_environment: Mapping[str, str]) -> None:
        self._network = network
        self._base_environment = dict(base_environment)
        self.started: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self.reason = ""
        """Why the machine is not served, if it is not."""

    @property
    def base_environment(self) -> Mapping[str, str]:
        return self._base_environment

    async def open_network(self) -> InstanceNetwork:
        return await self._network.open()

    async def start(
        self,
        desired: DesiredInstance,  # noqa: ARG002 - it is the machine
        network: InstanceNetwork,  # noqa: ARG002
        environment: Mapping[str, str],
        directory: Path,  # noqa: ARG002
    ) -> Running:
        """Say with which environment the machine's processes are the instance's."""
        if not self.started.done():
            self.started.set_result(environment)
        return _Machine()

    def adopt(self, kept: RunningInstance, directory: Path) -> Running | None:  # noqa: ARG002
        """Never: nothing of it is kept."""
        return None

    def not_started(self, instance_id: str, reason: str) -> None:  # noqa: ARG002 - there is one
        """Let who waits for the start hear why it does not come."""
        self.reason = reason
        if not self.started.done():
            self.started.set_result({})


class _Machine:
    descriptors: tuple[int, ...] | None = None

    def __init__(self) -> None:
        self._stopped = asyncio.Event()

    async def wait(self) -> ExitStatus:
        await self._stopped.wait()
        return ExitStatus()

    async def stop(self, grace: timedelta) -> None:  # noqa: ARG002 - there is nothing to wait for
        self._stopped.set()
