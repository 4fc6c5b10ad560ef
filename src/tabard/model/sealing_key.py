"""The keys that seal session tokens, as they are stored."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingKey:
    """An AES-256 key under which tokens are sealed; stored encrypted under the master key.

    `key_id` is 0 to 2³²−1 and travels in clear at the head of each token.
    """

    key_id: int
    sealed_material: bytes = field(repr=False)
    created_at: datetime
