"""Makes a user and a network namespace for whoever asks over a socket: one process, which forks for each.

unshare(CLONE_NEWUSER) wants a process of one thread, and it moves that process for good; so a network takes
a process of its own. An interpreter takes 20 ms to start, a fork of this one takes 1. It is started afresh,
with no environment and one descriptor, and never forked from an agent: it holds no key, as it never had one.

Run as `python -I -S -c PROGRAM FOLDER FD`: FD is a socket whose messages carry one descriptor each, a socket
to answer by. Answers are `offered` with descriptors of the two namespaces and of sockets made inside, or `!`
and one sentence. It ends when the last other end of FD is closed, be it by the death of who held it.

Whoever started it may use what it makes as if inside: they own the user namespaces, as their creator's parent
with the same uid (user_namespaces(7)). Imports next to nothing: `socket` alone costs 8 ms.
"""

import _socket
import os
import signal
import sys

from tabard.processes.launch import (
    CLONE_NEWNET,
    PR_SET_PDEATHSIG,
    CannotLaunch,
    LibC,
    enter_namespaces,
)

PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from tabard.processes.network_maker import main
main(sys.argv[2])
"""
AF_INET, AF_INET6, AF_NETLINK = 2, 10, 16
SOCK_STREAM, SOCK_RAW = 1, 3
OFFERED_SOCKETS = ((AF_NETLINK, SOCK_RAW),) + 4 * ((AF_INET, SOCK_STREAM),) + 2 * ((AF_INET6, SOCK_STREAM),)
"""What an instance's network is made of: one to give addresses by, then those to listen by."""

OFFERED = b"offered"
REFUSED = b"!"
ANSWER_BYTES = 1024
_DESCRIPTOR_BYTES = 4
_RIGHTS_BYTES = _socket.CMSG_SPACE(_DESCRIPTOR_BYTES)


def main(descriptor: str) -> None:
    """Serve until nobody can ask any more."""
    requests = _socket.socket(fileno=int(descriptor))
    libc = LibC()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps what is forked
    while True:
        message, rights, _, _ = requests.recvmsg(1, _RIGHTS_BYTES)
        if not message:
            return
        for _, _, content in rights:
            reply = int.from_bytes(content[:_DESCRIPTOR_BYTES], sys.byteorder)
            _fork_for(libc, requests.fileno(), reply)
            os.close(reply)


def _fork_for(libc: LibC, requests: int, reply: int) -> None:
    maker_pid = os.getpid()
    try:
        if os.fork() != 0:
            return
    except OSError as error:
        _refuse(reply, f"no process can be started: {error.strerror}")
        return
    try:
        os.close(requests)  # or it would keep the maker alive
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() == maker_pid:
            _offer(libc, reply)
    except CannotLaunch as reason:
        _refuse(reply, str(reason))
    except OSError as error:
        _refuse(reply, f"the namespaces cannot be handed over: {error.strerror}")
    finally:
        os._exit(0)


def _offer(libc: LibC, reply: int) -> None:
    """Make both namespaces around this process, and send them."""
    enter_namespaces(libc, CLONE_NEWNET)
    offered = [os.open(f"/proc/self/ns/{kind}", os.O_RDONLY) for kind in ("user", "net")]
    for family, kind in OFFERED_SOCKETS:
        try:
            offered.append(_socket.socket(family, kind, 0).detach())
        except OSError:  # no IPv6 on this machine
            offered.append(os.open(os.devnull, os.O_RDONLY))
    rights = b"".join(one.to_bytes(_DESCRIPTOR_BYTES, sys.byteorder) for one in offered)
    _socket.socket(fileno=reply).sendmsg([OFFERED], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])


def _refuse(reply: int, sentence: str) -> None:
    os.write(reply, (REFUSED + sentence.encode())[:ANSWER_BYTES])
