"""`tabard admin`: the key by which the commands act as the local admin."""

import typer
from botocore.exceptions import BotoCoreError, ClientError

from tabard.administration.admin_key import NotRotated, rotate_key
from tabard.administration.call_errors import ClientUnusable
from tabard.administration.client import client_of_key
from tabard.administration.long_term_key import LongTermKey
from tabard.cli.acting import say_who_acts
from tabard.cli.lazy_commands import PlainGroup
from tabard.cli.running import DataDirOption, complain, running_system
from tabard.cli.shown import printable
from tabard.clock import SystemClock
from tabard.wiring.key_files import LongTermKeyFile
from tabard.wiring.local_admin import as_admin

admin = typer.Typer(
    name="admin",
    help="Manage the local admin's key. Commands use it unless you name credentials of your own.",
    cls=PlainGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@admin.callback()
def _admin() -> None:
    """Manage the local admin's key. Commands use it unless you name credentials of your own."""


@admin.command(name="rotate-key")
def rotate_key_(data_dir: DataDirOption = None) -> None:
    """Replace the local admin's key. IAM creates a key, admin.json stores it, and IAM deletes the old key.

    After a crash, run the command again; it finishes the rotation. It ignores the AWS settings of your shell.
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
    typer.echo(f"tabard: {file.path} holds the key {key.access_key_id}; the former key is deleted", err=True)
    typer.echo('tabard: in shells that use the former key, run: eval "$(tabard env)"', err=True)
