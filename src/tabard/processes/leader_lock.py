"""One of several processes works, and the others stand by: they wait for a lock that ends with its holder."""

import fcntl
import os
from pathlib import Path


def acquire_leader_lock(path: Path) -> int:
    """Return once no other process has the turn; this one has it until it ends, however it ends.

    The kernel hands it on: nobody has to notice that the former holder is gone.

    INVARIANT: a record lock. A lock of flock(2) is shared by forked children, and one of theirs could hold it
    on. And nothing else in this process opens the file: closing it would give the turn away (fcntl(2)).

    Returns:
        The descriptor that holds the turn.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    return descriptor
