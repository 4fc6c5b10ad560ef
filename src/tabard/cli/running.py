"""The running system, as the commands beside `tabard up` find it."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tabard.wiring.data_dir import find_running
from tabard.wiring.running import RunningSystem, describe

DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", envvar="TABARD_DATA_DIR", help="The data directory of the system that is meant."
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


def complain(sentence: str, *, status: int = 2) -> NoReturn:
    """Say what is wrong, in one sentence, and leave."""
    typer.echo(f"tabard: {sentence}", err=True)
    raise typer.Exit(status)
