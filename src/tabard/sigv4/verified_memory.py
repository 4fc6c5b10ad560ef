"""What verified requests have taught, kept for the next ones; bounded, so that it cannot fill the memory."""

from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class VerifiedMemory(dict[_Key, _Value]):
    """A dictionary of at most `capacity` entries, which begins again from nothing where it is full.

    INVARIANT: `remember` is called only after a signature verified, so that a stranger can neither fill nor
    flush it.
    """

    __slots__ = ("capacity",)

    def __init__(self, *, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity

    def remember(self, key: _Key, value: _Value) -> None:
        """Keep this value, in place of the one that this key had."""
        if key not in self and len(self) >= self.capacity:
            self.clear()
        self[key] = value
