"""The descriptors and memory of Tabard's processes, as Linux reports them. Unknown on other systems.

The parent reads it, not the process itself: one that has no descriptor left cannot open `/proc`.
proc(5): since Linux 6.2 the size of `/proc/PID/fd` is the number of open descriptors.
"""

import resource
from contextlib import suppress
from pathlib import Path

from tabard.metrics.processes_seen import ProcessUsage

PROC = Path("/proc")
_PAGE_BYTES = resource.getpagesize()


def usage_of(pid: int, *, proc: Path = PROC) -> ProcessUsage:
    """Return the usage of a process; zeros where it ended, or is not ours to look at."""
    folder = proc / str(pid)
    count, limit, resident_bytes = 0, 0, 0
    with suppress(OSError, ValueError, IndexError):
        resident_bytes = int((folder / "statm").read_text().split()[1]) * _PAGE_BYTES
    with suppress(OSError, ValueError, StopIteration):
        lines = (folder / "limits").read_text().splitlines()
        soft = next(line for line in lines if line.startswith("Max open files")).split()[3]
        count = (folder / "fd").stat().st_size or sum(1 for _ in (folder / "fd").iterdir())
        limit = 0 if soft == "unlimited" else int(soft)
    return ProcessUsage(open_descriptors=count, descriptor_limit=limit, resident_bytes=resident_bytes)
