"""What an instance's main process had started and a killed agent could not end: found and ended by the next.

A killed agent takes the main processes with it (PR_SET_PDEATHSIG), but not what those had started
themselves. Every process of an instance inherits `TABARD_INSTANCE_ID`, by which it is known again.
"""

import os
import signal
import sys
from collections.abc import Collection
from pathlib import Path

INSTANCE_VARIABLE = "TABARD_INSTANCE_ID"
_PROC = Path("/proc")


def end_leftovers(instance_ids: Collection[str]) -> int:
    """Kill every process that was started in one of these instances; how many there were. Linux alone.

    The process is held by a pidfd before it is looked at: what is killed is what was looked at.
    """
    if sys.platform != "linux" or not instance_ids:
        return 0
    marks = {f"{INSTANCE_VARIABLE}={instance_id}".encode() for instance_id in instance_ids}
    return sum(_ended(int(entry.name), marks) for entry in _PROC.iterdir() if entry.name.isdigit())


def _ended(pid: int, marks: set[bytes]) -> bool:
    try:
        held = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
        is_marked = not marks.isdisjoint(environment)
        if is_marked:
            signal.pidfd_send_signal(held, signal.SIGKILL)
    except OSError:  # it is gone, or another user's
        return False
    else:
        return is_marked
    finally:
        os.close(held)
