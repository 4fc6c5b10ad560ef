"""The driver of a machine that enrolled itself. The machine runs already: the driver starts no process."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from tabard.agent.agent_handover import RunningInstance
from tabard.agent.drivers.driver import ExitStatus, Running
from tabard.agent.networks.network import InstanceNetwork, Networks
from tabard.model.messages import DesiredInstance


class MachineDriver:
    """Serves its own machine; `started` returns the environment for processes that use the instance.

    To stop the instance closes its metadata service, and to start it opens that again. The machine keeps
    running.
    """

    def __init__(self, network: Networks, *, base_environment: Mapping[str, str]) -> None:
        self._network = network
        self._base_environment = dict(base_environment)
        self.started: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self.reason = ""
        """Why the machine has no metadata service; empty if it has."""

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
        """Publish the environment with which the machine's processes use the instance."""
        if not self.started.done():
            self.started.set_result(environment)
        return _Machine()

    def adopt(self, handed_over: RunningInstance, directory: Path) -> Running | None:  # noqa: ARG002
        """Return None: no agent hands a machine over."""
        return None

    def not_started(self, instance_id: str, reason: str) -> None:  # noqa: ARG002 - there is one
        """Pass the reason to the caller that waits for the start."""
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
