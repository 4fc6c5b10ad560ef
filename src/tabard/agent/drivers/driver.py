"""The interface between an agent and its drivers: start one instance, wait for its end, stop it."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from tabard.agent.agent_handover import RunningInstance
from tabard.agent.networks.network import InstanceNetwork
from tabard.model.messages import DesiredInstance


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitStatus:
    """The end of a main process: with a code, or by a signal; with neither if there was no process."""

    code: int | None = None
    signal_number: int | None = None
    is_known: bool = True

    @classmethod
    def of(cls, return_code: int) -> "ExitStatus":
        """Convert `subprocess`'s return code, which is negative for a signal."""
        return cls(code=return_code) if return_code >= 0 else cls(signal_number=-return_code)

    @property
    def shell_code(self) -> int:
        """Return the status that a shell would report: the code, or 128 plus the signal's number."""
        if self.signal_number is not None:
            return 128 + self.signal_number
        return self.code or 0

    def __str__(self) -> str:
        if self.signal_number is not None:
            return f"signal {signal.Signals(self.signal_number).name}"
        return f"exit status {self.code or 0}" if self.is_known else "exit status unknown"


class CannotStart(Exception):
    """An instance could not be started. The message tells the operator why."""


class Running(Protocol):
    """One started instance."""

    @property
    def descriptors(self) -> tuple[int, ...] | None:
        """The descriptors with which another agent can adopt it; None if it ends with its own agent."""

    async def wait(self) -> ExitStatus:
        """Return once the main process has ended. Without a main process, return only after `stop`."""

    async def stop(self, grace: timedelta) -> None:
        """Ask the instance to end, and kill it after `grace`. No process of it runs when this returns."""


class Driver(Protocol):
    """Starts instances of one kind."""

    @property
    def base_environment(self) -> Mapping[str, str]:
        """The environment from which the agent makes an instance's environment."""

    async def open_network(self) -> InstanceNetwork:
        """Open the network of a new instance, with its listeners. Raises NoNetwork."""

    async def start(
        self,
        desired: DesiredInstance,
        network: InstanceNetwork,
        environment: Mapping[str, str],
        directory: Path,
    ) -> Running:
        """Start the instance in its network; `directory` is its folder. Raises CannotStart."""

    def adopt(self, handed_over: RunningInstance, directory: Path) -> Running | None:
        """Adopt an instance that a former agent started. Returns None if it has ended or is lost."""

    def not_started(self, instance_id: str, reason: str) -> None:
        """React to an instance that ended before its main process started."""
