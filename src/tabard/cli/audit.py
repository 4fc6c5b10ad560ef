"""`tabard audit`: the events of the audit, with the reason of each denial."""

import json
import re
import signal
import time
from collections.abc import Callable
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, cast

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from tabard.administration.audit_pages import PAGE, Audit, latest
from tabard.cli.interruption import Interruption
from tabard.cli.listing import show_json
from tabard.cli.reading import audit_of, reading_failures, system_or_stopped
from tabard.cli.running import DataDirOption, EndpointOption, ProfileOption, complain
from tabard.cli.shown import printable
from tabard.cli.since import since_time
from tabard.clock import SystemClock, iso8601
from tabard.model.audit_event import AuditEvent, Outcome
from tabard.model.audit_query import DENIED, EventFilter, NumberedEvents

EXPLAINED = ("decisions", "explanation", "policies")
"""Fields of an event that only `tabard explain` shows: the policies and statements behind a decision."""

_INSTANCE_ID = re.compile("i-[0-9a-f]{17}")
_POLL_SECONDS = 0.5
_POLLING = frozenset(
    {
        ("hosts", "DescribeHostInstances"),
        ("hosts", "ReportInstances"),
        ("tabard", "LookupEvents"),
        ("tabard", "FlushEvents"),
        ("tabard", "WaitForEvents"),
    }
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


class DecisionOption(StrEnum):
    """The values of `--decision`."""

    ALLOWED = "allowed"
    DENIED = "denied"
    NOT_OFFERED = "not-offered"
    REFUSED = "refused"
    FAILED = "failed"


def audit(
    context: typer.Context,
    since: Annotated[
        str,
        typer.Option(
            metavar="DURATION|TIME", help="Show events since then: 30m, 2h, or 2026-01-31T08:00:00Z."
        ),
    ] = "",
    instance: Annotated[
        str, typer.Option(metavar="ID", help="Show events of this instance, and events about its session.")
    ] = "",
    action: Annotated[
        str, typer.Option(help="Show events with this action or operation: s3:GetObject, or s3:Get*.")
    ] = "",
    principal: Annotated[
        str, typer.Option(help="Show events of this principal: an ARN, role/NAME or user/NAME.")
    ] = "",
    decision: Annotated[
        list[DecisionOption] | None,
        typer.Option(
            metavar="|".join(DecisionOption),
            help="Show events with this decision. Repeat the option for several.",
        ),
    ] = None,
    denied: Annotated[
        bool, typer.Option("--denied", help="The same as --decision denied --decision not-offered.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new events.")] = False,
    last: Annotated[
        int, typer.Option(min=1, max=100_000, help="Show at most this many of the newest events.")
    ] = 50,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Include the agents' polls and reports, and the calls of this command."),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON document; with --follow, one JSON object a line."),
    ] = False,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """Show the audit trail: one event per request, with the reason for each denial.

    Events are in order of time. The command asks a running system through its API (action
    tabard:LookupEvents). If the system is stopped, the owner of the data directory reads the store, without
    the master key.
    """
    wanted = _filter(since, instance, action, principal, decision or [], denied=denied)
    source = system_or_stopped(
        context, data_dir=data_dir, endpoint=endpoint, profile=profile, as_json=as_json
    )
    console = Console(highlight=False, soft_wrap=True)
    interruption = Interruption(signal.SIGINT)
    try:
        with reading_failures(source), audit_of(source) as trail:
            shown = _anything if everything else _of_interest
            number = trail.last_number()
            events = latest(trail, last, wanted=wanted, shown=shown)
            number = max([number, *(each for each, _ in events)])
            if as_json and not follow:
                show_json({"events": [_as_json(*item) for item in events]})
                return
            _show(console, events, as_json=as_json)
            while follow and not interruption.asked:
                time.sleep(_POLL_SECONDS)
                number = _show_new(console, trail, number, wanted, shown, as_json=as_json)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _filter(
    since: str,
    instance: str,
    action: str,
    principal: str,
    decisions: list[DecisionOption],
    *,
    denied: bool,
) -> EventFilter:
    """Read the options. Exit with a sentence where one is wrong."""
    if instance and not _INSTANCE_ID.fullmatch(instance):
        complain(
            f"--instance {printable(instance)}: write the id of an instance, such as i-0123456789abcdef0"
        )
    outcomes = [cast(Outcome, each.value.replace("-", "_")) for each in decisions]
    if denied:
        outcomes += DENIED
    try:
        return EventFilter(
            outcomes=tuple(dict.fromkeys(outcomes)),
            since=since_time(since, now=SystemClock().now()) if since else None,
            instance_id=instance,
            action=action,
            principal=principal,
        )
    except ValueError as error:
        complain(f"--action {printable(action)}: {error}")


def _show_new(
    console: Console,
    trail: Audit,
    number: int,
    wanted: EventFilter,
    shown: Callable[[AuditEvent], bool],
    *,
    as_json: bool,
) -> int:
    """Show the events after a number; return the number of the last."""
    found = trail.read(after=number, limit=PAGE, wanted=wanted)
    _show(console, [item for item in found if shown(item[1])], as_json=as_json)
    return found[-1][0] if found else number


def _anything(_event: AuditEvent) -> bool:
    return True


def _of_interest(event: AuditEvent) -> bool:
    """Leave out the agents' polls and reports, and the reading of the audit itself."""
    return event.outcome != "allowed" or (event.service, event.operation) not in _POLLING


def _show(console: Console, events: NumberedEvents, *, as_json: bool) -> None:
    for number, event in events:
        if as_json:
            typer.echo(json.dumps(_as_json(number, event)))
        else:
            console.print(_line(event))


def _shown(text: str) -> str:
    """Escape line breaks and control characters: a key of S3 may hold them."""
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
    fields = {
        "number": number,
        **msgspec.structs.asdict(event),
        "at": iso8601(event.at),
        "actions": event.actions,
    }
    return {name: value for name, value in fields.items() if name not in EXPLAINED}
