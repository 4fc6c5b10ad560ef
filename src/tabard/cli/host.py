"""`tabard host`: enroll, list and revoke other machines."""

import asyncio
import logging
import os
import shlex
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
import typer

from tabard.administration.client import SystemClient
from tabard.administration.hosts import (
    create_join_token,
    deregister_host,
    list_hosts,
    list_join_tokens,
    remove_join_token,
)
from tabard.agent.edge_client import EdgeError
from tabard.agent.enrolling import EdgeNotTrusted, enroll
from tabard.agent.host_keys import Enrollment, HostDirectory, NotEnrolled
from tabard.agent.networks.machine import METADATA_ADDRESS
from tabard.agent.retry_loop import HostRevoked
from tabard.cli.acting import acting_client, call_failures
from tabard.cli.durations import duration
from tabard.cli.lazy_commands import PlainGroup
from tabard.cli.listing import JsonOption, show_json, show_table
from tabard.cli.running import DataDirOption, EndpointOption, ProfileOption, complain, running_system
from tabard.clock import SystemClock, iso8601
from tabard.model.join_offer import JoinOffer
from tabard.model.messages import CreateJoinTokenRequest, HostDescription, JoinTokenDescription
from tabard.wiring.data_dir import default_data_dir
from tabard.wiring.enrolled import EnrolledMachine, NotServed
from tabard.wiring.process import prepare_process

REVOKED = 3
"""The exit status of a machine whose host was revoked; starting it again does not help."""

SHOWN_VARIABLES = (
    "AWS_ENDPOINT_URL",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
)

_STDIN = "-"

host = typer.Typer(
    name="host",
    help="Enroll, list and revoke other machines.",
    cls=PlainGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@host.command()
def token(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the machine that may enroll.")],
    instance_profile: Annotated[
        str | None,
        typer.Option("--instance-profile", help="The instance profile to attach to the machine's instance."),
    ] = None,
    ttl: Annotated[
        str, typer.Option("--ttl", help="The lifetime of the token, from 60s to 7d, such as 30m or 1h.")
    ] = "1h",
    host_endpoint: Annotated[
        str | None,
        typer.Option(
            "--host-endpoint",
            metavar="URL",
            help="The https:// endpoint at which that machine reaches the edge. Default: the local system's "
            "port for machines, or --endpoint if it is https.",
        ),
    ] = None,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """Print a join token for one machine of this name. It is a secret, and works once."""
    lifetime = duration(ttl, option="--ttl")
    client = acting_client(context, data_dir=data_dir, endpoint=endpoint, profile=profile)
    reached = host_endpoint or _endpoint_for_others(client, data_dir)
    try:
        request = msgspec.convert(
            {
                "HostName": name,
                "InstanceProfileName": instance_profile,
                "LifetimeSeconds": int(lifetime.total_seconds()),
            },
            CreateJoinTokenRequest,
        )
        with call_failures(client):
            made = create_join_token(client, request)
        offer = JoinOffer(
            endpoint=reached,
            ca_fingerprint=made.ca_fingerprint,
            token_id=made.join_token_id,
            secret=made.secret,
        ).checked()
    except ValueError as error:
        complain(str(error))
    typer.echo(offer.to_text())
    typer.echo(f"tabard: the token enrolls {name} once, until {iso8601(made.expiration)}", err=True)


@host.command()
def tokens(
    context: typer.Context,
    remove: Annotated[
        str | None,
        typer.Option(
            "--remove", metavar="TOKEN", help="Remove the token with this id (jt-…) instead of listing."
        ),
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """List the join tokens that have not expired, without their secrets, or remove one."""
    client = acting_client(context, data_dir=data_dir, endpoint=endpoint, profile=profile, as_json=as_json)
    if remove is not None:
        with call_failures(client):
            remove_join_token(client, remove)
        return
    with call_failures(client):
        found = list_join_tokens(client)
    now = SystemClock().now()
    valid = [each for each in found if each.expiration > now]  # housekeeping removes others once a minute
    if as_json:
        show_json({"join_tokens": [_as_json(each) for each in valid]})
        return
    show_table(
        ("TOKEN", "FOR", "UNTIL", "USED BY"),
        [
            (each.join_token_id, each.host_name, iso8601(each.expiration), each.host_id or "-")
            for each in valid
        ],
    )


@host.command(name="list")
def list_(
    context: typer.Context,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """List the hosts: enrolled machines, and the hosts of this machine."""
    client = acting_client(context, data_dir=data_dir, endpoint=endpoint, profile=profile, as_json=as_json)
    with call_failures(client):
        found = list_hosts(client)
    if as_json:
        show_json({"hosts": [{**_as_json(each), "kind": _kind(each)} for each in found]})
        return
    show_table(
        ("HOST", "NAME", "KIND", "LAST SEEN", "INSTANCES"),
        [
            (
                each.host_id,
                each.name,
                _kind(each),
                iso8601(each.last_seen_at),
                " ".join(each.instance_ids) or "-",
            )
            for each in found
        ],
    )


def _kind(each: HostDescription) -> str:
    return "enrolled" if each.enrolled else "command" if each.ephemeral else "local"


def _as_json(each: HostDescription | JoinTokenDescription) -> dict[str, object]:
    """Return the fields of a description under their own names; times as text."""
    fields: dict[str, object] = msgspec.structs.asdict(each)
    return {name: iso8601(value) if isinstance(value, datetime) else value for name, value in fields.items()}


@host.command()
def revoke(
    context: typer.Context,
    host_id: Annotated[str, typer.Argument(metavar="HOST", help="The host's id, h-…")],
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """Remove a host. At once, Tabard refuses its certificate, its instances and their sessions."""
    client = acting_client(context, data_dir=data_dir, endpoint=endpoint, profile=profile)
    with call_failures(client):
        deregister_host(client, host_id)


@host.command(name="enroll", context_settings={"allow_interspersed_args": True})
def enroll_(
    join_token: Annotated[
        str | None,
        typer.Argument(
            metavar="[TOKEN]",
            envvar="TABARD_JOIN_TOKEN",
            help="The join token; - reads it from stdin. Without one, an earlier enrollment continues.",
        ),
    ] = None,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- CMD…]", help="A command to run as the instance.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option("--directory", help="The folder for the machine's key (mode 0700).")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name the token was issued for (default: hostname).")
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            "--port", min=0, max=65535, help="The loopback port at which applications reach the edge."
        ),
    ] = 4590,
    metadata_address: Annotated[
        str,
        typer.Option(
            "--metadata-address", help="The address of the metadata service: 127.0.0.1 or 169.254.169.254."
        ),
    ] = "127.0.0.1",
    metadata_port: Annotated[
        int | None,
        typer.Option(
            "--metadata-port",
            min=0,
            max=65535,
            help="The port of the metadata service. Default: 4591; at 169.254.169.254: 80.",
        ),
    ] = None,
    renew_key_every: Annotated[
        str, typer.Option("--renew-key-every", help="How often the host replaces its key, such as 12h.")
    ] = "1d",
) -> None:
    """Make this machine an instance, and serve its metadata until Ctrl-C or until CMD ends.

    If an administrator revokes the host, the command ends CMD and exits with status 3.
    """
    kept = HostDirectory(directory or default_data_dir().with_name("tabard-host"))
    if join_token and join_token != _STDIN and not JoinOffer.is_like(join_token) and kept.is_enrolled:
        command = [join_token, *(command or ())]  # the enrollment continues; this is the command
        join_token = None
    if metadata_address not in ("127.0.0.1", METADATA_ADDRESS):
        complain(f"--metadata-address must be 127.0.0.1 or {METADATA_ADDRESS}, not {metadata_address}")
    if command and shutil.which(command[0]) is None:
        complain(f"{command[0]}: command not found")
    by_default = 80 if metadata_address == METADATA_ADDRESS else 4591
    renew_every = duration(renew_key_every, option="--renew-key-every")
    if renew_every < timedelta(minutes=1):
        complain(f"--renew-key-every {renew_key_every}: it is 1m at least")
    prepare_process(least_level=logging.WARNING, for_people=True)
    with tempfile.TemporaryDirectory(prefix="tabard-machine-") as runtime_directory:
        machine = EnrolledMachine(
            directory=kept,
            runtime_directory=Path(runtime_directory),
            metadata=(metadata_address, by_default if metadata_port is None else metadata_port),
            edge=("127.0.0.1", port),
            environment=dict(os.environ),
            renew_key_every=renew_every,
            command=command or (),
        )
        try:
            status = asyncio.run(_enroll_and_serve(join_token, name or socket.gethostname(), kept, machine))
        except (EdgeNotTrusted, NotEnrolled, NotServed) as error:
            complain(str(error))
        except HostRevoked as error:
            complain(f"{error}; to enroll again, delete {kept.path} and pass another token", status=REVOKED)
        except EdgeError as error:
            complain(error.message)
        except OSError as error:
            complain(f"enrollment failed: {error.strerror or error}")
    raise typer.Exit(status)


async def _enroll_and_serve(
    join_token: str | None, name: str, kept: HostDirectory, machine: EnrolledMachine
) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if join_token is not None:
        if kept.is_enrolled:
            raise NotEnrolled(
                f"{kept.path} already holds an enrollment; pass no token, or another --directory"
            )
        await enroll(_offer(join_token), kept, host_name=name, clock=SystemClock())
    status = await machine.serve(stop, announce=_say_where if not machine.command else _say_that)
    return status.shell_code


def _offer(join_token: str) -> JoinOffer:
    try:
        return JoinOffer.from_text(sys.stdin.readline() if join_token == _STDIN else join_token)
    except ValueError as error:
        raise NotEnrolled(str(error)) from None


def _say_that(enrollment: Enrollment, _: Mapping[str, str]) -> None:
    typer.echo(f"tabard: this machine is {enrollment.instance_id} on host {enrollment.host_id}", err=True)


def _say_where(enrollment: Enrollment, environment: Mapping[str, str]) -> None:
    """Print the variables that a process of this machine needs to be the instance."""
    _say_that(enrollment, environment)
    for variable in SHOWN_VARIABLES:
        if variable in environment:
            typer.echo(f"export {variable}={shlex.quote(environment[variable])}")


def _endpoint_for_others(client: SystemClient, data_dir: Path | None) -> str:
    """Return the endpoint at which other machines reach the edge. Exit if it is not known."""
    if client.own_settings:
        if urlsplit(client.endpoint).scheme == "https":
            return client.endpoint
        complain("pass the endpoint at which that machine reaches the edge: --host-endpoint https://…")
    system = running_system(data_dir)
    if not system.host_endpoint:
        complain("this system has no port for other machines; start it with: tabard up --host-port 4583")
    if urlsplit(system.host_endpoint).hostname in ("0.0.0.0", "::"):  # noqa: S104 - it is refused
        complain(
            "the edge listens on every address; pass the one that the machine reaches: --host-endpoint https://…"
        )
    return system.host_endpoint
