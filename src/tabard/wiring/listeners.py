"""The listening sockets of a system: made once, and inherited by every edge."""

import os
import socket
from ipaddress import ip_address
from pathlib import Path

_BACKLOG = 1024


class PortInUse(Exception):
    """Another process listens on the port of the edge or of its health."""


def tcp_listener(address: str, port: int, *, option: str) -> socket.socket:
    """Listen on an address. Raises PortInUse, which names the `option` for another port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        hint = f"choose another with {option} (0: any free port)"
        raise PortInUse(f"cannot listen on {address} port {port}: {error.strerror}; {hint}") from error
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def unix_listener(path: Path) -> socket.socket:
    """Listen on a UNIX socket (mode 0600), to which the agent relays its instances' connections."""
    path.unlink(missing_ok=True)  # of an earlier system: the directory is private
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def authority_of(listener: socket.socket) -> str:
    """Return address and port in the form of a URL."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def addresses_of(listener: socket.socket | None) -> tuple[str, ...]:
    """Return the addresses of a listener for other machines, besides the name of all edges."""
    if listener is None:
        return ()
    address = str(listener.getsockname()[0])
    named = {"localhost", "127.0.0.1", "::1", socket.gethostname()}
    return tuple(sorted(named if ip_address(address).is_unspecified else named | {address}))
