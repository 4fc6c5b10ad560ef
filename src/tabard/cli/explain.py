"""`tabard explain`: why one request was allowed or denied, from the audit."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
import typer

from tabard.administration.audit_pages import Audit, Explained
from tabard.cli.decision_text import denial_record_text, layer_name, statement_name
from tabard.cli.reading import audit_of, reading_failures, system_or_stopped
from tabard.cli.running import DataDirOption, EndpointOption, ProfileOption, complain
from tabard.cli.shown import printable
from tabard.clock import iso8601
from tabard.model.audit_event import AuditEvent, DecidedCheck
from tabard.model.policy_change import PolicyChange
from tabard.policy import Effect

# Events of requests that change nothing are written twice a second.
_ATTEMPTS = 8
_BETWEEN_SECONDS = 0.25

_OUTCOMES = {
    "not_offered": "No policy denied it: Tabard does not offer it. On AWS, a policy decides.",
    "refused": "No policy decided: the request was refused before the decision.",
    "failed": "The policies allowed it. It failed for another reason.",
}


def explain(
    context: typer.Context,
    request_id: Annotated[
        str, typer.Argument(metavar="REQUEST_ID", help="The request id, from the answer or from the audit.")
    ],
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Explain one request: the deciding statements, the near misses, and later changes.

    The command asks a running system through its API (action tabard:ExplainEvent). If the system is stopped,
    the owner of the data directory reads the store, without the master key.
    """
    source = system_or_stopped(
        context, data_dir=data_dir, endpoint=endpoint, profile=profile, as_json=as_json
    )
    with reading_failures(source), audit_of(source) as trail:
        found = _written(trail, request_id)
    if found is None:
        complain(f"the audit has no request {printable(request_id)}")
    event, since = found
    if as_json:
        typer.echo(json.dumps(explanation_json(event, since)))
    else:
        for line in explanation_text(event, since):
            typer.echo(printable(line))


def _written(trail: Audit, request_id: str) -> Explained | None:
    """Return the event. The edge may not have written it yet."""
    for _ in range(_ATTEMPTS):
        found = trail.explain(request_id)
        if found is not None:
            return found
        time.sleep(_BETWEEN_SECONDS)
    return None


def explanation_json(event: AuditEvent, since: Sequence[PolicyChange]) -> dict[str, object]:
    """Return the event and its later changes as values that JSON can represent."""
    told = msgspec.structs.asdict(event) | {"at": iso8601(event.at)}
    told["decisions"] = [_decision_json(decided) for decided in event.decisions]
    told["policies"] = msgspec.to_builtins(event.policies)
    told["explanation"] = _denial_record(event)
    told["changed_since"] = [_change_json(change) for change in since]
    return told


def explanation_text(event: AuditEvent, since: Sequence[PolicyChange]) -> Iterator[str]:
    """Yield the same for people, line by line."""
    asked = f"{event.service}:{event.operation}" if event.operation else event.service or "a request"
    yield f"{asked} was {event.outcome.replace('_', ' ')}"
    yield f"  request    {event.request_id}, {iso8601(event.at)}"
    yield f"  caller     {event.principal_arn or 'not known'}"
    yield f"  from       {event.source_ip}, region {event.region or '-'}"
    yield f"  answer     {event.http_status}{f' {event.error_code}' if event.error_code else ''}"
    if event.reason:
        yield f"             {event.reason}"
    if event.outcome in _OUTCOMES:
        yield f"  {_OUTCOMES[event.outcome]}"
    for decided in event.decisions:
        yield f"  decided    {decided.action} on {decided.resource}"
        yield f"             {_verdict(decided)}"
    record = _denial_record(event)
    if record is not None:
        yield from denial_record_text(record)
    if event.decisions:
        yield from _since_text(since)


def _verdict(decided: DecidedCheck) -> str:
    layer = layer_name(decided.layer)
    if decided.effect is Effect.IMPLICIT_DENY:
        return f"denied: no {layer} allows it"
    word = "allowed" if decided.effect is Effect.ALLOW else "denied"
    if not decided.matched:
        return f"{word} by the {layer}"
    return f"{word} by {' and '.join(statement_name(matched) for matched in decided.matched)} ({layer})"


def _denial_record(event: AuditEvent) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = json.loads(event.explanation) if event.explanation else None
    return found


def _since_text(since: Sequence[PolicyChange]) -> Iterator[str]:
    if not since:
        yield "  since then no policy that it rests on has changed"
    for number, change in enumerate(since):
        yield f"  {'since then' if number == 0 else '          '} {change}"


def _change_json(change: PolicyChange) -> dict[str, str]:
    return {name: value for name, value in msgspec.structs.asdict(change).items() if value}


def _decision_json(decided: DecidedCheck) -> dict[str, object]:
    return msgspec.structs.asdict(decided) | {
        "effect": str(decided.effect),
        "layer": str(decided.layer),
        "matched": [asdict(matched) for matched in decided.matched],
    }
