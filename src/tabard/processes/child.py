"""One running child process: started, signaled and reaped by its own process object, never by name."""

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

from tabard.processes.isolation import LAUNCH_FILE
from tabard.processes.log_file import open_log
from tabard.processes.spec import ChildSpec

# The interval of polling the child if there is no pidfd (macOS).
POLL_SECONDS = 0.1


class Child:
    """A started process. `ended` is the future of its exit status, or of minus the signal that killed it."""

    def __init__(self, spec: ChildSpec) -> None:
        """Start it, and watch for its end in the running loop.

        INVARIANT: called in the main thread. PR_SET_PDEATHSIG fires at the end of the *thread* that started
        the child: PR_SET_PDEATHSIG(2const). A child started by a pool's thread would be killed with it.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("children are started in the main thread: they would end with another one")
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self._process = _spawn(spec)
        self._pidfd = _pidfd_of(self._process)
        if self._pidfd is None:
            self._loop.call_later(POLL_SECONDS, self._poll_again)
        else:
            self._loop.add_reader(self._pidfd, self._reap)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send_signal(self, number: int) -> None:
        """Signal it if it still runs. Nobody else reaps it, so its pid cannot be reused yet."""
        self._process.send_signal(number)

    async def end(self, *, grace_seconds: float) -> int:
        """Ask it to end (SIGTERM), kill it after the grace (0: at once), and return its exit status."""
        try:
            if grace_seconds > 0:
                self._process.terminate()
                await asyncio.wait({self.ended}, timeout=grace_seconds)
        finally:
            self._process.kill()  # no effect on an ended process
        return await asyncio.shield(self.ended)

    def _reap(self) -> None:
        status = self._process.poll()
        if status is None:
            return
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        if not self.ended.done():
            self.ended.set_result(status)

    def _poll_again(self) -> None:
        self._reap()
        if not self.ended.done():
            self._loop.call_later(POLL_SECONDS, self._poll_again)


def _pidfd_of(process: "subprocess.Popen[bytes]") -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(process.pid)
    except OSError:  # a kernel or a seccomp filter without pidfd_open
        return None


def _spawn(spec: ChildSpec) -> "subprocess.Popen[bytes]":
    stdin = _stdin_of(spec)
    try:
        log = open_log(spec.log_path)
        try:
            # In its own session: Ctrl-C reaches only the supervisor, which ends its children in order.
            return subprocess.Popen(  # noqa: S603 - the argument vector comes from our own specs
                launch_argv(spec),
                stdin=stdin,
                stdout=log if spec.logs_stdout else subprocess.DEVNULL,
                stderr=log,
                env=dict(spec.env),
                cwd=spec.cwd,
                pass_fds=spec.keep_fds,
                start_new_session=True,
            )
        finally:
            os.close(log)
    finally:
        os.close(stdin)


def _stdin_of(spec: ChildSpec) -> int:
    if spec.stdin_secret is None:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    reading, writing = os.pipe()
    try:
        os.write(writing, spec.stdin_secret)
    finally:
        os.close(writing)
    return reading


def launch_argv(spec: ChildSpec) -> list[str]:
    """Return the command line that starts a child through the launcher. It contains no secret."""
    argv = [sys.executable, "-I", "-S", LAUNCH_FILE, "--parent-pid", str(os.getpid())]
    argv += ["--umask", f"{spec.umask:o}"]
    if spec.isolate_network:
        argv += ["--isolate-network", "--private-tmp"]
        for folder in (spec.cwd, *_folders_of_program(spec.argv[0]), *spec.keep_folders):
            argv += ["--keep-folder", str(folder)]
    if spec.uid is not None:
        argv += ["--uid", str(spec.uid)]
    if spec.gid is not None:
        argv += ["--gid", str(spec.gid)]
    for descriptor in spec.keep_fds:
        argv += ["--keep-fd", str(descriptor)]
    if spec.allow_new_privileges:
        argv.append("--allow-new-privileges")
    return [*argv, "--", *spec.argv]


def _folders_of_program(program: str) -> tuple[Path, ...]:
    if "/" not in program:
        return ()
    path = Path(program)
    return (path.parent, path.resolve().parent)
