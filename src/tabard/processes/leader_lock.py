"""One of several processes works, and the others stand by: they wait for a lock that ends with its holder."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path


def acquire_leader_lock(path: Path) -> int:
    """Return once no other process has the turn; this one has it until it ends, however it ends.

    The kernel hands it on: nobody has to notice that the former holder is gone.

    INVARIANT: a record lock. A lock of flock(2) is shared by forked children, and one of theirs could hold it
    on. And nothing else in this process opens the file: closing it would give the turn away (fcntl(2)).

    Returns:
        The descriptor that holds the turn.
    """
    descriptor = _open(path)
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    return descriptor


@dataclass(slots=True)
class LeaderLock:
    """The same lock for a process that does other work meanwhile: it asks now and then, and never waits.

    INVARIANT: one object for each file in a process. A second one that closes the file would give it away.
    """

    path: Path
    _descriptor: int | None = None

    def is_held(self) -> bool:
        """Take the lock if nobody has it; whether this process has it, which it then keeps until it ends."""
        if self._descriptor is not None:
            return True
        descriptor = _open(self.path)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
