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
"""What of our environment a command needs that finds a user namespace; the process itself needs nothing."""

_TRIES = 3


class NetworkMaker:
    """Asks a process of its own for networks.

    It is started with the first that is asked for, and again where it has died. It ends with this object:
    with the last end of its socket, so that even a killed agent leaves none behind.
    """

    def __init__(
        self,
        *,
        within: Sequence[str] = (),
        more_sockets: tuple[int, int] = (0, 0),
        python: str = sys.executable,
    ) -> None:
        """Args: within: runs a command in a user namespace that is to own them all; else each has its own.
        more_sockets: how many of IPv4 and of IPv6 a network is made with, beside an instance's own.
        python: the interpreter that runs the process."""
        self._python = python
        self._within = tuple(within)
        self._more = more_sockets
        self._descriptors = 2 + len(network_maker.offered_sockets(*more_sockets))
        self._process: _Process | None = None
        self._places = asyncio.Semaphore(_AT_A_TIME)

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._process is None else self._process.pid

    async def make(self, existing: int | None = None) -> list[int]:
        """Descriptors: the user namespace, the network namespace, and `network_maker.offered_sockets`.

        Of a new network, or of an existing one, entered by way of the user namespace that owns it.

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
                    self._end(process)  # it has died: another one may do better
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
        """End the process. Another `make` starts another."""
        if self._process is not None:
            self._end(self._process)

    def _end(self, process: "_Process") -> None:
        process.end()
        if self._process is process:
            self._process = None


class _Process:
    """The process, and the socket over which it is asked."""

    def __init__(self, process: "subprocess.Popen[bytes]", requests: socket.socket) -> None:
        self.pid = process.pid
        self._requests = requests
        self.end = weakref.finalize(self, _ended, process, requests)

    async def ask(self, existing: int | None, *, most: int) -> tuple[bytes, list[int]]:
        """Its answer, and the descriptors that came with it. Raises OSError, or TimeoutError without one."""
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
    """Start it: with no environment, no descriptor but its socket, and in a session of its own."""
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
    """Raises TimeoutError."""
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
