"""The master key: what encrypts the keyring and every long-term secret in the store.

It is kept outside the store, in a file only its owner reads or as a systemd credential, so that a
stolen database or dump mints nothing and signs nothing.
"""

import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tabard.durable_files import sync_folder

SYSTEMD_CREDENTIAL = "tabard-master-key"
_KEY_BYTES = 32
_NONCE_BYTES = 12


class MasterKeyUnusable(Exception):
    """The master key file is missing, of the wrong size, or readable by others."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """An AES-256-GCM key; satisfies the store's `Vault`."""

    _cipher: AESGCM = field(repr=False)

    @classmethod
    def from_bytes(cls, material: bytes) -> "MasterKey":
        if len(material) != _KEY_BYTES:
            comparison = "fewer" if len(material) < _KEY_BYTES else "more"
            raise MasterKeyUnusable(f"a master key has {_KEY_BYTES} bytes, this one has {comparison}")
        return cls(AESGCM(material))

    def seal(self, plaintext: bytes, *, label: str) -> bytes:
        """Encrypt under a fresh nonce; the ciphertext opens only with the same label."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plaintext, label.encode())

    def open(self, ciphertext: bytes, *, label: str) -> bytes:
        """Decrypt. Raises ValueError where ciphertext, label and key do not belong together."""
        try:
            return self._cipher.decrypt(ciphertext[:_NONCE_BYTES], ciphertext[_NONCE_BYTES:], label.encode())
        except (InvalidTag, ValueError):
            raise ValueError(f"what is sealed as {label!r} does not open under this master key") from None


def read_master_key(path: Path) -> MasterKey:
    """The key in `path`, a file of 32 bytes of this user's (or root's) own that nobody else may read.

    Raises:
        MasterKeyUnusable: no such file, no plain file, another size or owner, or open to group or others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise MasterKeyUnusable(f"the master key {path} cannot be opened: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        mode = stat.S_IMODE(status.st_mode)
        if not stat.S_ISREG(status.st_mode):
            raise MasterKeyUnusable(f"the master key {path} is not a plain file")
        if status.st_uid not in (0, os.geteuid()):
            raise MasterKeyUnusable(f"the master key {path} belongs to another user (uid {status.st_uid})")
        if mode & 0o077:
            raise MasterKeyUnusable(f"the master key {path} has mode {mode:04o}; it must be 0600")
        return MasterKey.from_bytes(os.read(descriptor, _KEY_BYTES + 1))
    finally:
        os.close(descriptor)


def create_master_key(path: Path) -> MasterKey:
    """Write a new random key to `path` (mode 0600, durable before it is used) and return it.

    A key that is there already is never replaced: of two creators one wins and both read the same key.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return read_master_key(path)
    finally:
        draft.unlink()
    sync_folder(path.parent)
    return read_master_key(path)


def systemd_master_key_path() -> Path | None:
    """Where systemd put the credential `tabard-master-key`, if it did (LoadCredentialEncrypted=).

    Reference: https://systemd.io/CREDENTIALS/
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / SYSTEMD_CREDENTIAL if folder else None
    return path if path is not None and path.exists() else None
