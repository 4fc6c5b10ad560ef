"""An instance's network: the listeners that identify it, and the endpoints that its processes get.

INVARIANT: a process that reaches an instance's listener belongs to the instance. In a namespace the listener
is the identity. On a loopback port of the host, the listener together with the peer's uid is.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol


class NoNetwork(Exception):
    """An instance's network is not available. The message tells the operator why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceNetwork:
    """Bound, listening sockets, and descriptors of the namespaces that its processes enter.

    allowed: each listens at the address to which it relays; empty if the processes reach every address.
    metadata_endpoint: the SDKs' setting for the metadata service; empty: their default.
    container_endpoint: of container credentials; SDKs accept them only from loopback and EKS's address.
    edge_endpoint: the edge's endpoint for its processes; empty: the same as for everybody.
    peer_uid: the uid whose connections belong to the instance; None: all connections do.
    """

    metadata: tuple[socket.socket, ...]
    edge: tuple[socket.socket, ...] = ()
    allowed: tuple[socket.socket, ...] = ()
    metadata_endpoint: str = ""
    container_endpoint: str = ""
    edge_endpoint: str = ""
    peer_uid: int | None = None
    user_namespace: int | None = None
    network_namespace: int | None = None

    @property
    def namespaces(self) -> tuple[int, ...]:
        """Return the descriptors that a process of the instance inherits."""
        return tuple(one for one in (self.user_namespace, self.network_namespace) if one is not None)

    def launch_options(self) -> list[str]:
        """Return the launcher's options that move a process into the network."""
        options = []
        if self.user_namespace is not None:
            options += ["--enter-user", str(self.user_namespace)]
        if self.network_namespace is not None:
            options += ["--enter-network", str(self.network_namespace)]
        return options

    def close(self) -> None:
        """Close everything. A namespace ends with its last process."""
        for listener in (*self.metadata, *self.edge, *self.allowed):
            listener.close()
        for descriptor in self.namespaces:
            with suppress(OSError):
                os.close(descriptor)


class Networks(Protocol):
    """Makes networks of one kind."""

    @property
    def isolation(self) -> str:
        """The isolation that it promises, for banner and health."""

    async def open(self) -> InstanceNetwork:
        """Open a new network. Raises NoNetwork."""


def always() -> bool:
    """Return True: the pid of our own child is not reused before we wait for it."""
    return True


class AdoptableNetworks(Protocol):
    """Enters existing networks."""

    async def adopt(self, pid: int, *, is_still: Callable[[], bool] = ...) -> InstanceNetwork:
        """Open the network of a running process, with listeners. Raises NoNetwork.

        Args: is_still: whether the pid still names the intended process; called before the first change to
        its network.
        """


class LoopbackPorts:
    """No isolation: a free port of the host's loopback for each instance's metadata."""

    isolation = "none"

    def __init__(self, *, uid: int) -> None:
        """Args: uid: its connections belong to the instance."""
        self._uid = uid

    async def open(self) -> InstanceNetwork:
        """Open a listener on a free port."""
        listener = socket.create_server(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return InstanceNetwork(
            metadata=(listener,),
            metadata_endpoint=endpoint,
            container_endpoint=endpoint,
            peer_uid=self._uid,
        )
