"""A long-term key as its owner keeps it in a file, and how far its rotation is."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class LongTermKey:
    """The content of the key's file.

    issued_by_iam: IAM made the key, and not the first start.
    former_key_id: the key that this one replaces, where it may still have to be deleted.
    known_before: the keys of the user when a rotation began; empty if none is under way.
    noted_at: when that was.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    issued_by_iam: bool = False
    former_key_id: str = ""
    known_before: tuple[str, ...] = ()
    noted_at: datetime | None = None


class KeyFile(Protocol):
    """The file in which the owner keeps the key."""

    def read(self) -> LongTermKey:
        """Return the content."""

    def write(self, kept: LongTermKey) -> None:
        """Replace it, whole or not at all, durable on return."""
