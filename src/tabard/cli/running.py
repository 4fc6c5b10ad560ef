"""The running system, as the commands beside `tabard up` find it."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tabard.cli.shown import printable
from tabard.wiring.data_dir import find_running
from tabard.wiring.running import RunningSystem, describe

DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", envvar="TABARD_DATA_DIR", help="The data directory of the system to use."),
]
EndpointOption = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        metavar="URL",
        help="The endpoint of the system to call with your own AWS credentials. Default: AWS_ENDPOINT_URL, "
        "then the profile's endpoint_url.",
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="The profile of your AWS configuration to use instead of the local admin.",
    ),
]


def running_system(data_dir: Path | None) -> RunningSystem:
    """Find the running system. Exit with a sentence if none is running."""
    found = find_running(data_dir)
    system = describe(found) if found is not None else None
    if system is None:
        where = f" on {data_dir}" if data_dir is not None else ""
        complain(f"no tabard is running{where}; start one with: tabard up")
    return system


def say_system_and_principal(system: str, principal: str) -> None:
    """Print the system and the principal in one line on stderr; programs read stdout."""
    typer.echo(f"tabard: system {system}, principal {printable(principal)}", err=True)


def complain(sentence: str, *, status: int = 2) -> NoReturn:
    """Print one sentence on stderr and exit."""
    typer.echo(f"tabard: {sentence}", err=True)
    raise typer.Exit(status)


def is_typed(context: typer.Context, parameter: str) -> bool:
    """Return whether the command line has the parameter; its variable does not count."""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"
