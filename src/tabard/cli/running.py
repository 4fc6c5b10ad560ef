"""The running system, as the commands beside `tabard up` find it."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tabard.cli.shown import printable
from tabard.wiring.data_dir import find_running
from tabard.wiring.running import RunningSystem, describe

DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", envvar="TABARD_DATA_DIR", help="The data directory of the system that is meant."
    ),
]
EndpointOption = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        metavar="URL",
        help="The system to ask, by your own AWS credentials. Default: AWS_ENDPOINT_URL, then the profile's "
        "endpoint_url.",
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="The profile of your AWS configuration to act by, in place of the local admin.",
    ),
]


def running_system(data_dir: Path | None) -> RunningSystem:
    """The system that is meant; leaves with a sentence where none is running."""
    found = find_running(data_dir)
    system = describe(found) if found is not None else None
    if system is None:
        where = f" on {data_dir}" if data_dir is not None else ""
        complain(f"no tabard is running{where}; start one with: tabard up")
    return system


def say_system_and_principal(system: str, principal: str) -> None:
    """Say whom a command asks, and as whom, in one line on stderr: machines read stdout."""
    typer.echo(f"tabard: system {system}, principal {printable(principal)}", err=True)


def complain(sentence: str, *, status: int = 2) -> NoReturn:
    """Say what is wrong, in one sentence, and leave."""
    typer.echo(f"tabard: {sentence}", err=True)
    raise typer.Exit(status)


def is_typed(context: typer.Context, parameter: str) -> bool:
    """Whether it stands on the command line, and is not the value of a variable."""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"
