"""An instance's network: the listeners by which it is known, and what its processes are told of them.

INVARIANT: who reaches a listener of an instance is the instance. In a namespace the listener is the identity;
on a port of the host's loopback it is the listener together with the peer's uid.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol


class NoNetwork(Exception):
    """An instance's network cannot be had; the message says why, for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceNetwork:
    """Listening sockets, all bound, and namespaces as descriptors for its processes to enter.

    allowed: each at the address that it leads to; none where its processes reach everything anyway.
    metadata_endpoint: where SDKs are told to find the metadata; empty where they look by themselves.
    container_endpoint: where container credentials are: SDKs take them from loopback and EKS's address alone.
    edge_endpoint: where they find the edge; empty: where everybody does.
    peer_uid: whose connections are the instance's; None where every connection is.
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
        """The descriptors that a process of the instance is handed."""
        return tuple(one for one in (self.user_namespace, self.network_namespace) if one is not None)

    def launch_options(self) -> list[str]:
        """The launch stage's options that lead a process into the network."""
        options = []
        if self.user_namespace is not None:
            options += ["--enter-user", str(self.user_namespace)]
        if self.network_namespace is not None:
            options += ["--enter-network", str(self.network_namespace)]
        return options

    def close(self) -> None:
        """Let go of everything; a namespace ends with its last process."""
        for listener in (*self.metadata, *self.edge, *self.allowed):
            listener.close()
        for descriptor in self.namespaces:
            with suppress(OSError):
                os.close(descriptor)


class Networks(Protocol):
    """Makes networks of one kind."""

    @property
    def isolation(self) -> str:
        """What it promises, for banner and health."""

    async def open(self) -> InstanceNetwork:
        """A new network. Raises NoNetwork."""


def always() -> bool:
    """A number that cannot come to mean another process: its process is ours, and was not waited for."""
    return True


class AdoptableNetworks(Protocol):
    """Enters networks that are there."""

    async def adopt(self, pid: int, *, is_still: Callable[[], bool] = ...) -> InstanceNetwork:
        """The one that a running process is in, listening. Raises NoNetwork.

        Args: is_still: whether the number still means the process that is meant; asked before anything in its
        network is touched.
        """


class LoopbackPorts:
    """No isolation: a free port of the host's loopback for each instance's metadata."""

    isolation = "none"

    def __init__(self, *, uid: int) -> None:
        """Args: uid: whose connections are the instance's."""
        self._uid = uid

    async def open(self) -> InstanceNetwork:
        """A listener on a free port."""
        listener = socket.create_server(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return InstanceNetwork(
            metadata=(listener,),
            metadata_endpoint=endpoint,
            container_endpoint=endpoint,
            peer_uid=self._uid,
        )
