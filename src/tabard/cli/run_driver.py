"""The launch of `tabard run`: its options, and the driver that runs the instance."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import typer

from tabard.agent.drivers.container.adoption import AdoptingDriver
from tabard.agent.drivers.container.driver import STANDARD_ENVIRONMENT
from tabard.agent.drivers.container.images import machines_programs
from tabard.agent.drivers.container.podman import Root
from tabard.agent.drivers.foreground import ForegroundDriver, as_container, as_process
from tabard.agent.networks.allowed import AllowedAddress, parse_allowed
from tabard.agent.networks.namespaces import InsideEdge, networks_to_adopt
from tabard.agent.networks.network import LoopbackPorts, Networks, NoNetwork
from tabard.cli.run_target import Target
from tabard.cli.running import complain
from tabard.model.instance import Image
from tabard.services.ec2.launch.images import CONTAINER_IMAGE, NETNS_IMAGE, PROCESS_IMAGE
from tabard.wiring.drivers import container_networks, instance_isolation


class CredentialsFromOption(StrEnum):
    """The values of `--credentials-from`."""

    METADATA = "metadata"
    CONTAINER = "container"


class DriverOption(StrEnum):
    """The values of `--driver`."""

    NETNS = "netns"
    CONTAINER = "container"
    PROCESS = "process"
    VM = "vm"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of the launch: a command, or the container of a process."""

    instance_profile: str | None
    policies: Sequence[Path]
    driver: DriverOption | None
    credentials_from: CredentialsFromOption
    rootfs: Path | None = None
    adopted_pid: int | None = None
    allowed: Sequence[AllowedAddress] = ()


def allowed_from(texts: Sequence[str]) -> tuple[AllowedAddress, ...]:
    """Read `--allow-address`. Exit with a sentence where an address is wrong."""
    try:
        return parse_allowed(texts)
    except ValueError as error:
        complain(f"--allow-address: {error}")


async def driver_for(
    launch: RunOptions,
    command: Sequence[str],
    environment: Mapping[str, str],
    target: Target,
    folder: Path,
) -> tuple[Image, ForegroundDriver | AdoptingDriver]:
    """Return the driver asked for, or the best that works here; print which. Raises NoNetwork."""
    endpoint = target.client.endpoint
    if launch.adopted_pid is not None:
        adoptable = networks_to_adopt(InsideEdge.of(endpoint))
        return CONTAINER_IMAGE, AdoptingDriver(launch.adopted_pid, adoptable)
    hidden = target.hidden
    if launch.driver is not DriverOption.CONTAINER:
        image, networks = await _chosen(launch, endpoint)
        process = as_process(command, hidden=hidden)
        return image, ForegroundDriver(process, networks, base_environment=environment)
    try:
        isolation = await instance_isolation(endpoint, launch.allowed)
        networks = container_networks(isolation, endpoint)
    except NoNetwork as error:
        complain(f"the driver container does not work here: {error}")
    here = Path.cwd()
    if any(each.is_relative_to(here) or here.is_relative_to(each) for each in map(Path.resolve, hidden)):
        complain(f"the container would see all of {here}, including Tabard's own files; use another folder")
    root = machines_programs(folder / "root") if launch.rootfs is None else Root(folder=launch.rootfs)
    typer.echo(f"tabard: driver container, isolation: {networks.isolation}, own file system", err=True)
    container = as_container(command, root=root, folder=here, podmans=environment)
    base = STANDARD_ENVIRONMENT | {name: environment[name] for name in ("TERM",) if name in environment}
    return CONTAINER_IMAGE, ForegroundDriver(container, networks, base_environment=base)


async def _chosen(launch: RunOptions, edge_endpoint: str) -> tuple[Image, Networks]:
    """Return the driver asked for, or the best that works here; print which."""
    driver = launch.driver
    if driver is DriverOption.PROCESS:
        if launch.allowed:
            complain("--allow-address does nothing with the driver process, which reaches every address")
        typer.echo("tabard: driver process, isolation: none", err=True)
        return PROCESS_IMAGE, LoopbackPorts(uid=os.getuid())
    isolation = await instance_isolation(edge_endpoint, launch.allowed)
    if isolation.networks is not None:
        typer.echo(f"tabard: driver netns, isolation: {isolation.networks.isolation}", err=True)
        return NETNS_IMAGE, isolation.networks
    if driver is DriverOption.NETNS:
        complain(f"the driver netns does not work here: {isolation.reason}")
    unheeded = "; the command reaches every address, not only the allowed ones" if launch.allowed else ""
    typer.echo(f"tabard: driver process, isolation: none ({isolation.reason}{unheeded})", err=True)
    return PROCESS_IMAGE, LoopbackPorts(uid=os.getuid())
