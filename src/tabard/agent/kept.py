"""What outlives an agent of a running instance, for the next one: facts, network, main process."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import msgspec

from tabard.agent.networks.network import InstanceNetwork
from tabard.model.messages import DesiredInstance
from tabard.processes.descriptor_store import KeptDescriptors, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptInstance:
    """A running instance, as far as it does not depend on its agent.

    `process`: the descriptors that its driver adopts its main process by; none where it has no process.
    """

    facts: DesiredInstance
    network: InstanceNetwork
    process: tuple[int, ...]

    def close(self) -> None:
        """Let go of its descriptors."""
        self.network.close()
        for descriptor in self.process:
            os.close(descriptor)


class KeptInstances(Protocol):
    """Where they are kept."""

    def keep(self, kept: KeptInstance) -> None:
        """Keep it, in place of what was kept of the same instance."""

    def drop(self, instance_id: str) -> None:
        """Keep nothing of it any more."""

    def all(self) -> Iterator[KeptInstance]:
        """Everything that a former agent has left; the descriptors are the caller's."""


class NothingKept:
    """Instances end with their agent."""

    def keep(self, kept: KeptInstance) -> None:
        """Nowhere."""

    def drop(self, instance_id: str) -> None:
        """Nothing."""

    def all(self) -> Iterator[KeptInstance]:
        """Nothing."""
        return iter(())


class _Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What the descriptors of a record are, in this order."""

    facts: DesiredInstance
    edge_endpoint: str
    metadata: int
    edge: int
    has_user_namespace: bool
    has_network_namespace: bool


class KeptBySupervisor:
    """Kept by `tabard up`, for as long as it runs itself."""

    def __init__(self, store: KeptDescriptors) -> None:
        self._store = store

    def keep(self, kept: KeptInstance) -> None:
        """Send it over; what cannot be sent is not adopted later, and ended then."""
        network = kept.network
        layout = _Layout(
            facts=kept.facts,
            edge_endpoint=network.edge_endpoint,
            metadata=len(network.metadata),
            edge=len(network.edge),
            has_user_namespace=network.user_namespace is not None,
            has_network_namespace=network.network_namespace is not None,
        )
        listeners = [listener.fileno() for listener in (*network.metadata, *network.edge)]
        descriptors = [*listeners, *network.namespaces, *kept.process]
        self._store.keep(kept.facts.instance_id, msgspec.json.encode(layout), descriptors)

    def drop(self, instance_id: str) -> None:
        """Let go of it."""
        self._store.drop(instance_id)

    def all(self) -> Iterator[KeptInstance]:
        """What is there; a record that does not read as one is dropped."""
        for record in self._store.all():
            try:
                yield _instance_of(record)
            except (msgspec.MsgspecError, OSError, StopIteration):
                record.close()
                self._store.drop(record.name)


def _instance_of(record: Record) -> KeptInstance:
    layout = msgspec.json.decode(record.content, type=_Layout)
    if len(record.descriptors) < layout.metadata + layout.edge:
        raise OSError("some of its descriptors are missing")
    left = iter(record.descriptors)
    return KeptInstance(
        facts=layout.facts,
        network=InstanceNetwork(
            metadata=tuple(socket.socket(fileno=next(left)) for _ in range(layout.metadata)),
            edge=tuple(socket.socket(fileno=next(left)) for _ in range(layout.edge)),
            edge_endpoint=layout.edge_endpoint,
            user_namespace=next(left) if layout.has_user_namespace else None,
            network_namespace=next(left) if layout.has_network_namespace else None,
        ),
        process=tuple(left),
    )
