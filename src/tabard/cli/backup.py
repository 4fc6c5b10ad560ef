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
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The backup to write. The file must not exist.")
    ],
    with_master_key: Annotated[
        bool,
        typer.Option(
            "--with-master-key",
            help="Include the master key. Whoever has the backup then has every secret in it.",
        ),
    ] = False,
    data_dir: DataDirOption = None,
) -> None:
    """Write a backup of the store to one file (mode 0600). The system may be running.

    The backup holds every write that was acknowledged before the command began. It does not hold objects of
    S3, and it holds the master key only with --with-master-key.
    """
    chosen = find_running(data_dir) or DataDir(data_dir or default_data_dir())
    try:
        back_up(chosen, file, with_master_key=with_master_key, now=SystemClock().now())
    except _REFUSED as error:
        complain(str(error))
    key = (
        "with its master key" if with_master_key else "without its master key, which you must keep separately"
    )
    typer.echo(f"tabard: {file} holds the store of {chosen.path}, {key}", err=True)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup to restore.")],
    master_key: Annotated[
        Path | None,
        typer.Option(
            "--master-key",
            metavar="FILE",
            help="The file of the master key, mode 0600. Default: systemd's credential, the data directory's "
            "key, or the key in the backup.",
        ),
    ] = None,
    data_dir: DataDirOption = None,
) -> None:
    """Restore a backup into a data directory that holds no store.

    No system may run on it. The command first verifies that the backup is complete, that this version can
    read it, and that the master key opens it.
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
