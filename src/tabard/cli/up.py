"""`tabard up`: run the system until Ctrl-C."""

import asyncio
import logging
import signal

import typer
from rich.console import Console

from tabard.cli.setting_options import settings_from, with_setting_options
from tabard.credentials.master_key import MasterKeyUnusable
from tabard.edge.upstreams.embedded_stores import EmbeddedStoresNotInstalled
from tabard.edge.upstreams.runtime_folder import RuntimeFolderUnsafe
from tabard.processes.spec import ChildFailed
from tabard.store.ports import StoreUnavailable
from tabard.wiring.bootstrap import SettingsConflict
from tabard.wiring.data_dir import DataDirInUse, DataDirUnsafe
from tabard.wiring.data_file import DataFileUnusable
from tabard.wiring.former_start import StoreLost
from tabard.wiring.listeners import PortInUse
from tabard.wiring.process import prepare_process
from tabard.wiring.settings import Settings
from tabard.wiring.system import System, Unusable

CANNOT_START = (
    ChildFailed,
    DataDirInUse,
    DataDirUnsafe,
    DataFileUnusable,
    EmbeddedStoresNotInstalled,
    MasterKeyUnusable,
    PortInUse,
    RuntimeFolderUnsafe,
    SettingsConflict,
    StoreLost,
    StoreUnavailable,
    Unusable,
)


@with_setting_options
def up(**given: object) -> None:
    """Run Tabard until Ctrl-C. Every option has a variable as well: TABARD_PORT, TABARD_DATA_DIR, …

    A duration is a whole number and a unit: 30s, 5m, 6h, 1d.
    """
    settings = settings_from(given)
    prepare_process(least_level=logging.WARNING, log_format=settings.log_format)
    raise typer.Exit(asyncio.run(_run(settings)))


async def _run(settings: Settings) -> int:
    console = Console(highlight=False, soft_wrap=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with console.status("starting") as status:
        system = System(settings, on_progress=lambda name, _: status.update(f"starting {name}"))
        try:
            await system.start()
        except BaseException as error:
            await system.stop()
            if not isinstance(error, CANNOT_START):
                raise
            complaint = Console(stderr=True, highlight=False, soft_wrap=True)
            complaint.print(f"tabard: {error}", style="red", markup=False)
            return 1
    try:
        print_banner(console, system)
        await stop.wait()
        console.print("stopping")
    finally:
        await system.stop()
    return 0


def print_banner(console: Console, system: System) -> None:
    """Print the endpoint, how to administer the system, and its protections and their limits."""
    running = system.description
    console.print(
        f"\n[bold]Tabard[/] is up at [bold]{running.endpoint}[/]  "
        f"(account {running.account_id}, {running.region})"
    )
    console.print(
        f'  administer   eval "$(tabard env{running.data_dir_option})"   then: aws sts get-caller-identity'
    )
    if running.host_endpoint:
        console.print(f"  machines     {running.host_endpoint}   let one enroll: tabard host token NAME")
    console.print(f"  health       {running.health}/health   metrics {running.health}/metrics")
    console.print(f"  data         {running.data_dir}{' (ephemeral)' if running.ephemeral else ''}")
    console.print(
        "  promises     signatures verified · default deny · bypasses: none · "
        f"upstream isolation: {running.upstream_isolation} · instance isolation: {running.instance_isolation}"
    )
    console.print(f"  volatile     {running.volatile}")
    console.print("  Ctrl-C ends it\n")
