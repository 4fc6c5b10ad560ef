"""Shared memory in which one process counts, and from which its parent reads.

Theory of operation. The parent makes one page per child and keeps it while Tabard runs. A child finds its
page under an inherited descriptor. It adds to 8-byte numbers in place, so a killed child loses no count, and
its successor goes on from the same numbers: counters never go backwards. Reading needs no answer from the
child: one that hangs delays nobody.

The page has a directory of series (a key, and where its numbers are) that only grows, and a report: a few
bytes of JSON that the child replaces every second. The number of series is raised after an entry is whole.
A checksum tells a half-written report. The parent believes nothing: what does not read well is left out.
"""

import mmap
import os
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple, Self

MOST_SERIES = 4096
MOST_CELLS = 16_384
KEY_BYTES = 152
REPORT_BYTES = 16 * 1024
SCRAP_CELLS = 32
"""The first cells belong to no series: what has no room is counted there, and the first one is reported."""

_HEAD = struct.Struct("=QQII")  # number of series, number of cells in use, length and checksum of the report
_COUNTS = struct.Struct("=QQ")
_SEAL = struct.Struct("=II")
_ENTRY = struct.Struct("=IHH")  # first cell, number of cells, length of the key; then the key
_ENTRY_BYTES = _ENTRY.size + KEY_BYTES
_REPORT_AT = 64
_CELLS_AT = _REPORT_AT + REPORT_BYTES
_DIRECTORY_AT = _CELLS_AT + 8 * MOST_CELLS
PAGE_BYTES = _DIRECTORY_AT + MOST_SERIES * _ENTRY_BYTES


class Series(NamedTuple):
    """A key and its numbers, as they are now."""

    key: bytes
    values: tuple[float, ...]


class MetricsPage:
    """One page. INVARIANT: one process writes to it, from one thread; any may read."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self.cells = memoryview(memory)[_CELLS_AT:_DIRECTORY_AT].cast("d")
        self._places = {entry[0]: (entry[1], entry[2]) for entry in self._entries()}

    @classmethod
    def private(cls) -> Self:
        """Return a page that no other process reads."""
        return cls(mmap.mmap(-1, PAGE_BYTES))

    @classmethod
    def of(cls, descriptor: int) -> Self:
        """Return the page under a descriptor, which may be closed afterwards."""
        return cls(mmap.mmap(descriptor, PAGE_BYTES))

    def place(self, key: bytes, cells: int) -> int:
        """Return the first cell of a series; it is made if it is missing. Scrap if there is no room."""
        known = self._places.get(key)
        if known is not None and known[1] == cells:
            return known[0]
        count, used = _COUNTS.unpack_from(self._memory, 0)
        used = max(used, SCRAP_CELLS)
        if known is not None or count >= MOST_SERIES or used + cells > MOST_CELLS or len(key) > KEY_BYTES:
            return 0
        at = _DIRECTORY_AT + count * _ENTRY_BYTES
        _ENTRY.pack_into(self._memory, at, used, cells, len(key))
        self._memory[at + _ENTRY.size : at + _ENTRY.size + len(key)] = key
        # INVARIANT: last, so that a process killed before this has changed nothing that anybody reads.
        _COUNTS.pack_into(self._memory, 0, count + 1, used + cells)
        self._places[key] = (used, cells)
        return int(used)

    def series(self) -> Iterator[Series]:
        """Yield every series that reads well."""
        for key, first, cells in self._entries():
            yield Series(key, tuple(self.cells[first : first + cells]))

    @property
    def dropped(self) -> float:
        """Return the count of the series without room."""
        return float(self.cells[0])

    def write_report(self, report: bytes) -> None:
        """Replace the report; one that is too long is left out."""
        if len(report) > REPORT_BYTES:
            return
        _SEAL.pack_into(self._memory, _COUNTS.size, 0, 0)
        self._memory[_REPORT_AT : _REPORT_AT + len(report)] = report
        _SEAL.pack_into(self._memory, _COUNTS.size, len(report), zlib.crc32(report))

    def read_report(self) -> bytes | None:
        """Return the report; None if there is none, or it is being written just now."""
        length, checksum = _SEAL.unpack_from(self._memory, _COUNTS.size)
        if not 0 < length <= REPORT_BYTES:
            return None
        report = self._memory[_REPORT_AT : _REPORT_AT + length]
        return report if zlib.crc32(report) == checksum else None

    def _entries(self) -> Iterator[tuple[bytes, int, int]]:
        (count, _) = _COUNTS.unpack_from(self._memory, 0)
        for number in range(min(count, MOST_SERIES)):
            at = _DIRECTORY_AT + number * _ENTRY_BYTES
            first, cells, length = _ENTRY.unpack_from(self._memory, at)
            if SCRAP_CELLS <= first <= MOST_CELLS - cells and length <= KEY_BYTES:
                yield self._memory[at + _ENTRY.size : at + _ENTRY.size + length], first, cells


def new_page_descriptor() -> int:
    """Return a descriptor of an empty page, for a child to inherit. It takes memory as it fills."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("tabard-metrics", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, PAGE_BYTES)
    return descriptor


def inherited_page(descriptor: int | None) -> MetricsPage:
    """Return the page under a descriptor, which is closed; a private page if there is none."""
    if descriptor is None:
        return MetricsPage.private()
    try:
        return MetricsPage.of(descriptor)
    finally:
        os.close(descriptor)
