"""What a bench row says, how rounds are interleaved, and the table they end in."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

ROUNDS = 7

Measurement = Callable[[], float]
"""One round of one side: CPU seconds for each operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison: medians of CPU microseconds for each operation, or why there is none."""

    name: str
    beside: str
    a_microseconds: float = 0.0
    b_microseconds: float = 0.0
    ratio: float = 0.0
    at_most: float | None = None
    is_gate: bool = False
    skipped_because: str = ""

    @property
    def met(self) -> bool:
        return bool(self.skipped_because) or self.at_most is None or self.ratio <= self.at_most


def compare(
    name: str,
    a: Measurement,
    *others: tuple[str, Measurement, float | None],
    rounds: int = ROUNDS,
    is_gate: bool = False,
) -> list[Row]:
    """Measure A B … A B … and state A beside each other one.

    The ratio is the median of the rounds' ratios: both sides of one round met the same neighbors.

    Args:
        others: what A stands beside, its measurement, and the target of the ratio.
    """
    sides = (a, *(measure for _, measure, _ in others))
    for measure in sides:
        measure()  # warm
    found = [[measure() for measure in sides] for _ in range(rounds)]
    return [
        Row(
            name=name,
            beside=beside,
            a_microseconds=statistics.median([this[0] for this in found]) * 1e6,
            b_microseconds=statistics.median([this[place] for this in found]) * 1e6,
            ratio=statistics.median([this[0] / this[place] for this in found]),
            at_most=at_most,
            is_gate=is_gate and at_most is not None,
        )
        for place, (beside, _, at_most) in enumerate(others, start=1)
    ]


def each(operations: Sequence[Callable[[], object]]) -> float:
    """CPU seconds of this process for each operation."""
    begun = time.process_time()
    for operation in operations:
        operation()
    return (time.process_time() - begun) / len(operations)


def print_rows(console: Console, rows: Sequence[Row]) -> None:
    """The table of comparisons."""
    table = Table(title="CPU µs for each operation, medians of interleaved rounds", title_justify="left")
    for heading in ("A", "B"):
        table.add_column(heading)
    for heading in ("A µs", "B µs", "A / B", "target", "met"):
        table.add_column(heading, justify="right")
    for row in rows:
        if row.skipped_because:
            table.add_row(row.name, row.beside, "", "", "", "", f"skipped: {row.skipped_because}")
            continue
        target = "" if row.at_most is None else f"≤ {row.at_most:g}{' (gate)' if row.is_gate else ''}"
        verdict = "" if row.at_most is None else "yes" if row.met else "NO"
        table.add_row(
            row.name,
            row.beside,
            f"{row.a_microseconds:,.1f}",
            f"{row.b_microseconds:,.1f}",
            f"{row.ratio:.3g}",
            target,
            verdict,
        )
    console.print(table)
