"""The log file of a child's output: private, and bounded at every start and while the child runs."""

import os
from pathlib import Path

LOG_LIMIT_BYTES = 8 * 1024 * 1024
TAIL_BYTES = 16 * 1024


def open_log(path: Path) -> int:
    """Open a log for appending, mode 0600. A log above 8 MiB is first renamed to `NAME.1`."""
    if path.is_file() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def bound_log(path: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> bool:
    """Move the content of a log above the limit to `NAME.1`; return whether it was above the limit.

    The child continues to append through its own descriptor: its next line is the first of the emptied file.
    Output between the copy and the truncation, some microseconds, is lost. `NAME.1` contains the newest
    `limit_bytes`, and at most as much again from the time of the copy.
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
    """Return the last lines of a log, oldest first; none if there is no log."""
    try:
        with path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - TAIL_BYTES))
            tail = log.read()
    except FileNotFoundError:
        return ()
    return tuple(tail.decode("utf-8", "replace").splitlines()[-count:])
