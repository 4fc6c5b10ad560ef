"""The instances of a killed agent: the next agent ends their processes and containers."""

from collections.abc import Collection
from pathlib import Path

from tabard.agent.drivers.container.podman import CONTAINER_PID_FILE, remove_containers
from tabard.agent.drivers.leftovers import end_leftovers


def end_former(folder: Path, instance_ids: Collection[str]) -> None:
    """End everything that a former agent left of these instances. Args: folder: has their folders."""
    end_leftovers(instance_ids)
    remove_containers([each for each in instance_ids if (folder / each / CONTAINER_PID_FILE).exists()])
