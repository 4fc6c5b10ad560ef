"""The master key, which encrypts the keyring and every long-term secret in the store.

It stays outside the store, in a file that only its owner can read or as a systemd credential. So nobody can
mint sessions or sign requests with a stolen database or dump.
"""

import hmac
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


_PUT_BACK = (
    "put the installation's own key back from where you keep it: without it nothing in the store opens"
)


class MasterKeyUnusable(Exception):
    """The master key file is missing, of the wrong size, readable by others, or another installation's."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """An AES-256-GCM key. It implements the store's `Vault`."""

    _cipher: AESGCM = field(repr=False)

    @classmethod
    def from_bytes(cls, material: bytes) -> "MasterKey":
        if len(material) != _KEY_BYTES:
            comparison = "fewer" if len(material) < _KEY_BYTES else "more"
            raise MasterKeyUnusable(f"a master key has {_KEY_BYTES} bytes, this one has {comparison}")
        return cls(AESGCM(material))

    def seal(self, plaintext: bytes, *, label: str) -> bytes:
        """Encrypt under a new nonce. The ciphertext opens only with the same label."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plaintext, label.encode())

    def open(self, ciphertext: bytes, *, label: str) -> bytes:
        """Decrypt. Raises ValueError if ciphertext, label and key do not belong together."""
        try:
            return self._cipher.decrypt(ciphertext[:_NONCE_BYTES], ciphertext[_NONCE_BYTES:], label.encode())
        except (InvalidTag, ValueError):
            raise ValueError(f"what is sealed as {label!r} does not open under this master key") from None


def read_master_key(path: Path) -> MasterKey:
    """Read the key in `path` by `read_master_key_bytes`. Raises MasterKeyUnusable."""
    return MasterKey.from_bytes(read_master_key_bytes(path))


def read_master_key_bytes(path: Path) -> bytes:
    """Read the 32 bytes of `path`, a file of this user (or root) that nobody else can read.

    Raises:
        MasterKeyUnusable: missing, not a plain file, another size or owner, or readable by group or others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise MasterKeyUnusable(
            f"the master key {path} cannot be opened: {error.strerror}; {_PUT_BACK}"
        ) from error
    try:
        status = os.fstat(descriptor)
        mode = stat.S_IMODE(status.st_mode)
        if not stat.S_ISREG(status.st_mode):
            raise MasterKeyUnusable(f"the master key {path} is not a plain file; {_PUT_BACK}")
        if status.st_uid not in (0, os.geteuid()):
            raise MasterKeyUnusable(
                f"the master key {path} belongs to another user (uid {status.st_uid}); {_PUT_BACK}"
            )
        if mode & 0o077:
            raise MasterKeyUnusable(f"the master key {path} has mode {mode:04o}; it must be 0600")
        return _of_right_size(path, os.read(descriptor, _KEY_BYTES + 1))
    finally:
        os.close(descriptor)


def read_systemd_master_key_bytes(path: Path) -> bytes:
    """Read the key from a systemd credential, whose mode and owner systemd sets.

    Raises:
        MasterKeyUnusable: it cannot be read, or has another size.
    """
    try:
        return _of_right_size(path, path.read_bytes())
    except OSError as error:
        raise MasterKeyUnusable(
            f"the master key {path} cannot be opened: {error.strerror}; {_PUT_BACK}"
        ) from error


def _of_right_size(path: Path, material: bytes) -> bytes:
    try:
        MasterKey.from_bytes(material)
    except MasterKeyUnusable as error:
        raise MasterKeyUnusable(f"{path} is damaged ({error}); {_PUT_BACK}") from None
    return material


def refuse_other_master_key(store: str) -> MasterKeyUnusable:
    """Make the error for a readable key that decrypts nothing in `store`."""
    return MasterKeyUnusable(
        f"the master key does not open {store}: it is another installation's; {_PUT_BACK}"
    )


def create_master_key(path: Path) -> MasterKey:
    """Write a new random key to `path` (mode 0600, on disk before its first use) and return it.

    An existing key is never replaced: of two creators one wins, and both read the same key.
    """
    keep_master_key(path, secrets.token_bytes(_KEY_BYTES))
    return read_master_key(path)


def keep_master_key(path: Path, material: bytes) -> bool:
    """Write a key to `path` (mode 0600, on disk on return), unless a key exists there.

    Returns:
        Whether `path` now contains this key. Raises MasterKeyUnusable.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(material)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return hmac.compare_digest(read_master_key_bytes(path), material)
    finally:
        draft.unlink()
    sync_folder(path.parent)
    return True


def systemd_master_key_path() -> Path | None:
    """Return the path of the systemd credential `tabard-master-key`, if any (LoadCredentialEncrypted=).

    Reference: https://systemd.io/CREDENTIALS/
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / SYSTEMD_CREDENTIAL if folder else None
    return path if path is not None and path.exists() else None
