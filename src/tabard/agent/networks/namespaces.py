"""Network namespaces: one for each instance, which contains only the metadata service and the edge.

As on EC2, unmodified SDKs find the metadata at 169.254.169.254 and fd00:ec2::254. The only interface is `lo`.
There is no route, no name server and no way out, except the edge and the addresses that an operator allows.
"""

import asyncio
import errno
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from tabard.agent.networks.allowed import AllowedAddress, counted_by_family
from tabard.agent.networks.maker import NetworkMaker
from tabard.agent.networks.network import InstanceNetwork, Networks, NoNetwork, always
from tabard.agent.networks.rtnetlink import add_loopback_address, bring_up_loopback
from tabard.processes import launch, network_maker

METADATA_IPV4 = IPv4Address("169.254.169.254")
METADATA_IPV6 = IPv6Address("fd00:ec2::254")
CONTAINER_IPV4 = IPv4Address("169.254.170.23")
"""The address of EKS Pod Identity's agent; SDKs accept container credentials from there."""

EDGE_IPV4 = IPv4Address("169.254.169.253")
HTTP_PORT = 80

_BACKLOG = 128
_NETLINK_SECONDS = 10.0
_THREADS = 4

_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeNamespace:
    """A new or existing namespace: its descriptors, and unbound sockets inside it.

    The sockets are those of `network_maker.offered_sockets`; None for an address family that is missing.
    """

    user: int | None
    network: int
    netlink: socket.socket
    ipv4: tuple[socket.socket, ...]
    ipv6: tuple[socket.socket, ...]

    def close(self) -> None:
        """Close all descriptors and sockets."""
        for one in (self.netlink, *self.ipv4, *self.ipv6):
            one.close()
        for descriptor in (self.user, self.network):
            if descriptor is not None:
                os.close(descriptor)


@dataclass(frozen=True, slots=True, kw_only=True)
class InsideEdge:
    """The addresses of the edge inside: one of its own, and the one that it has outside.

    Queue URLs contain the second, inside and outside.
    """

    outside: tuple[IPv4Address | IPv6Address, int] | None = None
    endpoint: str = f"http://{EDGE_IPV4}"

    @classmethod
    def of(cls, endpoint: str) -> "InsideEdge":
        """For the edge at `endpoint`. A host name as endpoint gives no second address inside."""
        parts = urlsplit(endpoint)
        with suppress(ValueError):
            return cls(outside=(ip_address(parts.hostname or ""), parts.port or HTTP_PORT))
        return cls()


def furnish(made: MadeNamespace, edge: InsideEdge, allowed: Sequence[AllowedAddress] = ()) -> InstanceNetwork:
    """Add addresses and listeners to the namespace. Raises NoNetwork, after closing everything."""
    ipv4, ipv6 = list(made.ipv4), list(made.ipv6)
    metadata, to_edge = [], []
    try:
        bring_up_loopback(made.netlink)
        for address in (METADATA_IPV4, CONTAINER_IPV4, EDGE_IPV4):
            add_loopback_address(made.netlink, address)
        metadata.append(_listening(ipv4.pop(0), METADATA_IPV4, HTTP_PORT))
        metadata.append(_listening(ipv4.pop(0), CONTAINER_IPV4, HTTP_PORT))
        to_edge.append(_listening(ipv4.pop(0), EDGE_IPV4, HTTP_PORT))
        if ipv6:
            with suppress(OSError):  # IPv6 exists but is turned off
                add_loopback_address(made.netlink, METADATA_IPV6)
                metadata.append(_listening(ipv6.pop(0), METADATA_IPV6, HTTP_PORT))
        if edge.outside is not None:
            outside, port = edge.outside
            unbound = ipv4 if outside.version == 4 else ipv6
            if not outside.is_unspecified:
                _add(made.netlink, outside)
            if unbound:
                to_edge.append(_listening(unbound.pop(0), outside, port))
        to_allowed = [
            _allowed(made.netlink, ipv4 if one.address.version == 4 else ipv6, one) for one in allowed
        ]
    except OSError as error:
        made.close()
        raise NoNetwork(f"the instance's network cannot be set up: {error.strerror}") from error
    for unused in (made.netlink, *ipv4, *ipv6):
        unused.close()
    return InstanceNetwork(
        metadata=tuple(metadata),
        edge=tuple(to_edge),
        allowed=tuple(to_allowed),
        container_endpoint=f"http://{CONTAINER_IPV4}",
        edge_endpoint=edge.endpoint,
        user_namespace=made.user,
        network_namespace=made.network,
    )


def _allowed(netlink: socket.socket, unbound: list[socket.socket], allowed: AllowedAddress) -> socket.socket:
    if not unbound:
        raise OSError(errno.EAFNOSUPPORT, f"this machine has no IPv6 for {allowed}")
    _add(netlink, allowed.address)
    try:
        return _listening(unbound.pop(0), allowed.address, allowed.port)
    except OSError as error:
        raise OSError(error.errno, f"{allowed} cannot be allowed: {error.strerror}") from error


def _add(netlink: socket.socket, address: IPv4Address | IPv6Address) -> None:
    if not address.is_loopback:  # `lo` has them already
        add_loopback_address(netlink, address)


def _listening(unbound: socket.socket, address: IPv4Address | IPv6Address, port: int) -> socket.socket:
    unbound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if address.version == 6:
        unbound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    unbound.bind((str(address), port))
    unbound.listen(_BACKLOG)
    unbound.setblocking(False)
    return unbound


class RootNamespaces:
    """Namespaces that root makes, in a thread that ends: unshare and setns move only the calling thread."""

    isolation = "network namespace"

    def __init__(self, edge: InsideEdge, allowed: Sequence[AllowedAddress] = ()) -> None:
        """Args: allowed: the addresses that a new namespace reaches besides the edge."""
        self._edge = edge
        self._allowed = tuple(allowed)
        self._places = asyncio.Semaphore(_THREADS)

    async def open(self) -> InstanceNetwork:
        """Open a new namespace, for a launch."""
        offered = network_maker.offered_sockets(*counted_by_family(self._allowed))
        async with self._places:  # hundreds of threads at once would enlarge the agent permanently
            made = await _in_a_thread_of_its_own(lambda: _new_namespace(offered))
            return furnish(made, self._edge, self._allowed)

    async def adopt(self, pid: int, *, is_still: Callable[[], bool] = always) -> InstanceNetwork:
        """Open the namespace of a running process, to adopt it. Raises NoNetwork."""
        return furnish(await _in_a_thread_of_its_own(lambda: _namespace_of(pid, is_still)), self._edge)


class RootlessNamespaces:
    """Namespaces that a helper process makes, inside a user namespace that the agent's user owns."""

    isolation = "network namespace (rootless)"

    def __init__(
        self,
        edge: InsideEdge,
        allowed: Sequence[AllowedAddress] = (),
        *,
        maker: NetworkMaker | None = None,
    ) -> None:
        """Args: allowed: the addresses that a new namespace reaches besides the edge.
        maker: makes namespaces with an extra socket for each allowed address."""
        self._edge = edge
        self._allowed = tuple(allowed)
        self._maker = maker or NetworkMaker(more_sockets=counted_by_family(allowed))

    async def open(self) -> InstanceNetwork:
        """Open a new namespace, for a launch."""
        return self._furnished(await self._maker.make(), self._allowed)

    async def adopt(self, pid: int, *, is_still: Callable[[], bool] = always) -> InstanceNetwork:
        """Open the namespace of a running process, to adopt it. Raises NoNetwork."""
        with _network_of(pid, is_still) as namespace:
            return self._furnished(await self._maker.make(namespace), ())

    def _furnished(self, descriptors: list[int], allowed: Sequence[AllowedAddress]) -> InstanceNetwork:
        user, network, *rest = descriptors
        made = _made(user, network, [_socket_of(descriptor) for descriptor in rest])
        return furnish(made, self._edge, allowed)


def _new_namespace(offered: network_maker.Offered) -> MadeNamespace:
    try:
        launch.LibC().unshare(launch.CLONE_NEWNET)
    except OSError as error:
        raise NoNetwork(f"network namespaces are not available: {error.strerror}") from error
    return _here(offered)


def _namespace_of(pid: int, is_still: Callable[[], bool]) -> MadeNamespace:
    with _network_of(pid, is_still) as namespace:
        launch.LibC().setns(namespace, launch.CLONE_NEWNET)
    return _here(network_maker.offered_sockets())


@contextmanager
def _network_of(pid: int, is_still: Callable[[], bool]) -> Iterator[int]:
    """Open a descriptor of a process's network. Raises NoNetwork, also for an OSError in the context."""
    try:
        namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            # INVARIANT: the machine's own network never gets link-local addresses: they may be in use there.
            if any(os.path.samestat(os.fstat(namespace), own) for own in _of_the_machine()):
                raise NoNetwork(f"process {pid} is in this machine's own network: it has none to adopt")
            # INVARIANT: the descriptor opened by pid belongs to the pidfd's process, if that still lives.
            if not is_still():
                raise NoNetwork(f"process {pid} has ended")
            yield namespace
        finally:
            os.close(namespace)
    except OSError as error:
        raise NoNetwork(f"the network of process {pid} cannot be entered: {error.strerror}") from error


def _of_the_machine() -> Iterator[os.stat_result]:
    """Yield the agent's own network and, if readable, that of the first process."""
    for one in ("self", "1"):
        with suppress(PermissionError):
            yield Path(f"/proc/{one}/ns/net").stat()


def _here(offered: network_maker.Offered) -> MadeNamespace:
    """Collect the descriptors and sockets of the calling thread's namespace."""
    network = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    sockets = [_socket_or_none(family, kind) for family, kind in offered]
    return _made(None, network, sockets)


def _socket_or_none(family: int, kind: int) -> socket.socket | None:
    try:
        return socket.socket(family, kind)
    except OSError:
        return None


def _made(user: int | None, network: int, sockets: list[socket.socket | None]) -> MadeNamespace:
    netlink, *listeners = sockets
    if netlink is None:
        raise NoNetwork("this kernel has no rtnetlink")
    netlink.settimeout(_NETLINK_SECONDS)
    return MadeNamespace(
        user=user,
        network=network,
        netlink=netlink,
        ipv4=tuple(one for one in listeners if one is not None and one.family == socket.AF_INET),
        ipv6=tuple(one for one in listeners if one is not None and one.family == socket.AF_INET6),
    )


def _socket_of(descriptor: int) -> socket.socket | None:
    """Return the socket, or None for the placeholder of an address family that is missing."""
    try:
        return socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)
        return None


async def _in_a_thread_of_its_own(work: Callable[[], _Made]) -> _Made:
    """Never use a thread pool: the next task would run in the namespace that this thread entered."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_Made] = loop.create_future()

    def run() -> None:
        try:
            made = work()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            loop.call_soon_threadsafe(done.set_exception, error)
        else:
            loop.call_soon_threadsafe(done.set_result, made)

    threading.Thread(target=run, name="into a namespace", daemon=True).start()
    return await done


def networks_to_adopt(edge: InsideEdge) -> RootNamespaces | RootlessNamespaces:
    """Return the networks that may enter others: root any, another user those of its own user namespace."""
    return RootNamespaces(edge) if os.geteuid() == 0 else RootlessNamespaces(edge)


async def best_networks(
    edge: InsideEdge, allowed: Sequence[AllowedAddress] = (), *, platform: str = sys.platform
) -> Networks:
    """Find the kind of namespace that this machine permits, by making one. Raises NoNetwork."""
    if platform != "linux":
        raise NoNetwork("network namespaces exist only on Linux")
    candidates: list[Networks] = [RootlessNamespaces(edge, allowed)]
    if os.geteuid() == 0:
        candidates.insert(0, RootNamespaces(edge, allowed))
    reason = NoNetwork("")
    for networks in candidates:
        try:
            (await networks.open()).close()
        except NoNetwork as error:
            reason = error
        else:
            return networks
    raise reason
