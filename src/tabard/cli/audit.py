"""`tabard audit`: who asked what, what was decided, and why."""

import json
import signal
import time
from types import MappingProxyType
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from tabard.administration.audit_pages import PAGE, latest
from tabard.cli.interruption import Interruption
from tabard.cli.reading import audit_of, reading_failures, system_or_stopped
from tabard.cli.running import DataDirOption, EndpointOption, ProfileOption
from tabard.cli.shown import printable
from tabard.clock import iso8601
from tabard.model.audit_event import AuditEvent
from tabard.model.audit_query import DENIED_EVENTS, EVERY_EVENT, NumberedEvents

_POLL_SECONDS = 0.5
_POLLING = frozenset(
    {("hosts", "DescribeHostInstances"), ("hosts", "ReportInstances"), ("tabard", "LookupEvents")}
)
_MARKS = MappingProxyType(
    {
        "allowed": "[green]allowed[/]",
        "denied": "[red]denied [/]",
        "not_offered": "[cyan]not offered[/]",
        "refused": "[yellow]refused[/]",
        "failed": "[magenta]failed [/]",
    }
)


def audit(
    context: typer.Context,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
    denied: Annotated[
        bool,
        typer.Option("--denied", help="Only what a policy denied, and what is not offered here."),
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events come.")] = False,
    last: Annotated[int, typer.Option(min=1, max=100_000, help="How many events to begin with.")] = 50,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="With the agents' own reports and questions, every few seconds, and those of this command.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show the audit trail: one event per request, with the sentence that says why it was denied.

    A running system is asked by its API: the action is tabard:LookupEvents. Of a stopped one the owner of the
    data directory reads the store, without the master key.
    """
    source = system_or_stopped(
        context, data_dir=data_dir, endpoint=endpoint, profile=profile, as_json=as_json
    )
    console = Console(highlight=False, soft_wrap=True)
    interruption = Interruption(signal.SIGINT)
    try:
        with reading_failures(source), audit_of(source) as trail:
            shown = _anything if everything else _of_interest
            wanted = DENIED_EVENTS if denied else EVERY_EVENT
            number = trail.last_number()
            events = latest(trail, last, wanted=wanted, shown=shown)
            number = max([number, *(each for each, _ in events)])
            _show(console, events, as_json=as_json)
            while follow and not interruption.asked:
                time.sleep(_POLL_SECONDS)
                found = trail.read(after=number, limit=PAGE, wanted=wanted)
                number = found[-1][0] if found else number
                _show(console, [item for item in found if shown(item[1])], as_json=as_json)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _anything(_event: AuditEvent) -> bool:
    return True


def _of_interest(event: AuditEvent) -> bool:
    """Not an agent that says it is alive, or asks what is new; nor the reading of the audit itself."""
    return event.outcome != "allowed" or (event.service, event.operation) not in _POLLING


def _show(console: Console, events: NumberedEvents, *, as_json: bool) -> None:
    for number, event in events:
        if as_json:
            typer.echo(json.dumps(_as_json(number, event)))
        else:
            console.print(_line(event))


def _shown(text: str) -> str:
    """As it can be shown: a key may hold line breaks and what a terminal obeys."""
    return escape(printable(text))


def _line(event: AuditEvent) -> str:
    action = f"{event.service}:{event.operation}" if event.operation else event.service or "-"
    who = event.principal_arn or event.access_key_id or event.source_ip
    text = f"{iso8601(event.at)} {_MARKS[event.outcome]} {_shown(action)}  {_shown(who)}"
    if event.resources:
        text += f"  [dim]{_shown(', '.join(event.resources[:3]))}[/]"
    if event.error_code:
        text += f"\n    {_shown(event.error_code)}: {_shown(event.reason)}"
    return f"{text}  [dim]{event.request_id}[/]"


def _as_json(number: int, event: AuditEvent) -> dict[str, object]:
    told = {"number": number, **msgspec.structs.asdict(event), "at": iso8601(event.at)}
    # What a decision rested on is for `tabard explain`.
    return {name: value for name, value in told.items() if name not in ("decisions", "explanation")}
