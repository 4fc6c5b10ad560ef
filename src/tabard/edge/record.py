"""The record of one request: the input of its audit event, as far as it was known at the answer.

A request only makes a record, which refers to the values of its decision. The thread that writes the audit
turns the record into an event. INVARIANT: a record has no header except the user agent, no body and no
exception, so that neither a secret nor a large object waits in the queue.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import msgspec

from tabard.access.authorize import Decided, Denied
from tabard.access.caller import Caller
from tabard.access.check import Check
from tabard.access.decision_record import considered_policies, decision_records, storable
from tabard.access.denial_record import denial_record_json
from tabard.access.mint import InstanceRoleNotTrusted
from tabard.access.refusals import MemberNotOffered, OperationNotOffered
from tabard.edge.stages import Authorized, Parsed, Resolved, Stage, authenticated_of, parsed_of
from tabard.edge.tables import MACHINE_SERVICES
from tabard.errors import AwsError
from tabard.model.audit_event import AuditEvent, Outcome
from tabard.wire.request import RawRequest

_USER_AGENT_CHARACTERS = 256
_REASON_CHARACTERS = 2048


class RequestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The input of a request's event.

    `checks` are the checks that the request needed. `decided` are the denials, or else all allowed checks.
    """

    request_id: str
    at: datetime
    service: str
    operation: str
    caller: Caller | None
    account_id: str
    region: str
    source_ip: str
    user_agent: str
    snapshot_version: int
    outcome: Outcome
    http_status: int
    error_code: str = ""
    reason: str = ""
    checks: Sequence[Check] = ()
    decided: Sequence[Decided] = ()

    def event(self) -> AuditEvent:
        """Make the event of the request, without its explanation."""
        caller, decided = self.caller, self.decided
        return AuditEvent(
            request_id=self.request_id,
            at=self.at,
            service=self.service,
            operation=self.operation,
            principal_arn=caller.arn if caller is not None else "",
            principal_id=caller.owner_id if caller is not None else "",
            access_key_id=caller.access_key_id if caller is not None else "",
            account_id=self.account_id,
            instance_id=self._instance_id(),
            source_ip=self.source_ip,
            user_agent=storable(self.user_agent),
            region=self.region,
            resources=tuple(dict.fromkeys(storable(check.resource) for check in self.checks)),
            outcome=self.outcome,
            error_code=self.error_code,
            reason=storable(self.reason[:_REASON_CHARACTERS]),
            http_status=self.http_status,
            snapshot_version=self.snapshot_version,
            decisions=decision_records(decided),
            policies=considered_policies(decided),
        )

    def explain(self) -> Callable[[], str] | None:
        """Return the function that writes the explanation of a denied request; None for any other."""
        return (
            partial(denial_record_json, self.decided[0])
            if self.outcome == "denied" and self.decided
            else None
        )

    def _instance_id(self) -> str:
        """Return the instance that sent the request, or that a host's request is about."""
        caller = self.caller
        if caller is not None and caller.session is not None and caller.session.instance is not None:
            return caller.session.instance.instance_id
        if self.service not in MACHINE_SERVICES or not self.checks:
            return ""
        _, found, instance_id = self.checks[0].resource.partition(":instance/")
        return instance_id if found else ""


def record_of(
    raw: RawRequest, stage: Stage, *, service: str, status: int, error: AwsError | None
) -> RequestRecord:
    """Make the record of a request that reached `stage`."""
    parsed, authenticated = parsed_of(stage), authenticated_of(stage)
    checks: Sequence[Check] = ()
    decided: Sequence[Decided] = ()
    if isinstance(stage, Authorized):
        checks, decided = stage.resolved.checks, stage.permit.decided
        if stage.minted_by:
            checks = [*checks, *(trust.check for trust in stage.minted_by)]
            decided = [*decided, *stage.minted_by]
        # DeleteObjects has an answer for each part. One refused part makes it a denied request.
        if stage.refused and error is None:
            error = stage.refused[0]
            decided = [denied.denial for denied in stage.refused]
            checks = [denied.check for denied in decided]
    elif isinstance(stage, Resolved):
        checks = stage.checks
    if isinstance(error, Denied | InstanceRoleNotTrusted) and (not decided or decided[0] is not error.denial):
        # For an absent object, the denied check is the bucket's listing; for an instance session, the role.
        checks, decided = [*checks, error.denial.check], (error.denial,)
    return RequestRecord(
        request_id=raw.request_id,
        at=raw.received_at,
        service=service,
        operation=_operation(parsed, error),
        caller=authenticated.caller if authenticated is not None else None,
        account_id=authenticated.snapshot.account_id if authenticated is not None else "",
        region=authenticated.facts.region if authenticated is not None else "",
        source_ip=raw.peer_ip,
        user_agent=(raw.header("user-agent") or "")[:_USER_AGENT_CHARACTERS],
        snapshot_version=authenticated.snapshot.version if authenticated is not None else 0,
        outcome=outcome_of(stage, error),
        http_status=status,
        error_code=error.error_code if error is not None else "",
        reason=_reason(error) if error is not None else "",
        checks=checks,
        decided=decided,
    )


def outcome_of(stage: Stage, error: AwsError | None) -> Outcome:
    """Return the outcome of the request, for the audit and the metrics."""
    if error is None:
        return "allowed"
    if error.not_offered:
        return "not_offered"
    if isinstance(error, Denied | InstanceRoleNotTrusted):
        return "denied"
    return "failed" if isinstance(stage, Authorized) else "refused"


def _operation(parsed: Parsed | None, error: AwsError | None) -> str:
    """Return the operation's name, also that of an operation that is not offered."""
    if parsed is not None:
        return parsed.call.operation
    return error.operation if isinstance(error, OperationNotOffered | MemberNotOffered) else ""


def _reason(error: AwsError) -> str:
    return error.reason if isinstance(error, Denied | InstanceRoleNotTrusted) else error.message
