"""Adoption of a running podman or Docker container as an instance: its pid leads to its network.

The agent neither starts nor ends it. It adds a metadata service and a route to the edge while it runs. The
container's engine made its network (`--network=none` is best: then it reaches only the edge).
"""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from tabard.agent.agent_handover import RunningInstance
from tabard.agent.drivers.driver import CannotStart, ExitStatus, Running
from tabard.agent.drivers.pidfd import has_ended
from tabard.agent.networks.network import AdoptableNetworks, InstanceNetwork, NoNetwork
from tabard.model.messages import DesiredInstance


class AdoptingDriver:
    """Adopts the first process of one container as the only instance of its agent; await `ended`."""

    base_environment: Mapping[str, str] = {}

    def __init__(self, pid: int, networks: AdoptableNetworks) -> None:
        """Raises NoNetwork if there is no such process."""
        try:
            self._pidfd = os.pidfd_open(pid)
        except OSError as error:
            raise NoNetwork(f"process {pid} cannot be adopted: {error.strerror}") from error
        self._pid = pid
        self._networks = networks
        self._instance_id: str | None = None
        self.ended: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()
        self.reason = ""
        """Why it was not adopted; empty if it was."""

    async def open_network(self) -> InstanceNetwork:
        # If the pid meant another process by now, the pidfd's process would have ended.
        return await self._networks.adopt(self._pid, is_still=lambda: not has_ended(self._pidfd))

    async def start(
        self,
        desired: DesiredInstance,
        network: InstanceNetwork,  # noqa: ARG002 - it is in it already
        environment: Mapping[str, str],  # noqa: ARG002 - it has its own
        directory: Path,  # noqa: ARG002 - and its own files
    ) -> Running:
        """Watch the process, for one instance only: the caller chose its role."""
        if self._instance_id is not None:
            raise CannotStart("this host has adopted one process, for another instance")
        self._instance_id = desired.instance_id
        return _Watched(self._pidfd, self.ended)

    def adopt(self, handed_over: RunningInstance, directory: Path) -> Running | None:  # noqa: ARG002
        """Return None: the process was adopted for the lifetime of one agent."""
        return None

    def not_started(self, instance_id: str, reason: str) -> None:
        """End with 126. The caller shows `reason`."""
        if self._instance_id not in (None, instance_id):
            return
        self.reason = reason
        if not self.ended.done():
            self.ended.set_result(ExitStatus(code=126))

    def close(self) -> None:
        """Close the pidfd."""
        with suppress(OSError):
            os.close(self._pidfd)


class _Watched:
    descriptors: tuple[int, ...] | None = None

    def __init__(self, pidfd: int, ended: asyncio.Future[ExitStatus]) -> None:
        self._pidfd = pidfd
        self._ended = ended
        asyncio.get_running_loop().add_reader(pidfd, self._end)

    async def wait(self) -> ExitStatus:
        return await asyncio.shield(self._ended)

    async def stop(self, grace: timedelta) -> None:  # noqa: ARG002 - we did not start it
        self._end()

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        if not self._ended.done():
            self._ended.set_result(ExitStatus(is_known=False))
