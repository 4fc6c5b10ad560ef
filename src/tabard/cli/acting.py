"""The system that a command calls, and the principal: the user's AWS settings, or the local admin."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from tabard.administration.call_errors import CallFailed, ClientUnusable
from tabard.administration.client import SystemClient
from tabard.administration.named import shell_names_a_system
from tabard.administration.shell import client_of_shell
from tabard.cli.running import complain, is_typed, running_system, say_system_and_principal
from tabard.cli.shown import printable
from tabard.wiring.local_admin import as_admin

_REFUSED_KEYS = frozenset({"InvalidClientTokenId", "SignatureDoesNotMatch"})


def acting_client(
    context: typer.Context,
    *,
    data_dir: Path | None,
    endpoint: str | None,
    profile: str | None,
    as_json: bool = False,
) -> SystemClient:
    """Return the client that the options and the shell describe; print system and principal on stderr.

    With --endpoint, --profile or AWS_ENDPOINT_URL the user's own credentials act, and no data directory is
    needed. Without them, or with --data-dir, the local admin of that data directory acts, and no AWS setting
    of the shell counts. Exits with a sentence where neither works.

    Args:
        as_json: a program reads the output, perhaps with stderr in it: print no line on stderr.
    """
    client = shell_client(context, data_dir=data_dir, endpoint=endpoint, profile=profile)
    if client is None:
        client = as_admin(running_system(data_dir))
    if not as_json:
        say_who_acts(client)
    return client


def shell_client(
    context: typer.Context, *, data_dir: Path | None, endpoint: str | None, profile: str | None
) -> SystemClient | None:
    """Return the client of the user's own AWS settings; None for the local admin."""
    if is_typed(context, "data_dir"):
        if endpoint or profile:
            complain(
                f"--data-dir {data_dir} acts as the local admin, --endpoint and --profile as yourself; "
                "give one of the two"
            )
        return None
    if not shell_names_a_system(endpoint=endpoint, profile=profile):
        return None
    try:
        return client_of_shell(endpoint=endpoint, profile=profile)
    except ClientUnusable as error:
        complain(printable(str(error)))


def say_who_acts(client: SystemClient, *, origin: str = "") -> None:
    """Print system and principal in one line on stderr.

    Exits with a sentence where the system does not know the credentials.

    Args:
        origin: whether the command started the system, where that is worth a word.
    """
    with call_failures(client):
        principal = client.principal_arn
    system = f"{client.endpoint} ({client.region})"
    say_system_and_principal(f"{system}, {origin}" if origin else system, principal)


@contextmanager
def call_failures(client: SystemClient) -> Iterator[None]:
    """Exit with one sentence where a call fails."""
    try:
        yield
    except ClientUnusable as error:
        complain(printable(str(error)))
    except CallFailed as error:
        complain(printable(failure_sentence(client, error)))


def failure_sentence(client: SystemClient, error: CallFailed) -> str:
    """Describe a failed call to the user; for an unknown key, with the remedy."""
    if error.code == "Unreachable":
        return f"the system did not answer correctly: {error.message}"
    if error.code in _REFUSED_KEYS and not client.own_settings:
        return (
            f"{error.message} The local admin's key in admin.json is no longer valid. Use credentials of "
            "your own (--profile), or delete admin.json and restart tabard up, which creates another key"
        )
    return f"{error.code}: {error.message}"
