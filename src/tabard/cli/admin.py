"""`tabard admin`: the key by which the commands act as the local admin."""

import typer
from botocore.exceptions import BotoCoreError, ClientError

from tabard.administration.admin_key import NotRotated, rotate_key
from tabard.administration.call_errors import ClientUnusable
from tabard.administration.client import client_of_key
from tabard.administration.long_term_key import LongTermKey
from tabard.cli.acting import say_who_acts
from tabard.cli.running import DataDirOption, complain, running_system
from tabard.cli.shown import printable
from tabard.clock import SystemClock
from tabard.wiring.key_files import LongTermKeyFile
from tabard.wiring.local_admin import as_admin

admin = typer.Typer(
    name="admin",
    help="The local admin, as whom commands act where you name no credentials of your own.",
    no_args_is_help=True,
    add_completion=False,
)


@admin.callback()
def _admin() -> None:
    """The local admin, as whom commands act where you name no credentials of your own."""


@admin.command(name="rotate-key")
def rotate_key_(data_dir: DataDirOption = None) -> None:
    """Replace the local admin's key: IAM makes a new one, admin.json keeps it, and the former one is deleted.

    Run it again after a crash: it finishes what was begun. AWS settings of the shell do not count here.
    """
    system = running_system(data_dir)
    acting = as_admin(system)
    say_who_acts(acting)
    file = LongTermKeyFile(system.data_dir.admin_credentials)

    def client_of(key: LongTermKey, service: str) -> object:
        pair = (key.access_key_id, key.secret_access_key)
        return client_of_key(system.endpoint, system.region, lambda: pair).client(service)

    try:
        with file.locked():
            key = rotate_key(file, client_of, now=SystemClock().now())
    except (ClientError, BotoCoreError, ClientUnusable, NotRotated) as error:
        complain(printable(str(error)))
    except OSError as error:
        complain(f"{file.path}: {error.strerror or error}")
    typer.echo(f"tabard: {file.path} holds the key {key.access_key_id}; the former one is deleted", err=True)
    typer.echo('tabard: shells that hold the former key need: eval "$(tabard env)"', err=True)
