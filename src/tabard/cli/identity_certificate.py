"""`tabard identity-certificate`: the certificate that verifies instance identity documents."""

import os

import typer

from tabard.administration.named import shell_names_a_system
from tabard.cli.running import (
    DataDirOption,
    EndpointOption,
    ProfileOption,
    complain,
    say_system_and_principal,
)
from tabard.wiring.data_dir import DataDir, default_data_dir, find_running
from tabard.wiring.data_file import read_own_file

_BEGIN = "-----BEGIN CERTIFICATE-----\n"
_END = "-----END CERTIFICATE-----\n"


def identity_certificate(
    context: typer.Context,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """Print the certificate (PEM) that verifies instance identity documents. It is not secret.

    The command reads it from the data directory. With --endpoint, --profile or AWS_ENDPOINT_URL, it asks that
    system (action tabard:GetIdentityCertificate).
    """
    if shell_names_a_system(endpoint=endpoint, profile=profile):
        from tabard.administration.account import identity_certificate as certificate_of
        from tabard.cli.acting import call_failures, say_who_acts, shell_client

        client = shell_client(context, data_dir=data_dir, endpoint=endpoint, profile=profile)
        if client is not None:
            say_who_acts(client)
            with call_failures(client):
                typer.echo(certificate_of(client), nl=False)
            return
    chosen = find_running(data_dir) or DataDir(data_dir or default_data_dir())
    again = "restart tabard up, which writes it"
    content = read_own_file(chosen.identity_certificate, advice=again)
    if content is None:
        complain(f"there is no installation in {chosen.path}; the first tabard up creates the certificate")
    text = content.decode("ascii", errors="replace")
    if not (text.startswith(_BEGIN) and text.endswith(_END)):
        complain(f"{chosen.identity_certificate} is damaged (it is not a certificate); {again}")
    say_system_and_principal(f"in {chosen.path}", f"uid {os.geteuid()}, its owner")
    typer.echo(text, nl=False)
