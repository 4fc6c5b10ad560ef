"""`tabard identity-certificate`: what the identity documents of instances are verified with."""

from pathlib import Path
from typing import Annotated

import typer

from tabard.cli.running import complain
from tabard.wiring.data_dir import DataDir, default_data_dir, find_running
from tabard.wiring.data_file import read_own_file

_BEGIN = "-----BEGIN CERTIFICATE-----\n"
_END = "-----END CERTIFICATE-----\n"


def identity_certificate(
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", envvar="TABARD_DATA_DIR", help="The data directory that is meant."),
    ] = None,
) -> None:
    """Print the certificate (PEM) with which instance identity documents are signed; it is no secret."""
    chosen = find_running(data_dir) or DataDir(data_dir or default_data_dir())
    again = "stop tabard up and start it again, which writes it"
    content = read_own_file(chosen.identity_certificate, advice=again)
    if content is None:
        complain(
            f"there is no installation in {chosen.path}; its first start makes the certificate: tabard up"
        )
    text = content.decode("ascii", errors="replace")
    if not (text.startswith(_BEGIN) and text.endswith(_END)):
        complain(f"{chosen.identity_certificate} is damaged (it is no certificate); {again}")
    typer.echo(text, nl=False)
