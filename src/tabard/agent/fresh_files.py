"""Files that an instance is given: made again at each start, and never opened again."""

import os
from pathlib import Path


def write_fresh(
    path: Path, content: bytes, *, mode: int, owner: int | None = None, group: int | None = None
) -> None:
    """Write a new file in place of whatever is at `path`.

    An ordinary user cannot open a read-only file for writing, not even its own. It can replace the file.
    INVARIANT: mode and owner go to the file just made, by its descriptor; its path may name another by then.
    """
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
        os.fchown(file.fileno(), -1 if owner is None else owner, -1 if group is None else group)
