"""A driver that this machine cannot run: its instances end at once, and their state reason says why."""

from collections.abc import Mapping
from pathlib import Path

from tabard.agent.agent_handover import RunningInstance
from tabard.agent.drivers.driver import CannotStart, Running
from tabard.agent.networks.network import InstanceNetwork, NoNetwork
from tabard.model.messages import DesiredInstance


class UnavailableDriver:
    """Starts nothing."""

    base_environment: Mapping[str, str] = {}

    def __init__(self, name: str, reason: str) -> None:
        self._sentence = f"this host cannot run the driver {name!r}: {reason}"

    async def open_network(self) -> InstanceNetwork:
        raise NoNetwork(self._sentence)

    async def start(
        self,
        desired: DesiredInstance,  # noqa: ARG002 - whatever it is
        network: InstanceNetwork,  # noqa: ARG002
        environment: Mapping[str, str],  # noqa: ARG002
        directory: Path,  # noqa: ARG002
    ) -> Running:
        raise CannotStart(self._sentence)

    def adopt(self, handed_over: RunningInstance, directory: Path) -> Running | None:  # noqa: ARG002
        return None

    def not_started(self, instance_id: str, reason: str) -> None:
        """No-op: the agent reports the reason as the instance's."""
