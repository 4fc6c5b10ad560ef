"""Counters and histograms of one process: plain additions in its page, at the cost of one dict look-up."""

from bisect import bisect_left

import msgspec

from tabard.metrics.families import Family
from tabard.metrics.page import MetricsPage

Labels = tuple[str, ...]


class Counter:
    """One counter with all its series. INVARIANT: used in one thread."""

    __slots__ = ("_cells", "_family", "_page", "_places")

    def __init__(self, page: MetricsPage, family: Family) -> None:
        self._page = page
        self._family = family
        self._cells = page.cells
        self._places: dict[Labels, int] = {}
        if not family.labels:
            self._place(())

    def add(self, labels: Labels = (), amount: float = 1.0) -> None:
        """Args: labels: the values, in the order of the family's labels."""
        place = self._places.get(labels)
        if place is None:
            place = self._place(labels)
        self._cells[place] += amount

    def value(self, labels: Labels = ()) -> float:
        """Return the count so far, with those of this process's predecessors."""
        return self._cells[self._places.get(labels) or self._place(labels)]

    def _place(self, labels: Labels) -> int:
        place = self._page.place(key_of(self._family, labels), self._family.cells)
        # A series without room is not cached: a caller's own words could fill the memory.
        return self._places.setdefault(labels, place) if place else 0


class Histogram:
    """One histogram with all its series. INVARIANT: used in one thread."""

    __slots__ = ("_bounds", "_cells", "_family", "_page", "_places", "_sum_at")

    def __init__(self, page: MetricsPage, family: Family) -> None:
        self._page = page
        self._family = family
        self._cells = page.cells
        self._bounds = family.buckets
        self._sum_at = len(family.buckets) + 1
        self._places: dict[Labels, int] = {}

    def observe(self, labels: Labels, value: float) -> None:
        """Count one value, in the bucket with the least upper bound that is not below it."""
        place = self._places.get(labels)
        if place is None:
            place = self._page.place(key_of(self._family, labels), self._family.cells)
            if not place:
                self._cells[0] += 1
                return
            self._places[labels] = place
        self._cells[place + bisect_left(self._bounds, value)] += 1
        self._cells[place + self._sum_at] += value


def key_of(family: Family, labels: Labels) -> bytes:
    """Return the key of a series in a page. Raises ValueError for a wrong number of labels."""
    if len(labels) != len(family.labels):
        raise ValueError(f"{family.name} has the labels {', '.join(family.labels) or 'none'}")
    return msgspec.json.encode((family.name, *labels))
