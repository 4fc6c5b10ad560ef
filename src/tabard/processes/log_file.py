"""Where a child's output goes: one private file, kept within a bound at every start and while it runs."""

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


def bound_log(path: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> bool:
    """Move what a log holds to `NAME.1` once it has grown past the limit; whether it had.

    The child goes on writing through its own descriptor, which appends: its next line is the first of the
    emptied file. What it writes between the copy and the emptying, some microseconds, is lost. `NAME.1` holds
    the newest `limit_bytes`, and as much again at most of what came during the copy.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    with os.fdopen(descriptor, "r+b") as log:
        size = os.fstat(descriptor).st_size
        if size <= limit_bytes:
            return False
        log.seek(size - limit_bytes)
        draft = path.with_name(path.name + ".draft")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as former:
            former.write(log.read(2 * limit_bytes))
        draft.replace(path.with_name(path.name + ".1"))
        os.ftruncate(descriptor, 0)
    return True


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
