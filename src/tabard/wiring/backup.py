"""Backing up the store of a data directory, and restoring it into one."""

import os
import secrets
import shutil
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from tabard.clock import iso8601
from tabard.credentials.keyring import open_keyring
from tabard.credentials.master_key import (
    MasterKey,
    MasterKeyUnusable,
    keep_master_key,
    read_master_key_bytes,
    refuse_other_master_key,
    systemd_master_key_path,
)
from tabard.durable_files import sync_folder
from tabard.store.ports import StoreUnavailable
from tabard.store.sqlite import open_sqlite_store
from tabard.store.sqlite_backup import BackupUnusable, copy_backup, write_backup
from tabard.wiring.data_dir import DataDir
from tabard.wiring.former_start import require_store_file
from tabard.wiring.key_files import master_key_bytes_for

_MASTER_KEY = "master_key"


class NotRestored(Exception):
    """The data directory is unchanged; the message is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The content of a data directory after a restore."""

    account_id: str
    region: str
    made_at: str


def back_up(data_dir: DataDir, target: Path, *, with_master_key: bool, now: datetime) -> None:
    """Write a backup of the store, while a system runs on it or not.

    Args:
        with_master_key: include the installation's master key.

    Raises:
        StoreLost, StoreUnavailable, MasterKeyUnusable, BackupUnusable.
    """
    require_store_file(data_dir)
    if not data_dir.database.exists():
        raise StoreUnavailable(f"there is no store in {data_dir.path}")
    description = {"made_at": iso8601(now), "tabard_version": version("tabard")}
    if with_master_key:
        material = master_key_bytes_for(data_dir)
        if material is None:
            raise MasterKeyUnusable(
                f"the master key {data_dir.master_key} is gone; put it back, or leave --with-master-key out"
            )
        description[_MASTER_KEY] = material.hex()
    write_backup(data_dir.database, target, description)


def restore_into(data_dir: DataDir, backup: Path, *, master_key_file: Path | None) -> Restored:
    """Make the backup the store of a data directory that has none.

    The master key is the one in `master_key_file`, in systemd's credential or in the data directory, or else
    the one in the backup, which is then stored in the data directory. A failed restore removes the data
    directory if it created it.

    Raises:
        NotRestored, DataDirInUse, DataDirUnsafe, DataFileUnusable, MasterKeyUnusable, StoreUnavailable,
        BackupUnusable, OSError.
    """
    is_new = not data_dir.path.exists()
    data_dir.prepare()
    lock = data_dir.lock()
    try:
        _require_no_store(data_dir)
        draft = data_dir.database.with_name(f".restored.{secrets.token_hex(8)}")
        try:
            return _restore(backup, data_dir, draft, master_key_file)
        except BaseException:
            if is_new:
                shutil.rmtree(data_dir.path)
            raise
        finally:
            for leftover in data_dir.path.glob(f"{draft.name}*"):
                leftover.unlink()
    finally:
        os.close(lock)


def _require_no_store(data_dir: DataDir) -> None:
    for file in sorted(data_dir.path.glob(f"{data_dir.database.name}*")):
        if file.stat().st_size > 0:
            raise NotRestored(
                f"{file} is there already; a restore replaces nothing: move it away, or name another folder "
                "with --data-dir"
            )


def _restore(backup: Path, data_dir: DataDir, draft: Path, master_key_file: Path | None) -> Restored:
    description = copy_backup(backup, draft).values
    material = _master_key(data_dir, master_key_file, description.get(_MASTER_KEY))
    vault = MasterKey.from_bytes(material)
    # Opening it brings an older schema up to date, and refuses a newer one.
    with closing(open_sqlite_store(draft, vault=vault)) as store, store.reading() as tx:
        account_id, region = tx.installation.get("account_id"), tx.installation.get("region")
        if account_id is None:
            raise BackupUnusable(f"{backup} has no account in it; take another backup")
        try:
            open_keyring(tx.sealing_keys.all(), vault)
        except ValueError:
            raise refuse_other_master_key(f"the backup {backup}") from None
    if systemd_master_key_path() is None and not keep_master_key(data_dir.master_key, material):
        raise NotRestored(f"{data_dir.master_key} holds another key; move it away, or leave --master-key out")
    for left in (*data_dir.path.glob(f"{data_dir.database.name}*"), *data_dir.path.glob(f"{draft.name}-*")):
        if left.stat().st_size > 0:
            raise NotRestored(f"{left} has come meanwhile; somebody else works on this folder")
        left.unlink()
    # INVARIANT: the master key is durable before the store exists, and the store is complete or absent.
    draft.rename(data_dir.database)
    sync_folder(data_dir.path)
    return Restored(account_id=account_id, region=region or "", made_at=description.get("made_at", ""))


def _master_key(data_dir: DataDir, given: Path | None, in_backup: str | None) -> bytes:
    if given is not None:
        return read_master_key_bytes(given)
    kept = master_key_bytes_for(data_dir)
    if kept is not None:
        return kept
    if in_backup is not None:
        return bytes.fromhex(in_backup)
    raise NotRestored(
        f"the backup holds no master key; put it at {data_dir.master_key} (mode 0600), or name its file with "
        "--master-key"
    )
