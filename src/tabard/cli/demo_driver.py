"""The driver of the demo's instance: a network namespace where that works, else a process."""

import stat
from collections.abc import Iterable
from pathlib import Path

from tabard.model.instance import Image
from tabard.services.ec2.launch.images import NETNS_IMAGE, PROCESS_IMAGE
from tabard.wiring.drivers import InstanceIsolation


def demo_image(isolation: InstanceIsolation, programs: Iterable[Path]) -> tuple[Image, str]:
    """Choose the image of the demo's instance.

    Args:
        programs: files that the application reads; an instance of root's runs as another user.
    Returns:
        The image, and why it is not the one of network namespaces; empty if it is.
    """
    if isolation.networks is None:
        return PROCESS_IMAGE, isolation.reason
    if isolation.has_own_uids:
        for program in programs:
            closed = _closed_to_others(program)
            if closed is not None:
                return (
                    PROCESS_IMAGE,
                    f"with netns, the instance's user could not read {closed}, where Python is",
                )
    return NETNS_IMAGE, ""


def _closed_to_others(path: Path) -> Path | None:
    """Return the first part of a path, or of its target, that other users may not read."""
    for one in (path.absolute(), path.resolve()):
        for folder in reversed(one.parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                return folder
        if not one.stat().st_mode & stat.S_IROTH:
            return one
    return None
