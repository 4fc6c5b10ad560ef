"""The process that makes or enters network namespaces. It serves requests on a socket, and forks for each.

unshare(CLONE_NEWUSER) requires a process with one thread and moves it permanently. So each network needs its
own process. An interpreter takes 20 ms to start, a fork of this one 1 ms. This process is never forked from
an agent: it starts without environment and with one descriptor. So it never contains a key.

Run it as `python -I -S -c PROGRAM FOLDER FD MODE MORE_IPV4 MORE_IPV6`. FD is a socket. Each message on it
carries a descriptor: a socket for the answer. It may carry a second: a network namespace to enter; without it
the process makes a new one. MODE is `own` (each in its own user namespace) or `here` (in the user namespace
of this process). The last two are the numbers of extra sockets of each family. An answer is `offered` with
descriptors of the two namespaces and of sockets inside, or `!` and one sentence. The process ends when the
last other end of FD closes, also when its holder dies.

The parent of this process may use the namespaces like a process inside: a parent with the same uid owns the
user namespaces (user_namespaces(7)). This module imports almost nothing: `socket` alone costs 8 ms.
"""

import _socket
import fcntl
import os
import signal
import sys

from tabard.processes.launch import (
    CLONE_NEWNET,
    CLONE_NEWUSER,
    PR_SET_PDEATHSIG,
    CannotLaunch,
    LibC,
    enter_namespaces,
)

PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from tabard.processes.network_maker import main
main(*sys.argv[2:])
"""
HERE, OWN = "here", "own"
NS_GET_USERNS = 0xB701
"""Returns the user namespace that owns a namespace: ioctl_ns(2)."""

AF_INET, AF_INET6, AF_NETLINK = 2, 10, 16
SOCK_STREAM, SOCK_RAW = 1, 3
Offered = tuple[tuple[int, int], ...]


def offered_sockets(more_ipv4: int = 0, more_ipv6: int = 0) -> Offered:
    """Return the sockets of an instance's network: one to add addresses, then those that listen."""
    ipv4, ipv6 = ((AF_INET, SOCK_STREAM),), ((AF_INET6, SOCK_STREAM),)
    return ((AF_NETLINK, SOCK_RAW),) + (4 + more_ipv4) * ipv4 + (2 + more_ipv6) * ipv6


OFFERED = b"offered"
REFUSED = b"!"
ANSWER_BYTES = 1024
_DESCRIPTOR_BYTES = 4
_RIGHTS_BYTES = _socket.CMSG_SPACE(2 * _DESCRIPTOR_BYTES)


def main(descriptor: str, mode: str, more_ipv4: str, more_ipv6: str) -> None:
    """Serve requests until the last client has closed its end."""
    requests = _socket.socket(fileno=int(descriptor))
    offered = offered_sockets(int(more_ipv4), int(more_ipv6))
    libc = LibC()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the forked children
    while True:
        message, rights, _, _ = requests.recvmsg(1, _RIGHTS_BYTES)
        if not message:
            return
        for _, _, content in rights:
            starts = range(0, len(content), _DESCRIPTOR_BYTES)
            given = [int.from_bytes(content[at : at + _DESCRIPTOR_BYTES], sys.byteorder) for at in starts]
            _fork_for(libc, requests.fileno(), given[0], mode, offered, *given[1:])
            for one in given:
                os.close(one)


def _fork_for(
    libc: LibC, requests: int, reply: int, mode: str, offered: Offered, network: int | None = None
) -> None:
    maker_pid = os.getpid()
    try:
        if os.fork() != 0:
            return
    except OSError as error:
        _refuse(reply, f"no process can be started: {error.strerror}")
        return
    try:
        os.close(requests)  # otherwise it would keep this process alive
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() == maker_pid:
            user = _enter(libc, mode) if network is None else _enter_existing(libc, network)
            _offer(reply, user, offered)
    except CannotLaunch as reason:
        _refuse(reply, str(reason))
    except OSError as error:
        _refuse(reply, f"the namespaces cannot be handed over: {error.strerror}")
    finally:
        os._exit(0)


def _enter(libc: LibC, mode: str) -> int:
    """Move this process into a new network namespace; return a descriptor of its user namespace."""
    if mode == HERE:
        libc.unshare(CLONE_NEWNET)
    else:
        enter_namespaces(libc, CLONE_NEWNET)
    return os.open("/proc/self/ns/user", os.O_RDONLY)


def _enter_existing(libc: LibC, network: int) -> int:
    """Enter a network namespace through its owner; return a descriptor of that user namespace.

    INVARIANT: enter the owner, not the user namespace of a process inside: a sandbox has a nested one.
    """
    try:
        user = fcntl.ioctl(network, NS_GET_USERNS)
        libc.setns(user, CLONE_NEWUSER)
        libc.setns(network, CLONE_NEWNET)
    except OSError as error:
        raise CannotLaunch(f"its network is not one of ours to enter: {error.strerror}") from error
    return user


def _offer(reply: int, user: int, sockets: Offered) -> None:
    """Send both namespaces, with sockets from inside."""
    offered = [user, os.open("/proc/self/ns/net", os.O_RDONLY)]
    for family, kind in sockets:
        try:
            offered.append(_socket.socket(family, kind, 0).detach())
        except OSError:  # no IPv6 on this machine
            offered.append(os.open(os.devnull, os.O_RDONLY))
    rights = b"".join(one.to_bytes(_DESCRIPTOR_BYTES, sys.byteorder) for one in offered)
    _socket.socket(fileno=reply).sendmsg([OFFERED], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])


def _refuse(reply: int, sentence: str) -> None:
    os.write(reply, (REFUSED + sentence.encode())[:ANSWER_BYTES])
