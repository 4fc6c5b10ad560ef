"""The processes below a `tabard up`, as /proc tells."""

import re
from collections.abc import Iterable
from pathlib import Path

from tests.support.running_system import RunningSystem, until

PROC = Path("/proc")


def children_of(pid: int) -> dict[int, list[str]]:
    """The processes that descend from `pid`, with their command lines."""
    parents: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            status = read(int(entry.name), "stat")
            if status:
                parents.setdefault(int(status.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found: dict[int, list[str]] = {}
    waiting = [pid]
    while waiting:
        for child in parents.get(waiting.pop(), ()):
            found[child] = read(child, "cmdline").split("\0")
            waiting.append(child)
    return found


def named(processes: dict[int, list[str]], word: str) -> list[int]:
    """The pids of those whose command line has an argument that is, or whose program's name is, `word`."""
    return sorted(
        pid
        for pid, command in processes.items()
        if (word in command or Path(command[0]).name == word) and "--parent-pid" not in command
    )


def read(pid: int, name: str) -> str:
    """A file of a process; empty once the process is gone."""
    try:
        return (PROC / str(pid) / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def peak_memory_bytes(pid: int) -> int:
    """The most memory that the process has ever had resident."""
    found = re.search(r"VmHWM:\s+([0-9]+) kB", read(pid, "status"))
    assert found
    return int(found[1]) * 1024


def alive(pids: Iterable[int]) -> list[int]:
    """Those that still run; one that only waits to be reaped does not."""
    return [pid for pid in pids if read(pid, "stat").rpartition(")")[2].split()[:1] not in ([], ["Z"], ["X"])]


_CHILDREN = {
    "seaweedfs": "weed",
    "moto": "tabard.edge.upstreams.moto_server",
    "edge": "edge-process",
    "agent": "agent-process",
}


def child_named(system: RunningSystem, name: str) -> int:
    """The pid of the one child of that name, once there is one that has been launched."""

    def found() -> int:
        pids = named(children_of(system.process.pid), _CHILDREN[name])
        return pids[0] if pids else 0

    return until(found, f"a child {name}", seconds=30)


def turn_of_agents(system: RunningSystem) -> tuple[int, list[int]]:
    """The agent that works, 0 where none does, and those that stand by."""
    lock = (system.data_dir / "run" / "agent.leader-lock").resolve()
    if not lock.exists():
        return 0, []
    inode = f":{lock.stat().st_ino}"
    rows = [row.split() for row in (PROC / "locks").read_text(encoding="ascii").splitlines()]
    works, waiting = 0, []
    for row in rows:
        is_waiting = row[1] == "->"
        _, _, _, pid, file, *_ = row[2:] if is_waiting else row[1:]
        if file.endswith(inode) and is_waiting:
            waiting.append(int(pid))
        elif file.endswith(inode):
            works = int(pid)
    return works, waiting


def sockets_of(pid: int) -> set[str]:
    """The inodes of a process's sockets."""
    found = set()
    try:
        for entry in (PROC / str(pid) / "fd").iterdir():
            link = str(entry.readlink())
            if link.startswith("socket:["):
                found.add(link[8:-1])
    except OSError:  # it has gone meanwhile, or is another user's
        return found
    return found


def _rows(pid: int | str, name: str) -> list[list[str]]:
    path = PROC / str(pid) / "net" / name
    return [line.split() for line in path.read_text(encoding="utf-8").splitlines()[1:]]


def listening_ports(pid: int, *, here: bool = False) -> list[int]:
    """The TCP ports that a process listens on; `here`: in our own network namespace, and not in its."""
    own = sockets_of(pid)
    rows = [row for name in ("tcp", "tcp6") for row in _rows("self" if here else pid, name)]
    return sorted({int(row[1].rsplit(":", 1)[1], 16) for row in rows if row[3] == "0A" and row[9] in own})


def socket_paths(pid: int) -> list[str]:
    """The UNIX sockets that a process has bound, abstract ones included."""
    own = sockets_of(pid)
    rows = [row for row in _rows(pid, "unix") if row[6] in own and len(row) > 7]
    return sorted({row[7].replace("@", "\0", 1) for row in rows})


def edge_serving(system: RunningSystem, client_port: int) -> int:
    """The pid of the edge that holds the other end of a connection from `client_port`; 0 where none does."""
    inodes = {
        row[9] for row in _rows("self", "tcp") if row[2].endswith(f":{client_port:04X}") and row[3] == "01"
    }
    for pid in named(children_of(system.process.pid), "edge-process"):
        if inodes & sockets_of(pid):
            return pid
    return 0
