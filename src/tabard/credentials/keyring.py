"""The keyring: the AES-256-GCM keys under which session tokens are sealed.

The keyring gets a new key every day. It keeps an old key until every session sealed under it has expired. So
any edge can open any valid token with only the keyring.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tabard.model.sealing_key import SealingKey
from tabard.store.ports import Vault

ROTATE_AFTER = timedelta(days=1)
LONGEST_SESSION = timedelta(hours=12)
LONGEST_STALENESS = timedelta(hours=12)
"""The time for which an edge without the store may continue to seal under its newest key."""

FORGET_AFTER_SUCCESSOR = LONGEST_SESSION + LONGEST_STALENESS
"""A key may seal until every edge has its successor. Its last session then lives 12 hours."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Decrypted keys by id, and the id of the newest, which seals."""

    ciphers: Mapping[int, AESGCM] = field(repr=False)
    newest_key_id: int

    @property
    def newest(self) -> AESGCM:
        return self.ciphers[self.newest_key_id]


def open_keyring(keys: Iterable[SealingKey], vault: Vault) -> Keyring:
    """Decrypt every key. Raises ValueError if there is none, or the master key is another one."""
    ordered = _oldest_first(keys)
    if not ordered:
        raise ValueError("the keyring is empty")
    ciphers = {
        key.key_id: AESGCM(vault.open(key.sealed_material, label=_label(key.key_id))) for key in ordered
    }
    return Keyring(ciphers, ordered[-1].key_id)


def new_sealing_key(vault: Vault, *, now: datetime) -> SealingKey:
    """Make a random key, encrypted for the store."""
    key_id = secrets.randbits(32)
    return SealingKey(
        key_id=key_id,
        sealed_material=vault.seal(AESGCM.generate_key(256), label=_label(key_id)),
        created_at=now,
    )


def rotation_is_due(keys: Iterable[SealingKey], *, now: datetime) -> bool:
    """Return whether the newest key is a day old, or there is none."""
    newest = max((key.created_at for key in keys), default=None)
    return newest is None or now - newest >= ROTATE_AFTER


def forgettable(keys: Iterable[SealingKey], *, now: datetime) -> tuple[SealingKey, ...]:
    """Return the keys that no valid session can need; never the newest."""
    return tuple(
        key
        for key, successor in pairwise(_oldest_first(keys))
        if now - successor.created_at >= FORGET_AFTER_SUCCESSOR
    )


def _oldest_first(keys: Iterable[SealingKey]) -> list[SealingKey]:
    """Sort the keys of a keyring by age: the last one seals."""
    return sorted(keys, key=lambda key: (key.created_at, key.key_id))


def _label(key_id: int) -> str:
    return f"sealing-key/{key_id}"
