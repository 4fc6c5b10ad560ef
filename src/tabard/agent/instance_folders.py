"""The folder of each instance on a host: the agent's files, which record what ran here."""

import json
from pathlib import Path

from tabard.agent.drivers.process.driver import EMPTY_FILE
from tabard.agent.fresh_files import write_fresh
from tabard.model.messages import DesiredInstance

_STARTED_MARKER = "boot-number"


def former_instances(folder: Path) -> list[tuple[str, int]]:
    """Return the instances that an earlier agent started here, with their last boot numbers."""
    found = []
    for marker in sorted(folder.glob(f"i-*/{_STARTED_MARKER}")):
        try:
            boot_number = int(json.loads(marker.read_text("ascii")))
        except (OSError, ValueError, TypeError):
            boot_number = 0
        found.append((marker.parent.name, boot_number))
    return found


def make_folder(directory: Path, desired: DesiredInstance) -> None:
    """Make an instance's folder, and record that it starts."""
    # INVARIANT: the folder and its files belong to the agent. An instance could turn a file of its own into a
    # link to a file that only the agent may write. The instance's own folder is `home`; the driver makes it.
    directory.mkdir(exist_ok=True)
    directory.chmod(0o711)
    write_fresh(directory / EMPTY_FILE, b"", mode=0o444)
    mark_started(directory, desired)


def mark_started(directory: Path, desired: DesiredInstance) -> None:
    """Record which boot runs, for the next agent."""
    (directory / _STARTED_MARKER).write_text(json.dumps(desired.boot_number), "ascii")
