"""Leader lock: one of several processes works; the others wait for a lock that ends with its holder."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path


def acquire_leader_lock(path: Path) -> int:
    """Return once this process is the leader. It stays the leader until it ends in any way.

    The kernel passes the lock on: no process has to detect the end of the former leader.

    INVARIANT: it is a record lock. Forked children share a lock of flock(2) and could hold it longer. Nothing
    else in this process opens the file: closing it would release the lock (fcntl(2)).

    Returns:
        The descriptor that holds the lock.
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
