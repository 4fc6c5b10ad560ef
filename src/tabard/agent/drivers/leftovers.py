"""Leftover processes of instances: a killed agent could not end them, so the next agent does.

The main processes die with a killed agent (PR_SET_PDEATHSIG), but their children do not. Every process of an
instance inherits `TABARD_INSTANCE_ID`, by which the next agent finds it.
"""

import os
import signal
import sys
from collections.abc import Collection
from pathlib import Path

INSTANCE_VARIABLE = "TABARD_INSTANCE_ID"
_PROC = Path("/proc")


def end_leftovers(instance_ids: Collection[str], *, network: int | None = None) -> int:
    """Kill every process that was started in one of these instances; return their number. Linux only.

    A pidfd is opened before the process is examined, so that the killed process is the examined one.

    Args: network: a network namespace. All processes in it are the instance's, whatever their environment.
    """
    if sys.platform != "linux" or not instance_ids:
        return 0
    marks = {f"{INSTANCE_VARIABLE}={instance_id}".encode() for instance_id in instance_ids}
    inside = None if network is None else _identity(os.fstat(network))
    pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    return sum(_ended(pid, marks, inside) for pid in pids)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _ended(pid: int, marks: set[bytes], inside: tuple[int, int] | None) -> bool:
    try:
        held = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        process = _PROC / str(pid)
        is_marked = not marks.isdisjoint((process / "environ").read_bytes().split(b"\0"))
        if not is_marked and inside is not None:
            is_marked = _identity((process / "ns" / "net").stat()) == inside
        if is_marked:
            signal.pidfd_send_signal(held, signal.SIGKILL)
    except OSError:  # it has ended, or belongs to another user
        return False
    else:
        return is_marked
    finally:
        os.close(held)
