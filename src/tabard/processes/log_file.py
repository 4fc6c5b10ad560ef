"""Where a child's output goes: one private file, kept within a bound at every start."""

import os
from pathlib import Path

LOG_LIMIT_BYTES = 8 * 1024 * 1024
TAIL_BYTES = 16 * 1024


def open_log(path: Path) -> int:
    """Open a log for appending, mode 0600; one that has grown past 8 MiB becomes `NAME.1` first."""
    if path.is_file() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def last_lines(path: Path, *, count: int = 20) -> tuple[str, ...]:
    """The last lines of a log, oldest first; none where there is no log."""
    try:
        with path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - TAIL_BYTES))
            tail = log.read()
    except FileNotFoundError:
        return ()
    return tuple(tail.decode("utf-8", "replace").splitlines()[-count:])
