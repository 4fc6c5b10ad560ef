"""Files that the agent gives to an instance: it makes them at each start, and never opens them again."""

import os
from pathlib import Path


def write_fresh(
    path: Path, content: bytes, *, mode: int, owner: int | None = None, group: int | None = None
) -> None:
    """Write a new file, and replace any file at `path`.

    An ordinary user cannot open a read-only file for writing, not even its own. It can replace the file.
    INVARIANT: the descriptor of the new file sets its mode and owner. The path may name another file by then.
    """
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
        os.fchown(file.fileno(), -1 if owner is None else owner, -1 if group is None else group)
