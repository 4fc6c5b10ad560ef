"""`make bench`: ratios measured side by side in one run; fails where a gate is missed."""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import (
    authorizing,
    fleet,
    instance_report,
    instances,
    parts,
    policies,
    reading_metadata,
    serving,
    stages,
    storing,
)
from bench.figures import Row, print_rows
from bench.house import open_house

FEW_ROLES = 10
MANY_ROLES = 10_000


def main() -> int:
    """Measure everything and print it."""
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    progress = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="tabard-bench-") as name, progress.status("") as status:
        folder = Path(name)
        status.update(f"making installations of {FEW_ROLES:,} and of {MANY_ROLES:,} roles")
        few = open_house(folder / "few", roles=FEW_ROLES)
        many = open_house(folder / "many", roles=MANY_ROLES)
        with closing(few.store), closing(many.store):
            measures: dict[str, Callable[[], Sequence[Row]]] = {
                "authorize": lambda: authorizing.authorize_rows(few),
                "GETs through servers": lambda: serving.get_rows(few, folder),
                "few roles and many: authorize": lambda: authorizing.same_cost_row(few, many),
                "few roles and many: create_role": lambda: storing.create_role_row(few, many),
                "parts": lambda: parts.part_rows(few),
                "metadata": lambda: reading_metadata.metadata_rows(folder),
            }
            rows: list[Row] = []
            for what, measure in measures.items():
                status.update(f"measuring {what}")
                rows += measure()
            status.update("measuring policy engines")
            engines = policies.measure()
            rows += engines.rows
            status.update("launching instances")
            costs = instances.measure()
            status.update("launching a thousand instances, twice")
            thousand = fleet.measure()
            status.update("measuring the stages of a GET")
            split = stages.stage_microseconds(few)
    console = Console(width=None if sys.stdout.isatty() else 150)
    print_rows(console, rows)
    whole = next(row.a_microseconds for row in rows if row.name == serving.GET_THROUGH_EDGE)
    policies.print_comparison(console, engines)
    instance_report.print_instances(console, costs, thousand)
    _print_stages(console, split, whole)
    missed = [row for row in rows if row.is_gate and not row.met]
    for row in missed:
        console.print(f"gate missed: {row.name}: {row.ratio:.3g} × {row.beside}, at most {row.at_most:g}")
    return 1 if missed else 0


def _print_stages(console: Console, split: "dict[str, float]", whole: float) -> None:
    table = Table(title="Where the edge spends a GET", title_justify="left")
    table.add_column("stage")
    table.add_column("CPU µs", justify="right")
    for stage, microseconds in split.items():
        table.add_row(stage, f"{microseconds:,.1f}")
    table.add_row(
        "HTTP on both sides, signing for the upstream, audit's flush", f"{whole - sum(split.values()):,.1f}"
    )
    table.add_row("all", f"{whole:,.1f}", style="bold")
    console.print(table)


if __name__ == "__main__":
    raise SystemExit(main())
