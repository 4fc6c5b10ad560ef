"""The stored keys that seal session tokens."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingKey:
    """An AES-256 key that seals tokens; the master key encrypts it in the store.

    `key_id` is 0 to 2³²−1 and stands in clear at the head of each token.
    """

    key_id: int
    sealed_material: bytes = field(repr=False)
    created_at: datetime
