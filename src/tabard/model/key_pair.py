"""Key pairs: a public key under a name. Launches refer to the name."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tabard.model.tag import Tag

KeyType = Literal["rsa", "ed25519"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """One key pair of a region. `public_key` is one line in OpenSSH's format, which ends with the name.

    INVARIANT: the private key is not stored: only its creator got it, once.
    """

    key_pair_id: str
    name: str
    region: str
    account_id: str
    key_type: KeyType
    fingerprint: str
    public_key: str
    created_at: datetime
    tags: tuple[Tag, ...] = ()
