"""The process driver: an instance is a process of this machine.

`isolation: none` is what it promises: processes of the same uid can read each other. A launch uid of its own
keeps instances away from the agent's and the edge's files.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from tabard.agent.drivers.console import ConsoleLog
from tabard.agent.drivers.driver import CannotStart, ExitStatus, Running
from tabard.agent.drivers.environment import host_environment
from tabard.agent.drivers.leftovers import INSTANCE_VARIABLE
from tabard.model.messages import DesiredInstance
from tabard.processes import launch

CONSOLE_LOG = "console.log"
HOME = "home"
USER_DATA = "user-data"
_DRAIN_SECONDS = 0.5


class ProcessDriver:
    """Runs an instance's user data as its main process.

    User data that begins with `#!` is executed; any other is told by the metadata service and not run, and
    the instance then runs nothing until it is stopped.
    Differs: when the main process ends, the instance is stopped, as if it had shut itself down.
    """

    def __init__(
        self, *, base_environment: Mapping[str, str], uid: int | None = None, gid: int | None = None
    ) -> None:
        """Args: uid, gid: whom instances run as (needs root); None: as the agent itself."""
        self._base_environment = host_environment(base_environment)
        self._uid = uid
        self._gid = gid

    @property
    def uid(self) -> int:
        return os.getuid() if self._uid is None else self._uid

    @property
    def base_environment(self) -> Mapping[str, str]:
        return self._base_environment

    @property
    def _owner(self) -> tuple[int, int]:
        """Whose an instance's files are, as chown takes it: -1 leaves what is."""
        return -1 if self._uid is None else self._uid, -1 if self._gid is None else self._gid

    async def start(
        self, desired: DesiredInstance, environment: Mapping[str, str], directory: Path
    ) -> Running:
        """Execute the user data in `home` in `directory`, its output going to console.log beside it."""
        if not desired.user_data.startswith(b"#!"):
            return _NoProcess()
        home = directory / HOME
        home.mkdir(mode=0o700, exist_ok=True)
        program = home / USER_DATA
        # A pipe of our own: asyncio's would have the process not end before everybody has let go of it.
        output, of_process = os.pipe()
        try:
            _write_program(program, desired.user_data, owner=self._owner)
            os.chown(home, *self._owner, follow_symlinks=False)
            process = await asyncio.create_subprocess_exec(
                *launch_command([str(program)], uid=self._uid, gid=self._gid),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=of_process,
                stderr=asyncio.subprocess.STDOUT,
                cwd=home,
                env={
                    **environment,
                    "HOME": str(home),
                    INSTANCE_VARIABLE: desired.instance_id,
                },
                start_new_session=True,
            )
        except OSError as error:
            os.close(output)
            raise CannotStart(f"the user data cannot be run: {error.strerror}") from error
        finally:
            os.close(of_process)
        return _GroupedProcess(process, output, ConsoleLog(directory / CONSOLE_LOG))

    def not_started(self, instance_id: str, reason: str) -> None:
        """Nothing to do: the reason is reported as the instance's."""


def launch_command(
    command: Sequence[str], *, uid: int | None, gid: int | None, allow_new_privileges: bool = False
) -> list[str]:
    """The argument vector that starts `command` as a child which dies with this process."""
    options = ["--parent-pid", str(os.getpid())]
    if uid is not None:
        options += ["--uid", str(uid)]
    if gid is not None:
        options += ["--gid", str(gid)]
    if allow_new_privileges:
        options.append("--allow-new-privileges")
    return [sys.executable, "-I", "-S", launch.__file__, *options, "--", *command]


def _write_program(path: Path, content: bytes, *, owner: tuple[int, int]) -> None:
    """Write the program for its owner, who may already own the folder and move what is in it.

    INVARIANT: what is given away is the file that was just made, by its descriptor; a path may mean another.
    """
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o700)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchown(file.fileno(), *owner)


class _NoProcess:
    """An instance without a main process."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()

    async def wait(self) -> ExitStatus:
        await self._stopped.wait()
        return ExitStatus()

    async def stop(self, grace: timedelta) -> None:  # noqa: ARG002 - nothing has to be waited for
        self._stopped.set()


class _GroupedProcess:
    """A main process that leads a process group of its own, which ends with it."""

    def __init__(self, process: asyncio.subprocess.Process, output: int, console: ConsoleLog) -> None:
        self._process = process
        self._copying = asyncio.create_task(console.copy(output))
        self._ended = asyncio.create_task(self._end())

    async def wait(self) -> ExitStatus:
        return await asyncio.shield(self._ended)

    async def stop(self, grace: timedelta) -> None:
        self._signal_group(signal.SIGTERM)
        done, _ = await asyncio.wait({self._ended}, timeout=grace.total_seconds())
        if not done:
            self._signal_group(signal.SIGKILL)
            await asyncio.shield(self._ended)

    async def _end(self) -> ExitStatus:
        return_code = await self._process.wait()
        # The group keeps its id while any process is left in it, so this reaches those and nobody else. With
        # none left the id is free, and signals to it find no group.
        self._kill_leftovers()
        await asyncio.wait({self._copying}, timeout=_DRAIN_SECONDS)
        self._copying.cancel()
        await asyncio.wait({self._copying})
        return ExitStatus.of(return_code)

    def _signal_group(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _kill_leftovers(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
