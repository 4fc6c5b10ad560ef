"""What an agent asks of a driver: start one instance, tell when it ends, stop it."""

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
    """How a main process ended: with a code, or by a signal. Neither where there was no process at all."""

    code: int | None = None
    signal_number: int | None = None
    is_known: bool = True

    @classmethod
    def of(cls, return_code: int) -> "ExitStatus":
        """From `subprocess`'s return code, negative for a signal."""
        return cls(code=return_code) if return_code >= 0 else cls(signal_number=-return_code)

    @property
    def shell_code(self) -> int:
        """The status a shell would report: the code, or 128 and the signal's number."""
        if self.signal_number is not None:
            return 128 + self.signal_number
        return self.code or 0

    def __str__(self) -> str:
        if self.signal_number is not None:
            return f"signal {signal.Signals(self.signal_number).name}"
        return f"exit status {self.code or 0}" if self.is_known else "exit status unknown"


class CannotStart(Exception):
    """An instance could not be started; the message says why, for the operator."""


class Running(Protocol):
    """One started instance."""

    @property
    def descriptors(self) -> tuple[int, ...] | None:
        """What another agent may adopt it by; None where it ends with the agent that started it."""

    async def wait(self) -> ExitStatus:
        """Return once the main process has ended; never before `stop` where there is none."""

    async def stop(self, grace: timedelta) -> None:
        """Ask the instance to end, and end it after `grace`. Nothing of it runs when this returns."""


class Driver(Protocol):
    """Starts instances of one kind."""

    @property
    def base_environment(self) -> Mapping[str, str]:
        """The environment from which an instance's is made."""

    async def open_network(self) -> InstanceNetwork:
        """The network of a new instance, listening. Raises NoNetwork."""

    async def start(
        self,
        desired: DesiredInstance,
        network: InstanceNetwork,
        environment: Mapping[str, str],
        directory: Path,
    ) -> Running:
        """Start the instance in its network; `directory` is its own. Raises CannotStart."""

    def adopt(self, kept: RunningInstance, directory: Path) -> Running | None:
        """Take over what a former agent had started; None where it has ended, or cannot be taken over."""

    def not_started(self, instance_id: str, reason: str) -> None:
        """Hear that an instance ended without ever having been started."""
