"""The commit counter of a SQLite file, read from memory: the header of the wal-index.

Theory of operation: in WAL mode one write, that of this header, makes a transaction visible. The header is in
memory that all processes with the open file share (`-shm`). SQLite writes it once the commit is durable,
before COMMIT returns. A reader compares it with its copy from the last read, and so detects later commits.
The header is a version counter that the commit itself increments. No writer can forget it, and none can be
stopped or killed between commit and counter, because they are one write.

Reference: https://www.sqlite.org/walformat.html (the wal-index header: its 48 bytes, and what each is)
"""

import mmap
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

HEADER_BYTES = 48
"""Format, counter of transactions, last valid frame, size of the database, checksum of the frames, salts."""

_FORMAT_VERSION = 3007000
_IS_INITIALIZED = 12
"""The offset of that byte."""

# INVARIANT: a file opened here is never closed while the process lives. POSIX drops all locks of a process on
# a file when it closes any descriptor of that file (https://www.sqlite.org/howtocorrupt.html, 2.2). SQLite's
# locks are on this file. A mapping has its own descriptor.
_opened: list[int] = []
_mapped: dict[tuple[int, int], mmap.mmap] = {}


class CommitCounter(Protocol):
    """Memory that every commit changes."""

    def mark(self) -> bytes:
        """Return the present value; two different values have a commit between them."""


@dataclass(frozen=True, slots=True)
class WalIndex:
    """Implements `CommitCounter`, while this process has an open connection to the file."""

    header: mmap.mmap = field(repr=False)

    def mark(self) -> bytes:
        return self.header[:HEADER_BYTES]


def open_wal_index(database: Path) -> WalIndex | None:
    """Open the wal-index of a database; None if it does not have SQLite's documented format.

    Call it only while an open connection has read from the database, and keep that connection open. Without
    one, another process may shorten the file.
    """
    try:
        header = _header_of(f"{os.path.realpath(database)}-shm")
    except (OSError, ValueError):
        return None
    (format_version,) = struct.unpack_from("=I", header)
    return WalIndex(header) if format_version == _FORMAT_VERSION and header[_IS_INITIALIZED] == 1 else None


def _header_of(path: str) -> mmap.mmap:
    found = os.stat(path)  # noqa: PTH116 - a descriptor, or nothing but its name: see the invariant
    known = _mapped.get((found.st_dev, found.st_ino))
    if known is not None:
        return known
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    _opened.append(descriptor)
    header = mmap.mmap(descriptor, HEADER_BYTES, access=mmap.ACCESS_READ)
    opened = os.fstat(descriptor)
    _mapped[(opened.st_dev, opened.st_ino)] = header
    return header
