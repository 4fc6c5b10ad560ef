"""Lists on a terminal, in which no value is ever cut, and lists as one JSON document."""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import typer

from tabard.cli.shown import printable

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

_GAP = "  "


def show_json(document: Mapping[str, object]) -> None:
    """Print one JSON document on stdout."""
    typer.echo(json.dumps(document, indent=2))


def show_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns; as lines of title and value where the terminal is too narrow for a row."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in table_lines(titles, rows, width=width):
        typer.echo(line)


def table_lines(titles: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None) -> Iterator[str]:
    """Yield the lines of a table.

    Args:
        width: columns of the terminal; None if the output is not a terminal, so that any width fits.
    """
    shown = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *shown, strict=True)]
    if width is None or sum(widths) + len(_GAP) * (len(widths) - 1) <= width:
        for row in (titles, *shown):
            yield _GAP.join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
        return
    label = max(map(len, titles))
    for number, row in enumerate(shown):
        if number:
            yield ""
        for title, cell in zip(titles, row, strict=True):
            yield f"{title.ljust(label)}{_GAP}{cell}"
