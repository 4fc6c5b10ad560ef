"""Deciding beside other policy engines, at 1 to 1,000 statements; `make bench-policies` writes the docs page.

Only requests on which all engines agree are timed; the others are listed with AWS's rule, which says who is
right.
"""

import os
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import cost_plot
from bench.figures import Row, compare, each, print_rows
from bench.policy_engines import (
    Asked,
    Decide,
    Engine,
    NotInstalled,
    Statement,
    document_text,
    rivals,
    tabard,
)
from tabard.policy import DocumentKind, NamedDocument, compile_policies, parse_document

SIZES = (1, 10, 100, 1000)
ROUNDS = 9
OURS = "Tabard"
ROUND_SECONDS = 0.02
"""Of CPU, about, that one side is measured for in a round."""

# How many times faster than each the decision has to be, by the number of statements.
TIMES_FASTER = {
    100: {"MiniStack": 40, "cedarpy": 80, "moto": 80},
    1000: dict.fromkeys(("MiniStack", "cedarpy", "moto"), 200),
}
THREE_CONDITIONS = {
    "StringEquals": {"aws:PrincipalTag/team": "web"},
    "StringLike": {"aws:RequestedRegion": "eu-*"},
    "Bool": {"aws:SecureTransport": "true"},
}
DOCUMENTS = Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- policies: begin -->\n", "<!-- policies: end -->\n"


@dataclass(frozen=True, slots=True)
class Dispute:
    """A request on which engines differ, and which of them answer otherwise than AWS documents."""

    asked: Asked
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Medians of CPU microseconds for each decision, by engine and number of statements."""

    microseconds: dict[str, dict[int, float]]
    disputes: list[Dispute]
    rows: list[Row]
    agreed: dict[int, int]


def statements_of(count: int) -> list[Statement]:
    """So many statements: one bucket each; from ten on, the last three are of other kinds."""
    kinds: list[Statement] = [] if count < len(SIZES) else [*_OTHER_KINDS]
    buckets = [
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": f"arn:aws:s3:::bucket-{number}/*",
        }
        for number in range(count - len(kinds))
    ]
    return [*buckets, *kinds]


_OTHER_KINDS: tuple[Statement, ...] = (
    {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::logs-?/*"},
    {"Effect": "Allow", "Action": ["s3:GetObjectTagging"], "Resource": "*"},
    {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::bucket-0/secret/*"},
)


def requests_of(count: int) -> list[Asked]:
    """What is asked over `statements_of(count)`, with AWS's answer."""
    last = count - 1 if count < len(SIZES) else count - 1 - len(_OTHER_KINDS)
    asked = [
        Asked("s3:GetObject", f"arn:aws:s3:::bucket-{number}/a/b.txt", True, "a statement allows it")
        for number in sorted({0, last // 2, last})
    ]
    asked += [
        Asked("s3:PutObject", f"arn:aws:s3:::bucket-{last}/x", True, "a statement allows it"),
        Asked("s3:GetObject", "arn:aws:s3:::other/a/b.txt", False, "denied by default"),
        Asked("s3:DeleteObject", f"arn:aws:s3:::bucket-{last}/x", False, "denied by default"),
        Asked("s3:GetObject", f"arn:aws:s3:::Bucket-{last}/x", False, "resources match with regard to case"),
        Asked("S3:getobject", f"arn:aws:s3:::bucket-{last}/x", True, "actions match without regard to case"),
        Asked("s3:GetObject", f"arn:aws:s3:::bucket-{last}/a\nb", True, "* is any combination of characters"),
    ]
    if count >= len(SIZES):
        asked += [
            Asked("s3:GetObject", "arn:aws:s3:::bucket-0/secret/x", False, "an explicit deny wins"),
            Asked("s3:GetObjectTagging", "arn:aws:s3:::bucket-0/x", True, "a statement allows it"),
            Asked("s3:GetObjectTagging", "arn:aws:s3:::bucket-0/secret/a\nb", False, "an explicit deny wins"),
            Asked("s3:GetObject", "arn:aws:s3:::logs-7/x", True, "? is any single character"),
        ]
    return asked


def measure() -> Comparison:
    """Every engine at every size, interleaved; then Tabard with conditions, and compiling."""
    engines = rivals()
    installed = [Engine(OURS, tabard), *(one for one in engines if isinstance(one, Engine))]
    microseconds: dict[str, dict[int, float]] = {engine.name: {} for engine in installed}
    rows: list[Row] = []
    agreed: dict[int, int] = {}
    disputes: dict[tuple[str, str], Dispute] = {}
    for size in SIZES:
        asked = requests_of(size)
        prepared = {engine.name: engine.prepare(statements_of(size), asked) for engine in installed}
        answers = {name: [take() for take in decisions] for name, decisions in prepared.items()}
        for place, one in enumerate(asked):
            wrong = tuple(name for name, given in answers.items() if given[place] is not one.allowed)
            if OURS in wrong:
                raise RuntimeError(f"Tabard itself is wrong about {one}")
            if wrong:
                disputes.setdefault((one.action, one.rule), Dispute(one, wrong))
        kept = [
            place
            for place, one in enumerate(asked)
            if all(given[place] is one.allowed for given in answers.values())
        ]
        agreed[size] = len(kept)
        sides = {name: _repeated([prepared[name][place] for place in kept]) for name in prepared}
        found = _medians(sides)
        for name, median in found.items():
            microseconds[name][size] = median
        rows += _rows_of(size, found, engines)
    rows += _own_rows()
    return Comparison(microseconds, [*disputes.values()], rows, agreed)


def _repeated(decisions: Sequence[Decide]) -> Callable[[], float]:
    """A measurement long enough for the clock, whatever the engine."""
    times = max(1, int(ROUND_SECONDS / max(each(decisions) * len(decisions), 1e-7)))
    calls = [*decisions] * min(times, 2000)
    return lambda: each(calls)


def _medians(sides: "dict[str, Callable[[], float]]") -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            found[name].append(side())
    return {name: statistics.median(values) * 1e6 for name, values in found.items()}


def _rows_of(size: int, found: "dict[str, float]", engines: "Sequence[Engine | NotInstalled]") -> list[Row]:
    rows = []
    for engine in engines:
        name = f"decide, {size:,} statement{'s' if size > 1 else ''}"
        if isinstance(engine, NotInstalled):
            rows.append(Row(name=name, beside=engine.name, skipped_because=engine.because))
            continue
        faster = TIMES_FASTER.get(size, {}).get(engine.name)
        rows.append(
            Row(
                name=name,
                beside=engine.name,
                a_microseconds=found[OURS],
                b_microseconds=found[engine.name],
                ratio=found[OURS] / found[engine.name],
                at_most=None if faster is None else 1 / faster,
                is_gate=faster is not None,
            )
        )
    return rows


def _own_rows() -> list[Row]:
    thousand, hundred = (_repeated(_agreed_with_aws(statements_of(size), size)) for size in (1000, 100))
    bare = statements_of(100)
    conditioned = [{**statement, "Condition": THREE_CONDITIONS} for statement in bare]
    without, with_three = (_repeated(_agreed_with_aws(these, 100)) for these in (bare, conditioned))
    return [
        *compare(
            "decide, 1,000 statements",
            thousand,
            ("100 statements", hundred, 2.5),
            rounds=ROUNDS,
            is_gate=True,
        ),
        *compare(
            "decide, three conditions each",
            with_three,
            ("no conditions", without, 4.0),
            rounds=ROUNDS,
            is_gate=True,
        ),
        *compare(
            "compile a statement of 1,000",
            partial(_compile, statements_of(1000), 2),
            ("a statement of 100", partial(_compile, statements_of(100), 20), 1.5),
            rounds=ROUNDS,
            is_gate=True,
        ),
    ]


def _agreed_with_aws(statements: Sequence[Statement], size: int) -> list[Decide]:
    asked = requests_of(size)
    decisions = tabard(statements, asked)
    if [take() for take in decisions] != [one.allowed for one in asked]:
        raise RuntimeError("Tabard itself is wrong")
    return decisions


def _compile(statements: Sequence[Statement], times: int) -> float:
    """CPU seconds for each statement: read, compiled and indexed for an action."""
    text = document_text(statements)

    def compiled() -> None:
        document = parse_document(text, kind=DocumentKind.IDENTITY)
        compile_policies([NamedDocument("bench", document)]).for_action("s3:GetObject")

    return each([compiled] * times) / len(statements)


def cost_table(comparison: Comparison) -> str:
    """Medians in Markdown, and how many times faster Tabard was."""
    lines = [
        "| statements | " + " | ".join(comparison.microseconds) + " |",
        "|---:|" + "---:|" * len(comparison.microseconds),
    ]
    for size in SIZES:
        ours = comparison.microseconds[OURS][size]
        cells = [f"{ours:,.1f} µs"]
        for name, by_size in comparison.microseconds.items():
            if name != OURS:
                cells.append(f"{by_size[size]:,.0f} µs ({by_size[size] / ours:,.0f} ×)")
        lines.append(f"| {size:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def dispute_table(comparison: Comparison) -> str:
    """The requests that were not timed."""
    lines = ["| request | AWS | because | answered otherwise by |", "|---|---|---|---|"]
    for dispute in comparison.disputes:
        asked = dispute.asked
        resource = asked.resource.replace("\n", "\\n")
        answer = "allowed" if asked.allowed else "denied"
        wrong = ", ".join(dispute.wrong)
        lines.append(f"| `{asked.action}` on `{resource}` | {answer} | {asked.rule} | {wrong} |")
    return "\n".join(lines) + "\n"


def print_comparison(console: Console, comparison: Comparison) -> None:
    """The disputes; the rows are printed with all others."""
    table = Table(title="Not timed: where engines differ, AWS's rule says who is right", title_justify="left")
    for heading in ("request", "AWS", "because", "answered otherwise by"):
        table.add_column(heading)
    for dispute in comparison.disputes:
        asked = dispute.asked
        table.add_row(
            f"{asked.action} on {asked.resource!r}",
            "allowed" if asked.allowed else "denied",
            asked.rule,
            ", ".join(dispute.wrong),
        )
    console.print(table)


def write_documents(comparison: Comparison) -> None:
    """The picture, and the tables of docs/performance.md."""
    (DOCUMENTS / "policy-cost.svg").write_text(cost_plot.svg(comparison.microseconds), encoding="utf-8")
    page = DOCUMENTS / "performance.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = (
        f"{cost_table(comparison)}\nNot timed, because the engines differ:\n\n{dispute_table(comparison)}"
    )
    page.write_text(f"{before}{BEGIN}{tables}{END}{after}", encoding="utf-8")


def main() -> int:
    """Measure, print, and write the docs; with --print-only, write nothing and fail only at a gate."""
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    comparison = measure()
    console = Console(width=None if sys.stdout.isatty() else 150)
    print_rows(console, comparison.rows)
    print_comparison(console, comparison)
    if "--print-only" in sys.argv:
        return 0 if all(row.met for row in comparison.rows if row.is_gate) else 1
    write_documents(comparison)
    return 0 if all(row.met for row in comparison.rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
