"""Bounded cache of values from verified requests, for later requests."""

from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class VerifiedMemory(dict[_Key, _Value]):
    """A dictionary of at most `capacity` entries. When it is full, it is cleared.

    INVARIANT: `remember` is called only after a signature verified, so a stranger can neither fill nor flush
    the cache.
    """

    __slots__ = ("capacity",)

    def __init__(self, *, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity

    def remember(self, key: _Key, value: _Value) -> None:
        """Store the value, in place of the former value of this key."""
        if key not in self and len(self) >= self.capacity:
            self.clear()
        self[key] = value
