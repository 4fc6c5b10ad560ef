"""A process held by its pidfd: a number may come to mean another's process or group, a pidfd never."""

import os
import signal
from contextlib import suppress

_PROCESS_GROUP = 4
"""PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9: pidfd_send_signal(2)."""


def hold(pid: int) -> int | None:
    """A descriptor of a child; None where it is gone already, or the machine has no such descriptors."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def signal_group(pidfd: int, number: signal.Signals) -> bool:
    """Signal the process and all of its group, also once it has itself ended; whether the kernel knows how.

    An older kernel signals the process alone.
    """
    try:
        signal.pidfd_send_signal(pidfd, number, None, _PROCESS_GROUP)
    except ProcessLookupError:
        return True  # there is nobody left in it
    except OSError:
        with suppress(OSError):
            signal.pidfd_send_signal(pidfd, number)
        return False
    return True
