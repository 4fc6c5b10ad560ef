"""The folder that each instance of a host has: files of the agent's, which say what ran here."""

import json
from pathlib import Path

from tabard.agent.drivers.process.driver import EMPTY_FILE
from tabard.agent.fresh_files import write_fresh
from tabard.model.messages import DesiredInstance

_STARTED_MARKER = "boot-number"


def former_instances(folder: Path) -> list[tuple[str, int]]:
    """Instances that an earlier agent started here, with their last boot. None of them runs any more."""
    found = []
    for marker in sorted(folder.glob(f"i-*/{_STARTED_MARKER}")):
        try:
            boot_number = int(json.loads(marker.read_text("ascii")))
        except (OSError, ValueError, TypeError):
            boot_number = 0
        found.append((marker.parent.name, boot_number))
    return found


def make_folder(directory: Path, desired: DesiredInstance) -> None:
    """Make an instance's folder, and mark that it starts."""
    # INVARIANT: the folder and its files stay ours: what an instance may write to, it could turn into a link
    # to something that only we may write to. Its own folder is `home`, made by the driver.
    directory.mkdir(exist_ok=True)
    directory.chmod(0o711)
    write_fresh(directory / EMPTY_FILE, b"", mode=0o444)
    mark_started(directory, desired)


def mark_started(directory: Path, desired: DesiredInstance) -> None:
    """Say which boot runs, for an agent that comes after this one."""
    (directory / _STARTED_MARKER).write_text(json.dumps(desired.boot_number), "ascii")
