"""What a supervised child is, what happens to it, and how it fails."""

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

# A pipe takes this much without a reader, on every system: PIPE_BUF and more.
SECRET_LIMIT_BYTES = 4096


async def ready_at_once() -> bool:
    """The readiness of a child that has nothing to open first."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """One child process: what runs, in which surroundings, and when it counts as ready.

    `env` is the whole environment; nothing is inherited. `stdin_secret` (at most 4,096 bytes) arrives on
    stdin, which is then at its end; without one stdin is /dev/null. stdout and stderr are appended to
    `log_path`, made with mode 0600; without `logs_stdout` only stderr. `isolate_network` gives a network
    namespace and a /tmp of its own, in which the working directory, the program's folder and `keep_folders`
    stay visible. `keep_fds` stay open in the child under their numbers. `ready` is asked until it answers
    True; an OSError means "not yet".
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
    """Something that happened to a child.

    `exit_status` is the status it ended with, or minus the signal; `expected` says that we ended it.
    """

    event: EventName
    child: str
    pid: int
    exit_status: int | None = None
    expected: bool = True
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStatus:
    """How a child is just now; `pid` is None while none runs."""

    name: str
    state: ChildState
    pid: int | None
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before a restart: doubling up to a bound; a calm time makes it short again."""

    first_seconds: float = 0.2
    longest_seconds: float = 10.0
    calm_seconds: float = 30.0

    def delay_seconds(self, failures: int) -> float:
        """The wait before the restart that follows the n-th failure in a row (n ≥ 1)."""
        doublings = min(failures - 1, 32)
        return min(self.first_seconds * float(2**doublings), self.longest_seconds)


class ChildFailed(Exception):
    """A child ended, or was not ready in time; carries the last lines of its log."""

    def __init__(self, *, name: str, reason: str, last_log_lines: tuple[str, ...]) -> None:
        self.name = name
        self.reason = reason
        self.last_log_lines = last_log_lines
        shown = "".join(f"\n  {line}" for line in last_log_lines)
        super().__init__(f"{name} {reason}{shown}")
