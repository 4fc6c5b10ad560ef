"""A number that processes share through a mapped file: when one changes it, all see a change at once."""

import mmap
import os
import secrets
from pathlib import Path
from typing import Self

_BYTES = 8


class SharedMark:
    """The mark. Each change is a new random number, so that two changes at the same time need no lock."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._cell = memoryview(memory).cast("Q")

    @classmethod
    def private(cls) -> Self:
        """Return a mark that no other process sees."""
        return cls(mmap.mmap(-1, _BYTES))

    @classmethod
    def at(cls, path: Path) -> Self:
        """Return the mark in a file of mode 0600, which is made if it is missing. Raises OSError."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.ftruncate(descriptor, _BYTES)
            return cls(mmap.mmap(descriptor, _BYTES))
        finally:
            os.close(descriptor)

    def value(self) -> int:
        """Return the present number; two that differ have a change between them."""
        return self._cell[0]

    def change(self) -> None:
        """Let every process see that something changed."""
        self._cell[0] = secrets.randbits(8 * _BYTES)
