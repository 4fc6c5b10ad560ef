"""Handover from one agent to the next: metadata state, network and main process of each instance."""

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from tabard.agent.networks.network import InstanceNetwork
from tabard.agent.reconcile import RoleOf
from tabard.agent.rotation import Rotation
from tabard.imds.source import RemovedRole
from tabard.model.messages import DesiredInstance, GetInstanceIdentityResult
from tabard.model.session import RoleDelivery
from tabard.processes.descriptor_store import DescriptorStoreClient, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataState:
    """Desired instance, identity document and sessions of one instance at one time.

    Its deadlines use the boot-time and wall clocks. All processes of the machine share these clocks.
    """

    desired: DesiredInstance
    identity: GetInstanceIdentityResult | None = None
    removed_role: RemovedRole | None = None
    sessions: Mapping[RoleDelivery, tuple[RoleOf, Rotation]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningInstance:
    """The parts of a running instance that do not depend on its agent.

    boot_number: of the boot that runs; the desired instance may already ask for a later one.
    token_key: of its metadata tokens.
    container_token: authorizes reads of its container credentials; None: it has none.
    process: the descriptors with which its driver adopts its main process; empty without a process.
    """

    boot_number: int
    metadata: MetadataState
    network: InstanceNetwork
    token_key: bytes = field(repr=False)
    container_token: str | None = field(default=None, repr=False)
    process: tuple[int, ...] = ()

    @property
    def desired(self) -> DesiredInstance:
        """The latest desired state of this instance."""
        return self.metadata.desired

    def close(self) -> None:
        """Close its descriptors."""
        self.network.close()
        for descriptor in self.process:
            os.close(descriptor)


class AgentHandover(Protocol):
    """Stores running instances for the next agent."""

    def keep(self, handed_over: RunningInstance) -> None:
        """Store a running instance, in place of its former record."""

    def update(self, instance_id: str, metadata: MetadataState) -> None:
        """Store the metadata state that is served now. Never waits."""

    def drop(self, instance_id: str) -> None:
        """Remove the record of this instance."""

    def all(self) -> Iterator[RunningInstance]:
        """Yield every instance that a former agent left; the caller owns the descriptors."""


class NoHandover:
    """No handover: instances end with their agent."""

    def keep(self, handed_over: RunningInstance) -> None:
        """No-op: nothing is persisted."""

    def update(self, instance_id: str, metadata: MetadataState) -> None:
        """No-op: nothing is persisted."""

    def drop(self, instance_id: str) -> None:
        """No-op: nothing is persisted."""

    def all(self) -> Iterator[RunningInstance]:
        """Yield no instances: nothing was persisted."""
        return iter(())


class _Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The constant part of a record, and the meaning of its descriptors, in their order."""

    boot_number: int
    token_key: bytes
    container_token: str | None
    edge_endpoint: str
    metadata: int
    edge: int
    allowed: int
    has_user_namespace: bool
    has_network_namespace: bool

    def __repr__(self) -> str:
        return f"_Layout(boot_number={self.boot_number!r})"


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a record."""

    layout: _Layout
    metadata: MetadataState


class SupervisorHandover:
    """Stores running instances in the process of `tabard up`, while that process runs."""

    def __init__(self, store: DescriptorStoreClient) -> None:
        self._store = store
        self._layouts: dict[str, _Layout] = {}

    def keep(self, handed_over: RunningInstance) -> None:
        """Send a running instance to the supervisor. If that fails, the next agent ends the instance."""
        network = handed_over.network
        layout = _Layout(
            boot_number=handed_over.boot_number,
            token_key=handed_over.token_key,
            container_token=handed_over.container_token,
            edge_endpoint=network.edge_endpoint,
            metadata=len(network.metadata),
            edge=len(network.edge),
            allowed=len(network.allowed),
            has_user_namespace=network.user_namespace is not None,
            has_network_namespace=network.network_namespace is not None,
        )
        listeners = [listener.fileno() for listener in (*network.metadata, *network.edge, *network.allowed)]
        descriptors = [*listeners, *network.namespaces, *handed_over.process]
        self._layouts[handed_over.desired.instance_id] = layout
        content = msgspec.json.encode(_Content(layout=layout, metadata=handed_over.metadata))
        self._store.keep(handed_over.desired.instance_id, content, descriptors)

    def update(self, instance_id: str, metadata: MetadataState) -> None:
        """Send the metadata state that is served now, if the supervisor has the instance."""
        layout = self._layouts.get(instance_id)
        if layout is not None:
            content = msgspec.json.encode(_Content(layout=layout, metadata=metadata))
            self._store.update(instance_id, content)

    def drop(self, instance_id: str) -> None:
        """Remove its record."""
        self._layouts.pop(instance_id, None)
        self._store.drop(instance_id)

    def all(self) -> Iterator[RunningInstance]:
        """Yield every stored instance, and remove each record that cannot be read."""
        for record in self._store.all():
            try:
                content = msgspec.json.decode(record.content, type=_Content)
                instance = _instance_of(record, content.layout, content.metadata)
            except (msgspec.MsgspecError, OSError, StopIteration):
                record.close()
                self._store.drop(record.name)
                continue
            self._layouts[record.name] = content.layout
            yield instance


def _instance_of(record: Record, layout: _Layout, metadata: MetadataState) -> RunningInstance:
    if len(record.descriptors) < layout.metadata + layout.edge + layout.allowed:
        raise OSError("some of its descriptors are missing")
    left = iter(record.descriptors)
    return RunningInstance(
        boot_number=layout.boot_number,
        metadata=metadata,
        token_key=layout.token_key,
        container_token=layout.container_token,
        network=InstanceNetwork(
            metadata=tuple(socket.socket(fileno=next(left)) for _ in range(layout.metadata)),
            edge=tuple(socket.socket(fileno=next(left)) for _ in range(layout.edge)),
            allowed=tuple(socket.socket(fileno=next(left)) for _ in range(layout.allowed)),
            edge_endpoint=layout.edge_endpoint,
            user_namespace=next(left) if layout.has_user_namespace else None,
            network_namespace=next(left) if layout.has_network_namespace else None,
        ),
        process=tuple(left),
    )
