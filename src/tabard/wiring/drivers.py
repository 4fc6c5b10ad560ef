"""The drivers that this machine offers, and the isolation that they give."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tabard.agent.drivers.container.driver import ContainerDriver
from tabard.agent.drivers.container.images import ContainerImages
from tabard.agent.drivers.container.podman import OWN_USER_NAMESPACE, why_not
from tabard.agent.drivers.driver import Driver
from tabard.agent.drivers.process.driver import Owner, ProcessDriver, owner_of_its_own
from tabard.agent.drivers.unavailable import UnavailableDriver
from tabard.agent.drivers.vm.driver import VmDriver, qemu_missing
from tabard.agent.drivers.vm.image import NoImage, read_image
from tabard.agent.networks.allowed import AllowedAddress, counted_by_family
from tabard.agent.networks.maker import NetworkMaker
from tabard.agent.networks.namespaces import InsideEdge, RootlessNamespaces, RootNamespaces, best_networks
from tabard.agent.networks.network import LoopbackPorts, Networks, NoNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceIsolation:
    """The isolation of instances on this machine: their own networks, or the reason for having none."""

    networks: Networks | None
    reason: str = ""
    allowed: Sequence[AllowedAddress] = ()

    def in_words(self, *, launch_uid: int | None) -> str:
        """Return the text for banner and health."""
        if self.networks is None:
            unheeded = "; all addresses are reachable, not only those allowed" if self.allowed else ""
            return f"none ({self.reason}{unheeded})"
        uids = "a uid each" if self.has_own_uids and launch_uid is None else "one uid for all"
        reachable = "".join(f", reaches {each}" for each in self.allowed)
        return f"{self.networks.isolation}, {uids}{reachable}"

    @property
    def has_own_uids(self) -> bool:
        """Return whether an instance runs as another user, who cannot enter the data directory."""
        return isinstance(self.networks, RootNamespaces)


async def instance_isolation(edge_endpoint: str, allowed: Sequence[AllowedAddress] = ()) -> InstanceIsolation:
    """Find the isolation by a trial, with the addresses that instances may reach besides the edge."""
    try:
        networks = await best_networks(InsideEdge.of(edge_endpoint), allowed)
    except NoNetwork as error:
        return InstanceIsolation(networks=None, reason=str(error), allowed=allowed)
    return InstanceIsolation(networks=networks, allowed=allowed)


def container_networks(isolation: InstanceIsolation, edge_endpoint: str) -> Networks:
    """Return networks that podman's containers can use. Raises NoNetwork if there are none."""
    if isolation.networks is None:
        raise NoNetwork(isolation.reason)
    if reason := why_not():
        raise NoNetwork(reason)
    if isolation.has_own_uids:
        return isolation.networks
    if os.geteuid() == 0:
        raise NoNetwork("this root may not make network namespaces, and podman would need to")
    maker = NetworkMaker(within=OWN_USER_NAMESPACE, more_sockets=counted_by_family(isolation.allowed))
    return RootlessNamespaces(InsideEdge.of(edge_endpoint), isolation.allowed, maker=maker)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverChoices:
    """The choices of an operator.

    launch_owner: the user of instances, if set. hidden: folders that no instance sees.
    outlives_agent: whether instances with their own network outlive the agent. images: container images.
    vm_image: the folder of the virtual machines' boot image.
    """

    environment: Mapping[str, str] = field(repr=False)
    uid: int
    launch_owner: Owner
    hidden: Sequence[Path]
    outlives_agent: bool
    images: ContainerImages
    edge_endpoint: str
    vm_image: Path | None = None


def drivers_of(isolation: InstanceIsolation, choices: DriverChoices) -> dict[str, Driver]:
    """Return the drivers by their names in images."""

    def launch_owner(_: str) -> Owner:
        return choices.launch_owner

    uid = choices.uid if choices.launch_owner.uid is None else choices.launch_owner.uid
    process = ProcessDriver(
        LoopbackPorts(uid=uid), base_environment=choices.environment, owner_of=launch_owner
    )
    of_its_own = isolation.has_own_uids and choices.launch_owner.uid is None
    owner_of = owner_of_its_own if of_its_own else launch_owner
    container: Driver
    try:
        container = ContainerDriver(
            container_networks(isolation, choices.edge_endpoint),
            root_of=choices.images.root_of,
            owner_of=owner_of if isolation.has_own_uids else None,
        )
    except NoNetwork as error:
        container = UnavailableDriver("container", str(error))
    if isolation.networks is None:
        netns = UnavailableDriver("netns", isolation.reason)
        vm = UnavailableDriver("vm", isolation.reason)
        return {"process": process, "netns": netns, "container": container, "vm": vm}
    own_network = ProcessDriver(
        isolation.networks,
        base_environment=choices.environment,
        owner_of=owner_of,
        hidden=() if of_its_own else choices.hidden,  # another user cannot see them anyway
        outlives_agent=choices.outlives_agent,
    )
    return {
        "process": process,
        "netns": own_network,
        "container": container,
        "vm": _vm_driver(isolation.networks, choices, own_uids=of_its_own),
    }


def vm_image_refused(folder: Path | None) -> str:
    """Return why virtual machines cannot boot from the folder; empty if they can, or none is set."""
    try:
        if folder is not None:
            read_image(folder.expanduser())
    except NoImage as error:
        return f"vm_image: {error}"
    return ""


def _vm_driver(networks: Networks, choices: DriverChoices, *, own_uids: bool) -> Driver:
    if choices.vm_image is None:
        return UnavailableDriver("vm", "it has no image of a machine: tabard up --vm-image FOLDER names one")
    if missing := qemu_missing():
        return UnavailableDriver("vm", missing)
    return VmDriver(
        choices.vm_image,
        networks,
        base_environment=choices.environment,
        owner_of=owner_of_its_own if own_uids else lambda _: choices.launch_owner,
        hidden=() if own_uids else choices.hidden,
        outlives_agent=choices.outlives_agent,
    )
