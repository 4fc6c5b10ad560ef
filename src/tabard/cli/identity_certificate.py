"""`tabard identity-certificate`: what the identity documents of instances are verified with."""

from pathlib import Path
from typing import Annotated

import typer

from tabard.cli.running import complain
from tabard.wiring.data_dir import DataDir, default_data_dir, find_running


def identity_certificate(
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", envvar="TABARD_DATA_DIR", help="The data directory that is meant."),
    ] = None,
) -> None:
    """Print the certificate (PEM) with which instance identity documents are signed; it is no secret."""
    chosen = find_running(data_dir) or DataDir(data_dir or default_data_dir())
    try:
        typer.echo(chosen.identity_certificate.read_text("ascii"), nl=False)
    except OSError:
        complain(
            f"there is no installation in {chosen.path}; its first start makes the certificate: tabard up"
        )
