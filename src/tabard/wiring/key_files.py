"""The keys that lie in a data directory: the master key, and long-term keys as their owners hold them."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from tabard.credentials.master_key import (
    MasterKey,
    MasterKeyUnusable,
    create_master_key,
    read_master_key_bytes,
    read_systemd_master_key_bytes,
    systemd_master_key_path,
)
from tabard.wiring.data_dir import DataDir
from tabard.wiring.data_file import read_own_object


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A long-term key as its owner holds it."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


def master_key_for(data_dir: DataDir) -> MasterKey:
    """The installation's master key: systemd's credential, or a file that the first start makes.

    Raises:
        MasterKeyUnusable: it cannot be read safely, or a store is there whose key is gone.
    """
    material = master_key_bytes_for(data_dir)
    if material is not None:
        return MasterKey.from_bytes(material)
    if data_dir.database.exists():
        raise MasterKeyUnusable(
            f"{data_dir.database} is there but its master key {data_dir.master_key} is not; "
            "put the key back (nothing in the store opens without it)"
        )
    return create_master_key(data_dir.master_key)


def master_key_bytes_for(data_dir: DataDir) -> bytes | None:
    """The installation's master key as it is kept; None where there is none. Raises MasterKeyUnusable."""
    credential = systemd_master_key_path()
    if credential is not None:
        return read_systemd_master_key_bytes(credential)
    if os.path.lexists(data_dir.master_key):
        return read_master_key_bytes(data_dir.master_key)
    return None


def read_key(file: Path) -> KeyPair | None:
    """The key that a file of the data directory holds. Raises DataFileUnusable."""
    held = read_own_object(
        file,
        "access_key_id",
        "secret_access_key",
        advice="put it back, or remove it: the next start of tabard up then makes a new key",
    )
    if held is None:
        return None
    return KeyPair(str(held["access_key_id"]), str(held["secret_access_key"]))
