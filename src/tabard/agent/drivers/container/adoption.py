"""A running container, podman's or Docker's, becomes an instance: its network is entered by its pid.

Neither started nor ended by the agent: it gets a metadata service and a way to the edge, while it runs.
Its engine gave it a network of its own (`--network=none` is best: then the edge is all that it reaches).
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
    """Adopts one process, the first of its container, as the one instance of its agent; await `ended`."""

    base_environment: Mapping[str, str] = {}

    def __init__(self, pid: int, networks: AdoptableNetworks) -> None:
        """Raises NoNetwork where there is no such process."""
        try:
            self._pidfd = os.pidfd_open(pid)
        except OSError as error:
            raise NoNetwork(f"process {pid} cannot be adopted: {error.strerror}") from error
        self._pid = pid
        self._networks = networks
        self._instance_id: str | None = None
        self.ended: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()
        self.reason = ""
        """Why it was not adopted, if it was not."""

    async def open_network(self) -> InstanceNetwork:
        # Had the pid come to mean another process, the one that is held would have ended.
        return await self._networks.adopt(self._pid, is_still=lambda: not has_ended(self._pidfd))

    async def start(
        self,
        desired: DesiredInstance,
        network: InstanceNetwork,  # noqa: ARG002 - it is in it already
        environment: Mapping[str, str],  # noqa: ARG002 - it has its own
        directory: Path,  # noqa: ARG002 - and its own files
    ) -> Running:
        """Nothing but to watch it; for one instance alone, as whose owner chose its role."""
        if self._instance_id is not None:
            raise CannotStart("this host has adopted one process, for another instance")
        self._instance_id = desired.instance_id
        return _Watched(self._pidfd, self.ended)

    def adopt(self, kept: RunningInstance, directory: Path) -> Running | None:  # noqa: ARG002
        """Never from another agent: it was adopted for as long as this one works."""
        return None

    def not_started(self, instance_id: str, reason: str) -> None:
        """End with 126; `reason` is for the caller to show."""
        if self._instance_id not in (None, instance_id):
            return
        self.reason = reason
        if not self.ended.done():
            self.ended.set_result(ExitStatus(code=126))

    def close(self) -> None:
        """Let go of the process."""
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

    async def stop(self, grace: timedelta) -> None:  # noqa: ARG002 - it is not ours to end
        self._end()

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        if not self._ended.done():
            self._ended.set_result(ExitStatus(is_known=False))
