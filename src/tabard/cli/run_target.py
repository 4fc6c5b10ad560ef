"""The system that `tabard run` and `tabard adopt` use: the named one, the running one, or a new one."""

import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from tabard.administration.client import SystemClient
from tabard.agent.edge_relay import EdgeDoor, NetworkPathDoor, PlainDoor
from tabard.cli.running import complain
from tabard.cli.setting_options import settings_from
from tabard.wiring.data_dir import find_running
from tabard.wiring.data_file import DataFileUnusable
from tabard.wiring.local_admin import as_admin
from tabard.wiring.running import RunningSystem, describe
from tabard.wiring.system import System


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A system, the client that asks it, and the instance's way to it.

    hidden: folders of the system's on this machine, which the instance does not see.
    origin: whether this run started the system; empty for a system that the user's AWS settings name.
    audit_options: by these `tabard audit` finds the system; None if the system ends with the run.
    """

    client: SystemClient
    edge_door: EdgeDoor
    hidden: tuple[Path, ...] = ()
    origin: str = ""
    audit_options: str | None = ""


@asynccontextmanager
async def target_for(named: SystemClient | None, data_dir: Path | None) -> AsyncIterator[Target]:
    """Find or start the system for the duration of the block.

    Args:
        named: the client of the user's own AWS settings, where they name a system.
    """
    if named is not None:
        yield _named_target(named, data_dir)
        return
    found = find_running(data_dir)
    running = describe(found) if found is not None else None
    if running is not None:
        options = "" if data_dir is None else f" --data-dir {shlex.quote(str(data_dir))}"
        here = _on_this_machine(running, as_admin(running))
        yield replace(here, origin="which is running", audit_options=options)
        return
    settings = settings_from({"ephemeral": True, "port": 0, "health_port": 0})
    console = Console(stderr=True, highlight=False)
    with console.status("starting tabard for this run") as status:
        # Not announced: another run must not use a system that ends with this run.
        system = System(
            settings, on_progress=lambda name, _: status.update(f"starting {name}"), announced=False
        )
        try:
            await system.start()
        except BaseException:
            await system.stop()
            raise
    try:
        started = describe(system.data_dir)
        if started is None:
            complain("the system that this run started has ended")
        here = _on_this_machine(started, as_admin(started))
        yield replace(here, origin="started for this run", audit_options=None)
    finally:
        await system.stop()


def _on_this_machine(system: RunningSystem, client: SystemClient) -> Target:
    return Target(
        client=client,
        edge_door=NetworkPathDoor(system.edge_socket),
        hidden=(system.data_dir.path, system.edge_socket.parent),
    )


def _named_target(client: SystemClient, data_dir: Path | None) -> Target:
    """Use the edge's own socket where the system is this user's, so that it learns the network path."""
    if urlsplit(client.endpoint).scheme != "http":
        complain(
            f"an instance of this command reaches the edge over plain HTTP only, and not {client.endpoint}; "
            "make this machine an instance instead: tabard host enroll"
        )
    options = f" --endpoint {shlex.quote(client.endpoint)}"
    if client.session.profile:
        options += f" --profile {shlex.quote(client.session.profile)}"
    try:
        found = find_running(data_dir)
        running = describe(found) if found is not None else None
    except DataFileUnusable:  # the data directory is another user's, and does not matter here
        running = None
    if running is not None and running.endpoint == client.endpoint:
        return replace(_on_this_machine(running, client), audit_options=options)
    return Target(client=client, edge_door=PlainDoor.of(client.endpoint), audit_options=options)
