"""Makes or enters network namespaces for whoever asks over a socket: one process, which forks for each.

unshare(CLONE_NEWUSER) wants a process of one thread, and it moves that process for good; so a network takes
a process of its own. An interpreter takes 20 ms to start, a fork of this one takes 1. It is started afresh,
with no environment and one descriptor, and never forked from an agent: it holds no key, as it never had one.

Run as `python -I -S -c PROGRAM FOLDER FD MODE MORE_IPV4 MORE_IPV6`: FD is a socket whose messages carry a
descriptor, a socket to answer by, and may carry a second: a network namespace to enter; else one is made.
MODE is `own`, with a user namespace around each, or `here`, in the one that this process was started in. The
last two are how many sockets of each family are offered beside an instance's own. Answers are `offered` with
descriptors of the two namespaces and of sockets made inside, or `!` and one sentence. It ends when the last
other end of FD is closed, be it by the death of who held it.

Whoever started it may use what it makes as if inside: they own the user namespaces, as their creator's parent
with the same uid (user_namespaces(7)). Imports next to nothing: `socket` alone costs 8 ms.
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
"""The user namespace that owns a namespace: ioctl_ns(2)."""

AF_INET, AF_INET6, AF_NETLINK = 2, 10, 16
SOCK_STREAM, SOCK_RAW = 1, 3
Offered = tuple[tuple[int, int], ...]


def offered_sockets(more_ipv4: int = 0, more_ipv6: int = 0) -> Offered:
    """What an instance's network is made of: one to give addresses by, then those to listen by."""
    ipv4, ipv6 = ((AF_INET, SOCK_STREAM),), ((AF_INET6, SOCK_STREAM),)
    return ((AF_NETLINK, SOCK_RAW),) + (4 + more_ipv4) * ipv4 + (2 + more_ipv6) * ipv6


OFFERED = b"offered"
REFUSED = b"!"
ANSWER_BYTES = 1024
_DESCRIPTOR_BYTES = 4
_RIGHTS_BYTES = _socket.CMSG_SPACE(2 * _DESCRIPTOR_BYTES)


def main(descriptor: str, mode: str, more_ipv4: str, more_ipv6: str) -> None:
    """Serve until nobody can ask any more."""
    requests = _socket.socket(fileno=int(descriptor))
    offered = offered_sockets(int(more_ipv4), int(more_ipv6))
    libc = LibC()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps what is forked
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
        os.close(requests)  # or it would keep the maker alive
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
    """Make a network namespace around this process; a descriptor of the user namespace that owns it."""
    if mode == HERE:
        libc.unshare(CLONE_NEWNET)
    else:
        enter_namespaces(libc, CLONE_NEWNET)
    return os.open("/proc/self/ns/user", os.O_RDONLY)


def _enter_existing(libc: LibC, network: int) -> int:
    """Enter a network namespace by way of its owner; a descriptor of that user namespace.

    INVARIANT: its owner, not the user namespace of a process in it: a sandbox's has entered a further one.
    """
    try:
        user = fcntl.ioctl(network, NS_GET_USERNS)
        libc.setns(user, CLONE_NEWUSER)
        libc.setns(network, CLONE_NEWNET)
    except OSError as error:
        raise CannotLaunch(f"its network is not one of ours to enter: {error.strerror}") from error
    return user


def _offer(reply: int, user: int, sockets: Offered) -> None:
    """Send both namespaces, with sockets made inside."""
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
