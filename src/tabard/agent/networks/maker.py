"""The agent's side of the process that makes networks without root."""

import asyncio
import os
import socket
import subprocess
import sys
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import tabard
from tabard.agent.networks.network import NoNetwork
from tabard.processes import network_maker

_ANSWER_SECONDS = 10.0
_AT_A_TIME = 16
_OF_WITHIN = ("HOME", "PATH", "XDG_RUNTIME_DIR")
"""The variables that a command needs to find a user namespace; the process itself needs none."""

_TRIES = 3


class NetworkMaker:
    """Requests networks from a helper process.

    The first request starts the process; a later one restarts it if it has died. It ends when its socket
    closes, so that even a killed agent leaves no process behind.
    """

    def __init__(
        self,
        *,
        within: Sequence[str] = (),
        more_sockets: tuple[int, int] = (0, 0),
        python: str = sys.executable,
    ) -> None:
        """Args: within: runs a command in a user namespace that owns all networks; else each has its own.
        more_sockets: the numbers of extra IPv4 and IPv6 sockets in each network.
        python: the interpreter that runs the process."""
        self._python = python
        self._within = tuple(within)
        self._more = more_sockets
        self._descriptors = 2 + len(network_maker.offered_sockets(*more_sockets))
        self._process: _Process | None = None
        self._places = asyncio.Semaphore(_AT_A_TIME)

    @property
    def pid(self) -> int | None:
        """The pid of the process; None while there is none."""
        return None if self._process is None else self._process.pid

    async def make(self, existing: int | None = None) -> list[int]:
        """Return descriptors: user namespace, network namespace, and `network_maker.offered_sockets`.

        They belong to a new network, or to an existing one, entered through its user namespace.

        Raises NoNetwork.
        """
        async with self._places:
            for _ in range(_TRIES):
                process = self._process
                if process is None:
                    process = self._process = _started(self._within, self._more, self._python)
                try:
                    answer, descriptors = await process.ask(existing, most=self._descriptors)
                except TimeoutError:
                    self._end(process)
                    raise NoNetwork(f"no network was made within {_ANSWER_SECONDS:g} s") from None
                except OSError:
                    self._end(process)  # it has died: a new one may succeed
                    continue
                if answer.startswith(network_maker.REFUSED):
                    raise NoNetwork(answer[len(network_maker.REFUSED) :].decode(errors="replace"))
                if len(descriptors) < self._descriptors:
                    for descriptor in descriptors:
                        os.close(descriptor)
                    raise NoNetwork("there are no descriptors left for another network")
                return descriptors
        where = f" (by {' '.join(self._within)})" if self._within else ""
        raise NoNetwork(f"the process that makes networks does not stay alive{where}")

    def close(self) -> None:
        """End the process. The next `make` starts a new one."""
        if self._process is not None:
            self._end(self._process)

    def _end(self, process: "_Process") -> None:
        process.end()
        if self._process is process:
            self._process = None


class _Process:
    """The process, and the socket for its requests."""

    def __init__(self, process: "subprocess.Popen[bytes]", requests: socket.socket) -> None:
        self.pid = process.pid
        self._requests = requests
        self.end = weakref.finalize(self, _ended, process, requests)

    async def ask(self, existing: int | None, *, most: int) -> tuple[bytes, list[int]]:
        """Return its answer and descriptors. Raises OSError, or TimeoutError without an answer."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                given = [theirs.fileno()] if existing is None else [theirs.fileno(), existing]
                socket.send_fds(self._requests, [b"?"], given)
            await _readable(ours)
            answer, descriptors, _, _ = socket.recv_fds(ours, network_maker.ANSWER_BYTES, most)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        if not answer:
            raise ConnectionResetError("it ended without an answer")
        return answer, descriptors


def _started(within: Sequence[str], more_sockets: tuple[int, int], python: str) -> _Process:
    """Start the process in its own session, without environment, with only its socket as descriptor."""
    mode = network_maker.HERE if within else network_maker.OWN
    environment = {name: os.environ[name] for name in _OF_WITHIN if within and name in os.environ}
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(_ANSWER_SECONDS)
    folder = str(Path(tabard.__file__).parent.parent)
    isolated = [python, "-I", "-S", "-c"]
    more = [str(count) for count in more_sockets]
    with theirs:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own program, no input
                [*within, *isolated, network_maker.PROGRAM, folder, str(theirs.fileno()), mode, *more],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise NoNetwork(f"the process that makes networks cannot be started: {error}") from error
    return _Process(process, ours)


def _ended(process: "subprocess.Popen[bytes]", requests: socket.socket) -> None:
    requests.close()
    process.kill()
    process.wait()


async def _readable(end: socket.socket) -> None:
    """Wait until the socket is readable. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def note() -> None:
        with suppress(asyncio.InvalidStateError):
            readable.set_result(None)

    loop.add_reader(end, note)
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await readable
    finally:
        loop.remove_reader(end)
