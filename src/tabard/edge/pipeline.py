"""One request through the edge: every AWS request passes the same stages, in this order.

identify → authenticate → parse → resolve → authorize → perform → record → answer
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import msgspec
import structlog

from tabard.access.authorize import Denied, ResourceChanged, authorize, authorize_each
from tabard.access.encoded_denial import with_encoded_message
from tabard.access.refusals import AccessDenied, NotAuthenticated, OperationNotOffered, Refusal
from tabard.audit.queue import AuditQueue
from tabard.clock import Clock
from tabard.edge.authenticate import Authentication
from tabard.edge.body import Body
from tabard.edge.perform import Keyrings, Performer, RefreshingSource
from tabard.edge.record import record_of
from tabard.edge.request_metrics import RequestMetrics
from tabard.edge.stages import Authenticated, Authorized, Claimed, Parsed, Resolved, Stage, claimed_of
from tabard.edge.tables import OPERATIONS, SERVICES
from tabard.errors import AwsError, InternalFailure
from tabard.http1.answer import Answer
from tabard.services.operation import Facts, Forward, Write
from tabard.services.sts.caller_identity import no_permission_needed
from tabard.sigv4.authorization import parse_authorization
from tabard.sigv4.errors import IncompleteSignature, MissingAuthenticationToken
from tabard.wire.identify import identify as identify_operation
from tabard.wire.identify import identify_service, operation_of
from tabard.wire.input_errors import WrongServiceScope
from tabard.wire.parse import parse_input
from tabard.wire.render_errors import render_error
from tabard.wire.request import Call, RawRequest, Value
from tabard.wire.service_model import service_model
from tabard.wire.unknown_service import ServiceNotOffered, render_unknown_service

DECISIONS_AT_MOST = 3
REQUEST_FAILED = "request_failed"
S = TypeVar("S", bound=Stage)

_log = structlog.get_logger()


class Progress:
    """The last stage that a request has reached."""

    __slots__ = ("stage",)

    def __init__(self, raw: RawRequest) -> None:
        self.stage: Stage = raw

    def __call__(self, stage: S) -> S:
        """Note a stage's result, and return it."""
        self.stage = stage
        return stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The stages, with their dependencies."""

    snapshots: RefreshingSource = field(repr=False)
    keyrings: Keyrings = field(repr=False)
    authentication: Authentication = field(repr=False)
    performer: Performer = field(repr=False)
    audit: AuditQueue = field(repr=False)
    clock: Clock
    metrics: RequestMetrics = field(default_factory=RequestMetrics, repr=False)

    async def answer(self, raw: RawRequest, body: Body) -> Answer:
        """Answer one request: an AwsError in the caller's protocol, anything else as InternalFailure."""
        began_seconds = self.clock.monotonic_seconds()
        reach = Progress(raw)
        error: AwsError | None = None
        try:
            claimed = reach(identify(raw))
            authenticated = reach(await self.authentication.authenticate(claimed, body))
            answer = await self.decide_and_perform(authenticated, reach)
        except AwsError as refused:
            error = self.visible_to_caller(in_words_of_service(raw, reach.stage, refused), reach.stage)
        except Exception as failure:  # noqa: BLE001 - the last resort: no detail leaves, the log has it all
            _log.exception(REQUEST_FAILED, request_id=raw.request_id, failure=type(failure).__name__)
            error = InternalFailure()
        if error is not None:
            answer = render_refusal(raw, reach.stage, error)
        self.record(raw, reach.stage, answer, error)
        seconds = self.clock.monotonic_seconds() - began_seconds
        self.metrics.count_answer(reach.stage, status=answer.status, error=error, seconds=seconds)
        return answer

    async def decide_and_perform(self, authenticated: Authenticated, reach: Progress) -> Answer:
        """Perform an allowed call. Decide again if a resource changed between decision and commit."""
        for decisions_left in reversed(range(DECISIONS_AT_MOST)):
            parsed = reach(parse(authenticated))
            resolved = reach(await self.resolve(parsed))
            authorized = reach(self.authorize(resolved))
            try:
                return await self.performer.perform(authorized, reach)
            except ResourceChanged:
                if not decisions_left:
                    raise
                await self.snapshots.refresh()
                authenticated = reach(await self.authentication.again(authenticated))
        raise AssertionError("the last decision returns or raises")

    async def resolve(self, parsed: Parsed) -> Resolved:
        """Find the checks that the service's table says the request needs."""
        authenticated, operation = parsed.authenticated, parsed.operation
        facts = Facts(
            caller=authenticated.caller,
            snapshot=authenticated.snapshot,
            partition=authenticated.snapshot.partition,
            account_id=authenticated.snapshot.account_id,
            region=authenticated.facts.region,
            now=authenticated.facts.now,
            signed_at=authenticated.signed_at,
            payload_hash=authenticated.claimed.raw.header("x-amz-content-sha256") or "",
        )
        if isinstance(operation, Forward) and operation.tables is not None:
            tables = operation.tables(parsed.call.input, facts)
            keys = await self.performer.table_keys.of(tables, region=facts.region)
            facts = msgspec.structs.replace(facts, partition_keys=keys)
        checks = operation.checks(parsed.request, facts)  # type: ignore[arg-type]  # the table pairs them
        # INVARIANT: nothing is performed without a decision, except GetCallerIdentity and the like.
        if not checks and operation.checks is not no_permission_needed:
            service = authenticated.facts.service
            raise AccessDenied(
                service,
                f"User: {authenticated.caller.arn} is not authorized to perform: "
                f"{service}:{parsed.call.operation} because the request names no resource",
            )
        return Resolved(parsed=parsed, checks=checks)

    def authorize(self, resolved: Resolved) -> Authorized:
        """Decide every check. A denial names the kind of policy that denied, and the reason."""
        parsed = resolved.parsed
        authenticated = parsed.authenticated
        caller, facts, snapshot = authenticated.caller, authenticated.facts, authenticated.snapshot
        if isinstance(parsed.operation, Forward) and parsed.operation.each_by_itself:
            permit, refused = authorize_each(caller, resolved.checks, facts, snapshot)
            return Authorized(resolved=resolved, permit=permit, refused=refused)
        try:
            permit = authorize(caller, resolved.checks, facts, snapshot)
        except Denied as denied:
            if SERVICES[parsed.call.service].encodes_denials:
                raise with_encoded_message(denied, self.keyrings.of(snapshot)) from None
            raise
        return Authorized(resolved=resolved, permit=permit)

    def visible_to_caller(self, error: AwsError, stage: Stage) -> AwsError:
        """Return the error that the caller may see. A caller without permission to list learns no absence."""
        if not isinstance(stage, Authorized) or error.http_status != 404:
            return error
        parsed = stage.resolved.parsed
        if not isinstance(parsed.operation, Forward):
            return error
        authenticated = parsed.authenticated
        listing = parsed.operation.absence(parsed.call.input, error, stage.permit)
        if listing is None:
            return error
        try:
            authorize(authenticated.caller, (listing,), authenticated.facts, authenticated.snapshot)
        except Denied as denied:
            return denied
        return error

    def record(self, raw: RawRequest, stage: Stage, answer: Answer, error: AwsError | None) -> None:
        """Record one audit event. The event of a change was committed with the change."""
        if (
            error is None
            and isinstance(stage, Authorized)
            and isinstance(stage.resolved.parsed.operation, Write)
        ):
            return
        claimed = claimed_of(stage)
        service: str = claimed.identified.service if claimed is not None else ""
        if isinstance(error, ServiceNotOffered):
            service = error.service
        record = record_of(raw, stage, service=service, status=answer.status, error=error)
        self.audit.record(record.event, record.explain())


def identify(raw: RawRequest) -> Claimed:
    """Identify what a request is for; the scope of its signature must name the same service."""
    header = raw.header("authorization")
    authorization = parse_authorization(header) if header else None
    try:
        identified = identify_operation(
            raw, authorization.scope.service if authorization is not None else None
        )
    except WrongServiceScope:
        service, _ = identify_service(raw, None)
        detail = f"correct service: '{service}'"
        raise NotAuthenticated(service, Refusal.WRONG_SCOPE, detail=detail) from None
    return Claimed(raw=raw, identified=identified, claim=authorization)


def parse(authenticated: Authenticated) -> Parsed:
    """Name the operation and type its input.

    Raises:
        OperationNotOffered: an operation without a row in our tables is refused, whoever calls it.
        MemberNotOffered: the upstream would ignore a member of the input.
    """
    identified, raw = authenticated.claimed.identified, authenticated.claimed.raw
    content = authenticated.content
    body = content if isinstance(content, bytes) else b""
    name = operation_of(identified, raw, body)
    operation = OPERATIONS[identified.service].get(name)
    if operation is None:
        raise OperationNotOffered(identified.service, name)
    model = service_model(identified.service)
    arguments = parse_input(model, name, raw, body, identified.uri_params, identified.protocol)
    call = Call(service=identified.service, operation=name, input=arguments, protocol=identified.protocol)
    request: msgspec.Struct | Mapping[str, Value] = arguments
    if isinstance(operation, Forward):
        operation.members.check(identified.service, name, arguments)
    else:
        request = msgspec.convert(arguments, operation.request, builtin_types=(bytes, datetime))
    return Parsed(authenticated=authenticated, call=call, operation=operation, request=request)


def in_words_of_service(raw: RawRequest, stage: Stage, error: AwsError) -> AwsError:
    """Give an incomplete signature the code of the service, as every other refusal has it."""
    if not isinstance(error, IncompleteSignature):
        return error
    claimed = claimed_of(stage)
    service = claimed.identified.service if claimed is not None else identify_service(raw, None)[0]
    return NotAuthenticated(service, Refusal.INCOMPLETE, detail=error.message)


def render_refusal(raw: RawRequest, stage: Stage, error: AwsError) -> Answer:
    """Render the error in the caller's protocol, as far as the request shows which protocol that is."""
    if isinstance(error, ServiceNotOffered):
        return render_unknown_service(raw, error)
    claimed = claimed_of(stage)
    if claimed is not None:
        service, protocol = claimed.identified.service, claimed.identified.protocol
    else:
        service, protocol = identify_service(raw, _scope_service(raw))
    return render_error(
        service,
        protocol,
        error,
        raw.request_id,
        head=raw.method == "HEAD",
        resource=raw.raw_path,
    )


def _scope_service(raw: RawRequest) -> str | None:
    """Return the service in the signature's scope, or None if the scope is unreadable."""
    header = raw.header("authorization")
    try:
        return parse_authorization(header).scope.service if header else None
    except (IncompleteSignature, MissingAuthenticationToken):
        return None
