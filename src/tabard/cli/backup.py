"""`tabard backup` and `tabard restore`: the store in one file, and back."""

from pathlib import Path
from typing import Annotated

import typer

from tabard.cli.running import DataDirOption, complain
from tabard.clock import SystemClock
from tabard.credentials.master_key import MasterKeyUnusable
from tabard.store.ports import StoreUnavailable
from tabard.store.sqlite_backup import BackupUnusable
from tabard.wiring.backup import NotRestored, back_up, restore_into
from tabard.wiring.data_dir import DataDir, DataDirInUse, DataDirUnsafe, default_data_dir, find_running
from tabard.wiring.former_start import StoreLost

_REFUSED = (
    BackupUnusable,
    DataDirInUse,
    DataDirUnsafe,
    MasterKeyUnusable,
    NotRestored,
    StoreLost,
    StoreUnavailable,
)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup to write; nothing is replaced.")],
    with_master_key: Annotated[
        bool,
        typer.Option(
            "--with-master-key",
            help="Put the master key into the backup, which then is all that an attacker needs.",
        ),
    ] = False,
    data_dir: DataDirOption = None,
) -> None:
    """Write a backup of the store to one file (mode 0600), while the system runs or not.

    It holds every write that was acknowledged before the command began. It does not hold the objects of S3,
    nor the master key unless you ask for that.
    """
    chosen = find_running(data_dir) or DataDir(data_dir or default_data_dir())
    try:
        back_up(chosen, file, with_master_key=with_master_key, now=SystemClock().now())
    except _REFUSED as error:
        complain(str(error))
    key = "its master key is in it" if with_master_key else "keep its master key elsewhere, it is not in it"
    typer.echo(f"tabard: {file} holds the store of {chosen.path}; {key}", err=True)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup to restore.")],
    master_key: Annotated[
        Path | None,
        typer.Option(
            "--master-key",
            metavar="FILE",
            help="The master key's file, mode 0600. Without it: systemd's credential, the one in the data "
            "directory, or the one in the backup.",
        ),
    ] = None,
    data_dir: DataDirOption = None,
) -> None:
    """Restore a backup into a data directory that holds no store, and on which no system runs.

    The backup is verified first: whole, of a version that this one knows, and opened by the master key.
    """
    chosen = DataDir(data_dir or default_data_dir())
    try:
        restored = restore_into(chosen, file, master_key_file=master_key)
    except _REFUSED as error:
        complain(str(error))
    except OSError as error:
        complain(f"{error.filename or file}: {error.strerror or error}")
    typer.echo(
        f"tabard: {chosen.path} holds account {restored.account_id} ({restored.region}) as of "
        f"{restored.made_at}; start it with: tabard up",
        err=True,
    )
