"""`tabard audit`: who asked what, what was decided, and why."""

import json
import sqlite3
import time
from typing import Annotated

import typer
from rich.console import Console

from tabard.cli.running import DataDirOption, complain
from tabard.clock import iso8601
from tabard.model.audit_event import AuditEvent
from tabard.store.ports import StoreUnavailable
from tabard.wiring.data_dir import DataDir, find_running
from tabard.wiring.settings import default_data_dir
from tabard.wiring.store import audit_reader

_POLL_SECONDS = 0.3
_MARKS = {"allowed": "[green]allowed[/]", "denied": "[red]denied [/]", "refused": "[yellow]refused[/]", "failed": "[magenta]failed [/]"}


def audit(
    data_dir: DataDirOption = None,
    denied: Annotated[bool, typer.Option("--denied", help="Only what was denied by policy.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events come.")] = False,
    last: Annotated[int, typer.Option(min=1, max=100_000, help="How many events to begin with.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show the audit trail: one event per request, with the sentence that says why it was denied."""
    chosen = find_running(data_dir) or DataDir(data_dir or default_data_dir())
    if not chosen.database.exists():
        complain(f"there is no store in {chosen.path}")
    console = Console(highlight=False, soft_wrap=True)
    try:
        with audit_reader(chosen) as reader:
            number = _show(console, reader.latest(last, denied_only=denied), as_json=as_json, after=0)
            while follow:
                time.sleep(_POLL_SECONDS)
                number = _show(console, reader.after(number, denied_only=denied), as_json=as_json, after=number)
    except StoreUnavailable as error:
        complain(f"the store cannot be read: {error}")
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
