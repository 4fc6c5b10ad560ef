"""What metadata and instances cost, as tables for people and for docs/performance.md.

Run as `python -m bench.instance_report` (`make bench-instances`): measures them alone, and writes the page.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import fleet, instances, reading_metadata
from bench.figures import Row, print_rows
from tabard.agent.rotation import renewal_interval_seconds

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN = "<!-- instances: begin -->\n"
END = "<!-- instances: end -->\n"
_LIFETIME_SECONDS = 6 * 3600.0

Cells = Sequence[str]


def cost_cells(costs: Sequence[instances.Cost]) -> list[Cells]:
    """One line for each kind of network."""
    head = (
        "network",
        f"KiB each (≤ {instances.MOST_KIB:g})",
        "its network, ms",
        f"launch without application, ms (≤ {instances.MOST_MILLISECONDS:g})",
        "met",
    )
    lines: list[Cells] = [head]
    for cost in costs:
        if cost.reason:
            lines.append((cost.kind, "", "", "", f"skipped: {cost.reason}"))
            continue
        figures = (cost.kib_each, cost.open_milliseconds, cost.launch_milliseconds)
        lines.append((cost.kind, *(f"{figure:,.1f}" for figure in figures), "yes" if cost.met else "NO"))
    return lines


def fleet_cells(found: fleet.Fleet) -> list[Cells]:
    """One line for each figure of a thousand instances on one agent."""
    default_hours = (
        renewal_interval_seconds(lifetime_seconds=_LIFETIME_SECONDS, rotate_every_seconds=None) / 3600
    )
    launch_cpu = f"{found.launch_agent_cpu_seconds:,.1f} s and {found.launch_edge_cpu_seconds:,.1f} s"
    renewal_cpu = f"{found.agent_milliseconds_each:,.2f} ms and {found.edge_milliseconds_each:,.2f} ms"
    busy = found.renewals_a_second * found.agent_milliseconds_each / 10
    return [
        (f"{found.instances:,} instances, {found.networks}", ""),
        ("memory of the agent", f"{found.resident_mib:,.0f} MiB, {found.kib_each:,.1f} KiB each"),
        ("launch of all, first sessions minted", f"{found.launch_seconds:,.1f} s"),
        ("CPU of that launch, agent and edge", launch_cpu),
        ("CPU of one renewal, agent and edge", renewal_cpu),
        (
            f"the agent, keys changed every {fleet.ROTATE_EVERY_SECONDS:g} s",
            f"{found.renewals_a_second:,.0f} renewals a second, {busy:,.1f} % of one core",
        ),
        (
            f"the agent at the default pace, {default_hours:g} h or a little less",
            f"{found.default_share * 100:,.2f} % of one core",
        ),
    ]


def print_cells(console: Console, title: str, lines: Sequence[Cells]) -> None:
    """A table; its first line is its head."""
    head, *rest = lines
    table = Table(title=title, title_justify="left")
    for number, heading in enumerate(head):
        table.add_column(heading, justify="right" if number else "left")
    for line in rest:
        table.add_row(*line)
    console.print(table)


def print_instances(console: Console, costs: Sequence[instances.Cost], found: fleet.Fleet) -> None:
    """What an instance costs its agent, and what a thousand do."""
    print_cells(console, f"What an instance costs: {instances.INSTANCES} in one agent", cost_cells(costs))
    print_cells(console, "A thousand instances on one agent", fleet_cells(found))


def _markdown(lines: Sequence[Cells]) -> str:
    head, *rest = lines
    rule = "|---|" + "---:|" * (len(head) - 1)
    return "\n".join([f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(line)} |" for line in rest)]) + "\n"


def _row_cells(rows: Sequence[Row]) -> list[Cells]:
    lines: list[Cells] = [(reading_metadata.NAME, "µs", "µs of the other", "ratio", "target", "met")]
    for row in rows:
        if row.skipped_because:
            lines.append((f"beside {row.beside}", "", "", "", "", f"skipped: {row.skipped_because}"))
            continue
        target = "" if row.at_most is None else f"≤ {row.at_most:.3g}"
        verdict = "" if row.at_most is None else "yes" if row.met else "NO"
        figures = (f"{row.a_microseconds:,.0f}", f"{row.b_microseconds:,.0f}", f"{row.ratio:.3g}")
        lines.append((f"beside {row.beside}", *figures, target, verdict))
    return lines


def write_page(rows: Sequence[Row], costs: Sequence[instances.Cost], found: fleet.Fleet, load: float) -> None:
    """The tables of docs/performance.md."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    busy = f"Load average while this was measured: {load:.1f}, on {os.cpu_count()} cores.\n"
    tables = [_markdown(cells) for cells in (_row_cells(rows), cost_cells(costs), fleet_cells(found))]
    content = "\n".join([*tables, busy])
    PAGE.write_text(f"{before}{BEGIN}{content}{END}{after}", encoding="utf-8")


def main() -> int:
    """Measure, print, and write the page; with --print-only, write nothing and fail only at a gate."""
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    with tempfile.TemporaryDirectory(prefix="tabard-bench-") as name:
        rows = reading_metadata.metadata_rows(Path(name))
    load = os.getloadavg()[0]
    costs = instances.measure()
    found = fleet.measure()
    console = Console(width=None if sys.stdout.isatty() else 150)
    print_rows(console, rows)
    print_instances(console, costs, found)
    if "--print-only" in sys.argv:
        return 0 if all(row.met for row in rows if row.is_gate) else 1
    write_page(rows, costs, found, load)
    return 0 if all(row.met for row in rows) and all(cost.met for cost in costs) else 1


if __name__ == "__main__":
    raise SystemExit(main())
