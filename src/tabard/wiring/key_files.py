"""The keys in a data directory: the master key, and long-term keys in plain text."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tabard.administration.long_term_key import LongTermKey
from tabard.credentials.master_key import (
    MasterKey,
    MasterKeyUnusable,
    create_master_key,
    read_master_key_bytes,
    read_systemd_master_key_bytes,
    systemd_master_key_path,
)
from tabard.wiring.data_dir import DataDir, write_secret_file
from tabard.wiring.data_file import DataFileUnusable, read_own_object

_KEY_ADVICE = "put it back, or remove it: the next start of tabard up then makes a new key"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A long-term key in plain text."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


def master_key_for(data_dir: DataDir) -> MasterKey:
    """Return the installation's master key: systemd's credential, or a file that the first start makes.

    Raises:
        MasterKeyUnusable: the key cannot be read safely, or a store exists whose key is missing.
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
    """Return the stored bytes of the master key; None if there is none. Raises MasterKeyUnusable."""
    credential = systemd_master_key_path()
    if credential is not None:
        return read_systemd_master_key_bytes(credential)
    if os.path.lexists(data_dir.master_key):
        return read_master_key_bytes(data_dir.master_key)
    return None


def read_key(file: Path) -> KeyPair | None:
    """Read the key in a file of the data directory. Raises DataFileUnusable."""
    held = read_long_term_key(file)
    return None if held is None else KeyPair(held.access_key_id, held.secret_access_key)


def read_long_term_key(file: Path) -> LongTermKey | None:
    """Read the key and the state of its rotation. Raises DataFileUnusable."""
    held = read_own_object(file, "access_key_id", "secret_access_key", advice=_KEY_ADVICE)
    if held is None:
        return None
    known, noted_at = held.get("known_before", []), held.get("noted_at")
    try:
        return LongTermKey(
            access_key_id=str(held["access_key_id"]),
            secret_access_key=str(held["secret_access_key"]),
            issued_by_iam=held.get("issued_by_iam") is True,
            former_key_id=str(held.get("former_key_id", "")),
            known_before=tuple(map(str, known)) if isinstance(known, list) else (),
            noted_at=None if noted_at is None else datetime.fromisoformat(str(noted_at)),
        )
    except ValueError:
        raise DataFileUnusable(f"{file} is damaged (noted_at is no time); {_KEY_ADVICE}") from None


@dataclass(frozen=True, slots=True)
class LongTermKeyFile:
    """Satisfies `long_term_key.KeyFile`."""

    path: Path

    def read(self) -> LongTermKey:
        """Read the key. Raises DataFileUnusable."""
        held = read_long_term_key(self.path)
        if held is None:
            raise DataFileUnusable(f"{self.path} is gone; {_KEY_ADVICE}")
        return held

    def write(self, key: LongTermKey) -> None:
        """Replace the key, completely or not at all. It is durable on return."""
        content: dict[str, object] = {
            "access_key_id": key.access_key_id,
            "secret_access_key": key.secret_access_key,
        }
        if key.issued_by_iam:
            content["issued_by_iam"] = True
        if key.former_key_id:
            content["former_key_id"] = key.former_key_id
        if key.noted_at is not None:
            content |= {"known_before": list(key.known_before), "noted_at": key.noted_at.isoformat()}
        write_secret_file(self.path, content)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock out other rotations, which wait. Raises OSError."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        descriptor = os.open(self.path.parent, flags)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
