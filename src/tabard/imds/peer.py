"""Owner of the socket at the other end of a loopback connection: the user id, from the kernel.

Any local user can connect to a loopback port, so the port alone identifies nobody. Linux reports the owner
of a TCP socket through NETLINK_SOCK_DIAG (`man 7 sock_diag`), without privileges, in about 100 microseconds.
Other systems have no such check, and the agent says so.
"""

import socket
import struct
import sys
from typing import TypeAlias

Address: TypeAlias = tuple[str, int]

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NETLINK_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_REQUEST = struct.Struct("=BBBBI")  # family, protocol, extensions, pad, states
_SOCKET_ID = struct.Struct("!HH16s16s")  # ports and addresses, in network order
_SOCKET_ID_TAIL = struct.Struct("=III")  # interface, cookie
_NO_COOKIE = 0xFFFF_FFFF
_ALL_STATES = 0xFFFF_FFFF
_OWNER = struct.Struct("=II")  # uid, inode
_OWNER_OFFSET = (
    64  # in inet_diag_msg, after family to retrans (4), socket id (48), expires, rqueue, wqueue (12)
)
_ANSWER_TIMEOUT_SECONDS = 1.0


def uid_of_peer(*, peer: Address, own: Address) -> int | None:
    """Return the uid of the socket at `peer` of the IPv4 connection to `own`; None if it is unknown.

    The uid of a socket is that of the process which made it and never changes.
    """
    query = _query(peer, own)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(_ANSWER_TIMEOUT_SECONDS)
            kernel.sendto(query, (0, 0))
            return _owner(kernel.recv(8192))
    except OSError:
        return None


def peer_check_works() -> bool:
    """Report whether this machine can find the owner of a loopback connection. Test it on one of our own."""
    if sys.platform != "linux":
        return False
    with socket.create_server(("127.0.0.1", 0)) as listener:
        own: Address = listener.getsockname()
        with socket.create_connection(own) as client:
            return uid_of_peer(peer=client.getsockname(), own=own) is not None


def _query(peer: Address, own: Address) -> bytes:
    body = (
        _REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ALL_STATES)
        + _SOCKET_ID.pack(peer[1], own[1], socket.inet_aton(peer[0]), socket.inet_aton(own[0]))
        + _SOCKET_ID_TAIL.pack(0, _NO_COOKIE, _NO_COOKIE)
    )
    length = _NETLINK_HEADER.size + len(body)
    return _NETLINK_HEADER.pack(length, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0) + body


def _owner(answer: bytes) -> int | None:
    if len(answer) < _NETLINK_HEADER.size + _OWNER_OFFSET + _OWNER.size:
        return None
    _, kind, _, _, _ = _NETLINK_HEADER.unpack_from(answer)
    if kind != _SOCK_DIAG_BY_FAMILY:
        return None
    uid, inode = _OWNER.unpack_from(answer, _NETLINK_HEADER.size + _OWNER_OFFSET)
    # A closed socket has no inode, and the kernel then reports uid 0, which is not its owner.
    return int(uid) if inode else None
