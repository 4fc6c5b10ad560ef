"""One request through the edge: every AWS request walks the same rooms, in this order.

identify → authenticate → parse → resolve → authorize → perform → record → answer
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import structlog

from tabard.access.authenticate import Authenticator, Examined
from tabard.access.authorize import Denied, RequestFacts, ResourceChanged, authorize, authorize_each
from tabard.access.caller import Caller
from tabard.access.check import Check
from tabard.access.encoded_denial import with_encoded_message
from tabard.access.refusals import AccessDenied, NotAuthenticated, OperationNotOffered, Refusal
from tabard.audit.queue import AuditQueue
from tabard.clock import Clock
from tabard.edge.body import Body
from tabard.edge.machines import MACHINE_REQUEST_BYTES, authenticate_machine, is_a_machines
from tabard.edge.object_body import ObjectBody
from tabard.edge.perform import Keyrings, Performer, RefreshingSource
from tabard.edge.record import audit_event, explanation_of
from tabard.edge.request_metrics import RequestMetrics
from tabard.edge.s3_payload import declared_payload_hash, has_no_content, object_body, whole_body
from tabard.edge.stages import Allowed, Asked, Believed, Reached, Resolved
from tabard.edge.tables import OPERATIONS
from tabard.errors import AwsError, InternalFailure
from tabard.http1.answer import Answer
from tabard.metrics.families import OTHER
from tabard.services.dynamodb.checks import tables_in
from tabard.services.operation import Facts, Forward, Write
from tabard.services.s3.copy_source import copy_source
from tabard.services.s3.operations import STREAMED_BODY
from tabard.services.s3.region import check_region
from tabard.services.sts.caller_identity import no_permission_needed
from tabard.sigv4.authorization import Authorization, parse_authorization
from tabard.sigv4.errors import IncompleteSignature
from tabard.store.snapshot import Snapshot
from tabard.wire.identify import Identified, identify, identify_service, operation_of
from tabard.wire.input_errors import WrongServiceScope
from tabard.wire.parse import parse_input
from tabard.wire.render_errors import render_error
from tabard.wire.request import Call, RawRequest, ServiceName, Value
from tabard.wire.service_model import service_model
from tabard.wire.unknown_service import ServiceNotOffered, render_unknown_service

QUERY_LIMIT_BYTES = 1024 * 1024
JSON_LIMIT_BYTES = 16 * 1024 * 1024
DECISIONS_AT_MOST = 3
REQUEST_FAILED = "request_failed"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The rooms, and what they need."""

    snapshots: RefreshingSource = field(repr=False)
    keyrings: Keyrings = field(repr=False)
    authenticator: Authenticator = field(repr=False)
    performer: Performer = field(repr=False)
    audit: AuditQueue = field(repr=False)
    clock: Clock
    metrics: RequestMetrics = field(default_factory=RequestMetrics, repr=False)

    async def answer(self, raw: RawRequest, body: Body) -> Answer:
        """Answer one request: an AwsError in the caller's protocol, anything else as InternalFailure."""
        began_seconds = self.clock.monotonic_seconds()
        reached: Reached = raw
        claim: Authorization | None = None
        identified: Identified | None = None
        error: AwsError | None = None
        try:
            claim = claimed_authorization(raw)
            identified = identified_as(raw, claim)
            reached = believed = await self.authenticate(raw, identified, claim, body)
            for decisions_left in reversed(range(DECISIONS_AT_MOST)):
                reached = asked = parse(believed)
                reached = resolved = await self.resolve(asked)
                reached = allowed = self.authorize(resolved)
                try:
                    answer = await self.performer.perform(allowed)
                    break
                except ResourceChanged:
                    # It was changed between decision and transaction: nothing was done, so once more.
                    if not decisions_left or isinstance(believed.content, ObjectBody):
                        raise
                    await self.snapshots.refresh()
                    reached = believed = await self.believe(raw, identified, claim, believed.content)
        except AwsError as refused:
            error = self.seen_by_caller(in_words_of_service(raw, identified, refused), reached)
        except Exception as failure:  # noqa: BLE001 - the last resort: no detail leaves, the log has it all
            _log.exception(REQUEST_FAILED, request_id=raw.request_id, failure=type(failure).__name__)
            error = InternalFailure()
        if error is not None:
            answer = render_refusal(raw, identified, error, claim)
        self.record(raw, reached, identified, answer, error)
        self.metrics.count_answer(
            reached,
            service=OTHER if identified is None else identified.service,
            status=answer.status,
            error=error,
            seconds=self.clock.monotonic_seconds() - began_seconds,
        )
        return answer

    async def examine(self, raw: RawRequest, identified: Identified, claim: Authorization | None) -> Examined:
        """Key, date, scope and session, as they are now: after every write that was acknowledged."""
        snapshot = await self.snapshots.newest()
        return self.authenticator.examine(
            raw,
            claim,
            service=identified.service,
            snapshot=snapshot,
            keyring=self.keyrings.of(snapshot),
            now=self.clock.now(),
        )

    async def authenticate(
        self, raw: RawRequest, identified: Identified, claim: Authorization | None, body: Body
    ) -> Believed:
        """By certificate or join token where a machine calls `hosts`, else by signature.

        INVARIANT: a body may be minutes on its way, so everything is examined again once it is here: who was
        revoked meanwhile is refused. An object's content alone is let in by what was true at its beginning.
        """
        if identified.service == "s3":
            return await self.authenticate_s3(raw, identified, claim, body)
        if is_a_machines(identified, claim):
            limit_bytes = MACHINE_REQUEST_BYTES
        else:
            await self.examine(raw, identified, claim)
            limit_bytes = JSON_LIMIT_BYTES if identified.protocol == "json" else QUERY_LIMIT_BYTES
        return await self.believe(raw, identified, claim, await body.read(limit_bytes))

    async def believe(
        self, raw: RawRequest, identified: Identified, claim: Authorization | None, content: bytes
    ) -> Believed:
        """Who is calling, as it is now; `content` is the body, all of it."""
        if is_a_machines(identified, claim):
            snapshot = await self.snapshots.newest()
            caller, region = authenticate_machine(
                raw, identified, content, snapshot=snapshot, now=self.clock.now()
            )
            signed_at = raw.received_at
        else:
            examined = await self.examine(raw, identified, claim)
            caller = self.authenticator.authenticate(examined, payload_hash(raw, content, identified.service))
            snapshot, region, signed_at = examined.snapshot, examined.region, examined.signed_at
        return self.believed(
            raw, identified, caller, region=region, signed_at=signed_at, snapshot=snapshot, content=content
        )

    async def authenticate_s3(
        self, raw: RawRequest, identified: Identified, claim: Authorization | None, body: Body
    ) -> Believed:
        """Key, date, scope, session and signature first: it covers the body by what it declares of it."""
        examined = await self.examine(raw, identified, claim)
        declared = declared_payload_hash(raw)
        caller = self.authenticator.authenticate(examined, declared)
        check_region(examined.region, home=self.performer.s3.region)
        content: bytes | ObjectBody
        if identified.operation in STREAMED_BODY:
            content = object_body(raw, examined, body)
        elif has_no_content(raw, body):
            content = b""
        else:
            content = await whole_body(object_body(raw, examined, body))
            examined = await self.examine(raw, identified, claim)
            caller = self.authenticator.authenticate(examined, declared)
        return self.believed(
            raw,
            identified,
            caller,
            region=examined.region,
            signed_at=examined.signed_at,
            snapshot=examined.snapshot,
            content=content,
        )

    def believed(
        self,
        raw: RawRequest,
        identified: Identified,
        caller: Caller,
        *,
        region: str,
        signed_at: datetime,
        snapshot: Snapshot,
        content: bytes | ObjectBody,
    ) -> Believed:
        """What every decision about the request may see."""
        return Believed(
            raw=raw,
            identified=identified,
            caller=caller,
            facts=RequestFacts(
                service=identified.service,
                region=region,
                source_ip=raw.peer_ip,
                network_path=raw.network_path,
                secure=raw.secure,
                user_agent=raw.header("user-agent") or "",
                referer=raw.header("referer") or "",
                request_id=raw.request_id,
                now=self.clock.now(),
            ),
            signed_at=signed_at,
            snapshot=snapshot,
            content=content,
        )

    async def resolve(self, asked: Asked) -> Resolved:
        """The checks that the service's table says the request needs."""
        believed = asked.believed
        facts = Facts(
            caller=believed.caller,
            snapshot=believed.snapshot,
            partition=believed.snapshot.partition,
            account_id=believed.snapshot.account_id,
            region=believed.facts.region,
            now=believed.facts.now,
            signed_at=believed.signed_at,
            payload_hash=believed.raw.header("x-amz-content-sha256") or "",
        )
        if asked.call.service == "dynamodb":
            keys = await self.performer.table_keys.of(tables_in(asked.call.input, facts), region=facts.region)
            facts = msgspec.structs.replace(facts, partition_keys=keys)
        checks = asked.operation.checks(asked.request, facts)  # type: ignore[arg-type]  # the table pairs them
        # INVARIANT: nothing is performed that no policy was asked about, but for who the caller is.
        if not checks and asked.operation.checks is not no_permission_needed:
            raise AccessDenied(
                believed.facts.service,
                f"User: {believed.caller.arn} is not authorized to perform: "
                f"{believed.facts.service}:{asked.call.operation} because the request names no resource",
            )
        return Resolved(asked=asked, checks=checks)

    def authorize(self, resolved: Resolved) -> Allowed:
        """Every check decided; a denial says which kind of policy denied and why."""
        asked = resolved.asked
        believed = asked.believed
        if isinstance(asked.operation, Forward) and asked.operation.each_by_itself:
            permit, refused = authorize_each(
                believed.caller, resolved.checks, believed.facts, believed.snapshot
            )
            return Allowed(resolved=resolved, permit=permit, refused=refused)
        try:
            permit = authorize(believed.caller, resolved.checks, believed.facts, believed.snapshot)
        except Denied as denied:
            if asked.call.service == "ec2":
                raise with_encoded_message(denied, self.keyrings.of(believed.snapshot)) from None
            raise
        return Allowed(resolved=resolved, permit=permit)

    def seen_by_caller(self, error: AwsError, reached: Reached) -> AwsError:
        """What the caller may learn of an error.

        S3: "If you don't have the s3:ListBucket permission, Amazon S3 returns an HTTP status code 403 error"
        where an object is not there: its absence is for those who may list the bucket.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        if not isinstance(reached, Allowed) or error.http_status != 404:
            return error
        asked = reached.resolved.asked
        bucket = absent_from(asked.call, error)
        if bucket is None:
            return error
        believed = asked.believed
        listing = Check(action="s3:ListBucket", resource=f"arn:{believed.snapshot.partition}:s3:::{bucket}")
        try:
            authorize(believed.caller, (listing,), believed.facts, believed.snapshot)
        except Denied as denied:
            return denied
        return error

    def record(
        self,
        raw: RawRequest,
        reached: Reached,
        identified: Identified | None,
        answer: Answer,
        error: AwsError | None,
    ) -> None:
        """One audit event; that of a change has been committed with it."""
        committed = (
            error is None
            and isinstance(reached, Allowed)
            and isinstance(reached.resolved.asked.operation, Write)
        )
        if not committed:
            service: str = identified.service if identified is not None else ""
            if isinstance(error, ServiceNotOffered):
                service = error.service
            self.audit.record(
                audit_event(raw, reached, service=service, status=answer.status, error=error),
                explanation_of(reached, error),
            )


def claimed_authorization(raw: RawRequest) -> Authorization | None:
    """What the request says of its signature; nothing in it is proven yet. None where it says nothing."""
    header = raw.header("authorization")
    return parse_authorization(header) if header else None


def identified_as(raw: RawRequest, claim: Authorization | None) -> Identified:
    """What the request is for; the signature's scope must name the same service."""
    try:
        return identify(raw, claim.scope.service if claim is not None else None)
    except WrongServiceScope:
        service, _ = identify_service(raw, None)
        detail = f"correct service: '{service}'"
        raise NotAuthenticated(service, Refusal.WRONG_SCOPE, detail=detail) from None


def absent_from(call: Call, error: AwsError) -> str | None:
    """The bucket in which an S3 call has found no object; None where something else was not there."""
    if call.service != "s3":
        return None
    if call.operation in ("CopyObject", "UploadPartCopy"):
        return copy_source(call.input["CopySource"]).bucket if error.error_code == "NoSuchKey" else None
    # The answer to HEAD has no code to tell an absent object from an absent bucket.
    if call.operation in ("GetObject", "HeadObject") and error.error_code != "NoSuchBucket":
        return str(call.input["Bucket"])
    return None


def parse(believed: Believed) -> Asked:
    """Name the operation and type its input.

    Raises:
        OperationNotOffered: an operation that Tabard has no authorization row for is refused, whoever asks.
        MemberNotOffered: the upstream would ignore a member of the input.
    """
    identified, raw, content = believed.identified, believed.raw, believed.content
    model = service_model(identified.service)
    body = content if isinstance(content, bytes) else b""
    name = operation_of(identified, raw, body)
    operation = OPERATIONS[identified.service].get(name)
    if operation is None:
        raise OperationNotOffered(identified.service, name)
    arguments = parse_input(model, name, raw, body, identified.uri_params, identified.protocol)
    call = Call(service=identified.service, operation=name, input=arguments, protocol=identified.protocol)
    request: msgspec.Struct | Mapping[str, Value] = arguments
    if isinstance(operation, Forward):
        operation.members.check(identified.service, name, arguments)
    else:
        request = msgspec.convert(arguments, operation.request, builtin_types=(bytes, datetime))
    return Asked(believed=believed, call=call, operation=operation, request=request)


def payload_hash(raw: RawRequest, content: bytes, service: ServiceName) -> str:
    """SHA-256 of what really came; a header that says otherwise is a refusal."""
    actual = hashlib.sha256(content).hexdigest()
    declared = raw.header("x-amz-content-sha256")
    if declared is not None and declared != actual:
        raise NotAuthenticated(service, Refusal.BODY_MISMATCH)
    return actual


def in_words_of_service(raw: RawRequest, identified: Identified | None, error: AwsError) -> AwsError:
    """A signature that is not a whole one is, like every refusal, said in the service's own code."""
    if not isinstance(error, IncompleteSignature):
        return error
    service = identified.service if identified is not None else identify_service(raw, None)[0]
    return NotAuthenticated(service, Refusal.INCOMPLETE, detail=error.message)


def render_refusal(
    raw: RawRequest, identified: Identified | None, error: AwsError, claim: Authorization | None
) -> Answer:
    """The error in the caller's protocol, as far as the request and its claim show which that is."""
    if isinstance(error, ServiceNotOffered):
        return render_unknown_service(raw, error)
    if identified is not None:
        service, protocol = identified.service, identified.protocol
    else:
        service, protocol = identify_service(raw, claim.scope.service if claim is not None else None)
    return render_error(
        service,
        protocol,
        error,
        raw.request_id,
        head=raw.method == "HEAD",
        resource=raw.raw_path,
    )
