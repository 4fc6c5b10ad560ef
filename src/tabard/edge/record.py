"""What the audit says of one request: as much as was known when it was answered."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice

from tabard.access.authorize import Denied
from tabard.access.check import Check
from tabard.access.denial_record import evidence
from tabard.access.refusals import MemberNotOffered, OperationNotOffered
from tabard.edge.stages import Authorized, Parsed, Resolved, Stage, authenticated_of, parsed_of
from tabard.errors import AwsError
from tabard.model.audit_event import AuditEvent, DecidedCheck, Outcome
from tabard.policy import Decision
from tabard.wire.request import RawRequest

_USER_AGENT_CHARACTERS = 256
_REASON_CHARACTERS = 2048
_MOST_DECISIONS = 20


def audit_event(
    raw: RawRequest, stage: Stage, *, service: str, status: int, error: AwsError | None
) -> AuditEvent:
    """The event of a request that got as far as `stage`."""
    parsed, authenticated = parsed_of(stage), authenticated_of(stage)
    resolved = (
        stage.resolved if isinstance(stage, Authorized) else stage if isinstance(stage, Resolved) else None
    )
    caller = authenticated.caller if authenticated is not None else None
    # A DeleteObjects is answered part by part: one refused part makes it a denied request.
    refused = stage.refused if isinstance(stage, Authorized) else ()
    if error is None and refused:
        error = refused[0]
    return AuditEvent(
        request_id=raw.request_id,
        at=raw.received_at,
        service=service,
        operation=_operation(parsed, error),
        principal_arn=caller.arn if caller is not None else "",
        access_key_id=caller.access_key_id if caller is not None else "",
        source_ip=raw.peer_ip,
        user_agent=_storable((raw.header("user-agent") or "")[:_USER_AGENT_CHARACTERS]),
        region=authenticated.facts.region if authenticated is not None else "",
        resources=_resources(resolved, refused, error),
        outcome=outcome_of(stage, error),
        error_code=error.error_code if error is not None else "",
        reason=_storable(_reason(error)[:_REASON_CHARACTERS]) if error is not None else "",
        http_status=status,
        snapshot_version=authenticated.snapshot.version if authenticated is not None else 0,
        decisions=tuple(
            DecidedCheck(
                check.action, _storable(check.resource), decision.effect, decision.layer, decision.matched
            )
            for check, decision in _decisions(stage, refused, error)
        ),
    )


def explanation_of(stage: Stage, error: AwsError | None) -> Callable[[], str] | None:
    """What writes the explanation of a denied request, for whoever has the time; None for any other."""
    if error is None and isinstance(stage, Authorized) and stage.refused:
        error = stage.refused[0]
    return partial(evidence, error.denial) if isinstance(error, Denied) else None


def _decisions(
    stage: Stage, refused: Sequence[Denied], error: AwsError | None
) -> Iterator[tuple[Check, Decision]]:
    """The decisions that are worth keeping: the denials, or else what the leave rests on."""
    if isinstance(error, Denied) and not refused:
        refused = (error,)
    if refused:
        return ((denied.denial.check, denied.denial.decision) for denied in refused[:_MOST_DECISIONS])
    if not isinstance(stage, Authorized):
        return iter(())
    permit = stage.permit
    return islice(zip(permit.checks, permit.decisions, strict=True), _MOST_DECISIONS)


def outcome_of(stage: Stage, error: AwsError | None) -> Outcome:
    """How the request ended, in the audit and in the metrics."""
    if error is None:
        return "allowed"
    if error.not_offered:
        return "not_offered"
    if isinstance(error, Denied):
        return "denied"
    return "failed" if isinstance(stage, Authorized) else "refused"


def _resources(
    resolved: Resolved | None, refused: Sequence[Denied], error: AwsError | None
) -> tuple[str, ...]:
    """The resources that were asked for; of a request denied in parts, those that were denied."""
    if refused:
        named = [denied.denial.check.resource for denied in refused]
    else:
        named = [check.resource for check in resolved.checks] if resolved is not None else []
        if isinstance(error, Denied):  # an absent object is denied for the sake of its bucket
            named.append(error.denial.check.resource)
    return tuple(_storable(resource) for resource in dict.fromkeys(named))


def _storable(text: str) -> str:
    """What the caller sent may hold what no UTF-8 can; the event is written all the same."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _operation(parsed: Parsed | None, error: AwsError | None) -> str:
    """The operation's name; that of one that is not offered as well."""
    if parsed is not None:
        return parsed.call.operation
    return error.operation if isinstance(error, OperationNotOffered | MemberNotOffered) else ""


def _reason(error: AwsError) -> str:
    return error.reason if isinstance(error, Denied) else error.message
