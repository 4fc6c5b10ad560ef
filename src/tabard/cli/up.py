"""`tabard up`: run the system until Ctrl-C."""

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from tabard.cli.running import complain
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
from tabard.wiring.settings import ENVIRONMENT_PREFIX, Settings
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


def up(
    data_dir: Annotated[Path | None, typer.Option(help="Where the state is kept.")] = None,
    ephemeral: Annotated[
        bool | None, typer.Option(help="Keep the state in a folder that goes at the end.")
    ] = None,
    address: Annotated[str | None, typer.Option(help="The address the edge listens on.")] = None,
    port: Annotated[int | None, typer.Option(help="The edge's port; 0 picks a free one.")] = None,
    host_address: Annotated[
        str | None, typer.Option(help="The address the edge listens on for other machines, over TLS.")
    ] = None,
    host_port: Annotated[
        int | None, typer.Option(help="The port for other machines, over TLS; 0 picks a free one.")
    ] = None,
    health_port: Annotated[
        int | None, typer.Option(help="The port of health and metrics; 0 picks a free one.")
    ] = None,
    metrics_address: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS:PORT", help="Where health and metrics are, in place of loopback."),
    ] = None,
    metrics_tls_certificate: Annotated[
        Path | None, typer.Option(help="The certificate (PEM, with its chain) of health and metrics.")
    ] = None,
    metrics_tls_key: Annotated[
        Path | None, typer.Option(help="The private key (PEM) of that certificate.")
    ] = None,
    log_format: Annotated[
        str | None, typer.Option(metavar="json|text", help="The form of all processes' logs.")
    ] = None,
    edges: Annotated[int | None, typer.Option(help="How many edge processes share the port.")] = None,
    account_id: Annotated[str | None, typer.Option(help="The account id, fixed at the first start.")] = None,
    region: Annotated[str | None, typer.Option(help="The home region, fixed at the first start.")] = None,
    root_access_key: Annotated[
        bool | None, typer.Option(help="Whether the account's root has a key.")
    ] = None,
    organization_file: Annotated[
        Path | None, typer.Option(help="The organization this account is in: TOML or JSON.")
    ] = None,
    session_lifetime_seconds: Annotated[
        int | None, typer.Option(help="How long an instance's session lives, 1200 to 43200.")
    ] = None,
    rotate_every_seconds: Annotated[
        float | None,
        typer.Option("--rotate-every", "--rotate-every-seconds", help="Change instances' keys at this pace."),
    ] = None,
    store_outage_bound_seconds: Annotated[
        int | None, typer.Option(help="How long edges go on deciding while the store is away.")
    ] = None,
    audit_kept_days: Annotated[
        int | None, typer.Option(help="How many days the audit keeps its events, 1 to 3650.")
    ] = None,
    audit_limit_megabytes: Annotated[
        int | None, typer.Option(help="How many megabytes the audit's events may take; the oldest go first.")
    ] = None,
    upstream_timeout_seconds: Annotated[
        float | None, typer.Option(help="How long an upstream may stay silent before 503 is answered.")
    ] = None,
    revoke_on_terminate: Annotated[
        bool | None, typer.Option(help="End an instance's sessions when it is terminated.")
    ] = None,
    revoke_on_disassociate: Annotated[
        bool | None, typer.Option(help="End an instance's sessions when its instance profile is taken away.")
    ] = None,
    container_images: Annotated[
        Path | None, typer.Option(help="A folder of root file systems, each an image of that name.")
    ] = None,
    launch_uid: Annotated[int | None, typer.Option(help="The uid that instances' processes run as.")] = None,
    launch_gid: Annotated[int | None, typer.Option(help="The gid that instances' processes run as.")] = None,
    vm_image: Annotated[
        Path | None, typer.Option(help="The folder of the image that virtual machines are booted from.")
    ] = None,
    allow_address: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS:PORT",
            help="What instances with a network of their own may reach beside the edge, over TCP; may be "
            "given several times.",
        ),
    ] = None,
    insecure_http: Annotated[
        bool | None, typer.Option(help="Allow to listen beyond loopback without TLS.")
    ] = None,
    isolate_upstreams: Annotated[
        bool | None, typer.Option(help="Give the embedded upstreams a network namespace of their own.")
    ] = None,
) -> None:
    """Run Tabard until Ctrl-C. Every option has a variable as well: TABARD_PORT, TABARD_DATA_DIR, …"""
    given: dict[str, Any] = {name: value for name, value in locals().items() if value is not None}
    if allow_address is not None:
        given["allow_address"] = ",".join(allow_address)
    settings = settings_from(given)
    prepare_process(least_level=logging.WARNING, log_format=settings.log_format)
    raise typer.Exit(asyncio.run(_run(settings)))


def settings_from(given: dict[str, Any]) -> Settings:
    """The settings of options over variables over defaults; leaves with a sentence where they cannot work."""
    for name in os.environ:
        setting = name.removeprefix(ENVIRONMENT_PREFIX)
        if setting != name and setting.lower() not in Settings.model_fields:
            # Only said, for it may be another program's. Unsaid, a misspelt TABARD_LAUNCH_UID is not noticed.
            typer.echo(f"tabard: {name} is no setting of this version and is ignored", err=True)
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        complain(f"{where}: {said}" if where else said)


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
    """Where it is, how to administer it, and what is and is not protected."""
    facts = system.facts
    console.print(
        f"\n[bold]Tabard[/] is up at [bold]{facts.endpoint}[/]  (account {facts.account_id}, {facts.region})"
    )
    console.print(
        f'  administer   eval "$(tabard env{facts.data_dir_option})"   then: aws sts get-caller-identity'
    )
    if facts.host_endpoint:
        console.print(f"  machines     {facts.host_endpoint}   let one enroll: tabard host token NAME")
    console.print(f"  health       {facts.health}/health   metrics {facts.health}/metrics")
    console.print(f"  data         {facts.data_dir}{' (ephemeral)' if facts.ephemeral else ''}")
    console.print(
        "  promises     signatures verified · default deny · bypasses: none · "
        f"upstream isolation: {facts.upstream_isolation} · instance isolation: {facts.instance_isolation}"
    )
    console.print(f"  volatile     {facts.volatile}")
    console.print("  Ctrl-C ends it\n")
