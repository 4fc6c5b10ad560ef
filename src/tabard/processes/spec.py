"""The specification, events, status and failures of a supervised child."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

ReadyProbe = Callable[[], Awaitable[bool]]

CHILD_STARTED: Final = "child_started"
CHILD_EXITED: Final = "child_exited"
CHILD_RESTARTED: Final = "child_restarted"
EventName = Literal["child_started", "child_exited", "child_restarted"]

ChildState = Literal["starting", "running", "restarting", "stopped"]

# Every system's pipe accepts this much without a reader: PIPE_BUF or more.
SECRET_LIMIT_BYTES = 4096


async def ready_at_once() -> bool:
    """Report ready at once, for a child that opens nothing first."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """One child process: its command, its environment and its test of readiness.

    `env` is the whole environment; nothing is inherited. `stdin_secret` (at most 4,096 bytes) is the whole
    content of stdin; without it stdin is /dev/null. stdout and stderr are appended to `log_path` (mode 0600);
    without `logs_stdout` only stderr. `isolate_network` gives the child its own network namespace and /tmp.
    The working directory, the program's folder and `keep_folders` stay visible there. `keep_fds` stay open in
    the child under their numbers. `ready` is called until it returns True; an OSError means "not yet".
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    log_path: Path
    stdin_secret: bytes | None = field(default=None, repr=False)
    isolate_network: bool = False
    keep_folders: tuple[Path, ...] = ()
    keep_fds: tuple[int, ...] = ()
    uid: int | None = None
    gid: int | None = None
    umask: int = 0o077
    allow_new_privileges: bool = False
    ready: ReadyProbe = ready_at_once
    ready_timeout_seconds: float = 30.0
    restart: bool = True
    logs_stdout: bool = True
    stop_grace_seconds: float = 5.0

    def __post_init__(self) -> None:
        if not self.argv:
            raise ValueError(f"child {self.name} has no command")
        if self.stdin_secret is not None and len(self.stdin_secret) > SECRET_LIMIT_BYTES:
            raise ValueError(f"the secret of child {self.name} is longer than {SECRET_LIMIT_BYTES} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildEvent:
    """An event of a child.

    `exit_status` is its exit status, or minus the signal; `expected` means that the supervisor ended it.
    """

    event: EventName
    child: str
    pid: int
    exit_status: int | None = None
    expected: bool = True
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStatus:
    """The present status of a child; `pid` is None while it does not run."""

    name: str
    state: ChildState
    pid: int | None
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The delay before a restart. It doubles up to a bound; a calm period resets it."""

    first_seconds: float = 0.2
    longest_seconds: float = 10.0
    calm_seconds: float = 30.0

    def delay_seconds(self, failures: int) -> float:
        """Return the delay before the restart after the n-th failure in a row (n ≥ 1)."""
        doublings = min(failures - 1, 32)
        return min(self.first_seconds * float(2**doublings), self.longest_seconds)


class ChildFailed(Exception):
    """A child ended, or was not ready in time. Contains the last lines of its log."""

    def __init__(self, *, name: str, reason: str, last_log_lines: tuple[str, ...]) -> None:
        self.name = name
        self.reason = reason
        self.last_log_lines = last_log_lines
        shown = "".join(f"\n  {line}" for line in last_log_lines)
        super().__init__(f"{name} {reason}{shown}")
