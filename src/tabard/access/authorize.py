"""Authorization. The policy engine decides every check of a request. Only `authorize` makes a Permit."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from tabard.access.caller import Caller, CallerKind
from tabard.access.check import Check
from tabard.access.refusals import AccessDenied, Service
from tabard.clock import iso8601
from tabard.model.network_path import NetworkPath
from tabard.policy import (
    AccessRequest,
    Decision,
    Effect,
    Layer,
    PolicyLayers,
    RequestContext,
    decide,
    denial_sentence,
)
from tabard.store.controls import NO_CONTROLS
from tabard.store.snapshot import Snapshot

_PROOF = object()
_TRUE, _FALSE = ("true",), ("false",)
_MACHINES = (CallerKind.HOST, CallerKind.JOIN_TOKEN)


class RequestFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Inputs to every decision about one request, for any caller."""

    service: Service
    region: str
    source_ip: str
    secure: bool
    user_agent: str
    referer: str
    request_id: str
    now: datetime
    network_path: NetworkPath | None = None


class Decided(NamedTuple):
    """One check and its decision, with everything that the decision rested on."""

    check: Check
    request: AccessRequest
    layers: PolicyLayers
    decision: Decision


class Permit(msgspec.Struct, frozen=True, kw_only=True):
    """Proof that a caller was allowed every check of one request, at one version of the store.

    `decided` has each check with its decision, in the same order, for the audit.
    INVARIANT: only this module makes a Permit. `proof` is a value that nothing outside this module has, and
    no Permit stores it.
    """

    caller: Caller
    checks: tuple[Check, ...]
    decided: tuple[Decided, ...]
    service: Service
    partition: str
    account_id: str
    region: str
    now: datetime
    request_id: str
    snapshot_version: int
    proof: object

    def __post_init__(self) -> None:
        if self.proof is not _PROOF:
            raise TypeError("only authorize makes a Permit")
        msgspec.structs.force_setattr(self, "proof", None)

    def require(
        self, action: str, resource: str, keys: Mapping[str, tuple[str, ...] | None] | None = None
    ) -> None:
        """Verify that exactly this check was allowed.

        A handler calls this after it reads the resource again inside its transaction. The handler then acts
        on the same resource that the decision was about.

        Args:
            keys: condition keys (lower case) and the values that the decision must have used. None means
                that the decision must not have had the key.
        Raises:
            ResourceChanged (403): the check was not allowed, because the resource changed after the decision.
        """
        seen = tuple((keys or {}).items())
        if any(
            check.action == action
            and check.resource == resource
            and all(check.context.get(key) == values for key, values in seen)
            for check in self.checks
        ):
            return
        raise ResourceChanged(
            self.service,
            f"User: {self.caller.arn} is not authorized to perform: {action} on resource: {resource} "
            f"because the resource changed while the request was decided; try again",
        )


class ResourceChanged(AccessDenied):
    """The resource has changed since the decision, which used an older snapshot."""


class Denied(AccessDenied):
    """AccessDenied with its denial, and with the complete reason for the audit trail."""

    def __init__(self, service: Service, sentence: str, *, reason: str, denial: Decided) -> None:
        super().__init__(service, sentence)
        self.reason = reason
        self.denial = denial


def authorize(caller: Caller, checks: Sequence[Check], facts: RequestFacts, snapshot: Snapshot) -> Permit:
    """Decide every check. Refuse the request at the first check that is not allowed.

    Raises:
        Denied: with AWS's message, which names the kind of policy that decided.
    """
    _keep_machines_apart(caller, facts)
    allowed: list[Decided] = []
    for decided in _decided(caller, checks, facts, snapshot):
        if isinstance(decided, Denied):
            raise decided
        allowed.append(decided)
    return _permit(caller, tuple(checks), tuple(allowed), facts, snapshot)


def authorize_each(
    caller: Caller, checks: Sequence[Check], facts: RequestFacts, snapshot: Snapshot
) -> tuple[Permit, tuple[Denied, ...]]:
    """Decide every check separately, for operations with one result per item (DeleteObjects).

    Returns:
        A permit for the checks that were allowed, and each denial.
    """
    _keep_machines_apart(caller, facts)
    allowed: list[Decided] = []
    refused: list[Denied] = []
    for decided in _decided(caller, checks, facts, snapshot):
        if isinstance(decided, Denied):
            refused.append(decided)
        else:
            allowed.append(decided)
    permit = _permit(caller, tuple(each.check for each in allowed), tuple(allowed), facts, snapshot)
    return permit, tuple(refused)


def _keep_machines_apart(caller: Caller, facts: RequestFacts) -> None:
    """Refuse a host's call to any service except `hosts`.

    INVARIANT: a host works for instances and is not one. It may call `hosts` only, whatever a policy says.

    Raises:
        AccessDenied.
    """
    if caller.kind in _MACHINES and facts.service != "hosts":
        raise AccessDenied(
            facts.service,
            f"User: {caller.arn} is not authorized to call {facts.service} because a host calls hosts alone",
        )


def _decided(
    caller: Caller, checks: Sequence[Check], facts: RequestFacts, snapshot: Snapshot
) -> Iterator[Decided | Denied]:
    identity = snapshot.identity_policies(caller.owner_id)
    boundary = snapshot.permissions_boundary(caller.owner_id)
    session = caller.session
    session_layer = None if session is None else snapshot.session_policies(session)
    # Control policies do not apply to AWS's own services. A host is part of Tabard's equivalent of them.
    controls = NO_CONTROLS if caller.kind is CallerKind.HOST else snapshot.controls
    keys = _request_keys(caller, facts, snapshot)
    for check in checks:
        # Positional arguments: keywords would double the cost of making these tuples.
        context = RequestContext({**keys, **check.context} if check.context else keys)
        request = AccessRequest(check.action, check.resource, caller.principal, context, snapshot.account_id)
        layers = PolicyLayers(
            identity, check.resource_policy, boundary, session_layer, controls.service, controls.resource
        )
        decision = decide(request, layers)
        if check.governs_organization and _is_left_out_by_controls(decision):
            layers = layers._replace(service_control=(), resource_control=())
            decision = decide(request, layers)
        decided = Decided(check, request, layers, decision)
        if decision.allowed:
            yield decided
        else:
            reason = _reason(facts.service, request, decision)
            yield Denied(
                facts.service,
                # INVARIANT: STS answers the same for a missing role. Naming the policy would reveal that the
                # role exists.
                _without_cause(reason) if check.action == "sts:AssumeRole" else reason,
                reason=reason,
                denial=decided,
            )


def _is_left_out_by_controls(decision: Decision) -> bool:
    """Return whether nothing denied the action, and a control policy did not allow it."""
    return decision.effect is Effect.IMPLICIT_DENY and decision.layer in (
        Layer.SERVICE_CONTROL,
        Layer.RESOURCE_CONTROL,
    )


def _reason(service: Service, request: AccessRequest, decision: Decision) -> str:
    """Write the message in the service's style. Only S3 quotes the ARN; only SQS lowers the action's case."""
    if service == "sqs":
        request = request._replace(action=request.action.lower())
    return denial_sentence(request, decision, quote_resource=service == "s3")


def _without_cause(reason: str) -> str:
    return reason.partition(" because ")[0].partition(" with an explicit deny ")[0]


def _permit(
    caller: Caller,
    checks: tuple[Check, ...],
    decided: tuple[Decided, ...],
    facts: RequestFacts,
    snapshot: Snapshot,
) -> Permit:
    return Permit(
        caller=caller,
        checks=checks,
        decided=decided,
        service=facts.service,
        partition=snapshot.partition,
        account_id=snapshot.account_id,
        region=facts.region,
        now=facts.now,
        request_id=facts.request_id,
        snapshot_version=snapshot.version,
        proof=_PROOF,
    )


def _request_keys(caller: Caller, facts: RequestFacts, snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """Compute the condition keys of a request.

    AWS: reference_policies_condition-keys.html, "Properties of" the network, the resource, the request.

    AWS: `aws:SourceIp` is included "except when the requester uses a VPC endpoint to make the request",
    `aws:SourceVpc` and `aws:VpcSourceIp` only then.
    Differs: an instance in a network of its own reaches the edge as through a VPC endpoint, and nobody else
        does. There is no endpoint with an id: `aws:SourceVpce` is never known.
    """
    current_time, epoch_time = _times(int(facts.now.timestamp()))
    # One copy and a few additions take half as long as joining two mappings.
    keys = caller.condition_keys.copy()
    keys["aws:resourceaccount"] = (snapshot.account_id,)
    keys["aws:securetransport"] = _TRUE if facts.secure else _FALSE
    keys["aws:currenttime"] = current_time
    keys["aws:epochtime"] = epoch_time
    keys["aws:requestedregion"] = (_requested_region(facts, snapshot),)
    keys["aws:viaawsservice"] = _FALSE
    if snapshot.controls is not NO_CONTROLS:
        keys.update(snapshot.controls.principal_keys)
        keys.update(snapshot.controls.resource_keys)
    if facts.network_path is not None:
        keys["aws:sourcevpc"] = (facts.network_path.vpc_id,)
        keys["aws:vpcsourceip"] = (facts.network_path.private_ip_address,)
    elif facts.source_ip:
        keys["aws:sourceip"] = (facts.source_ip,)
    if facts.user_agent:
        keys["aws:useragent"] = (facts.user_agent,)
    if facts.referer:
        keys["aws:referer"] = (facts.referer,)
    return keys


_HOME_OF_IAM = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


def _requested_region(facts: RequestFacts, snapshot: Snapshot) -> str:
    """Return the region of the signature's scope. IAM has one region, whatever region its caller signs for.

    AWS: "Because this endpoint is physically located in the US East (N. Virginia) Region, IAM calls are
    always made to the us-east-1 Region." (reference_policies_condition-keys.html, aws:RequestedRegion)
    """
    if facts.service != "iam":
        return facts.region
    return _HOME_OF_IAM.get(snapshot.partition, facts.region)


@lru_cache(maxsize=16)
def _times(epoch_seconds: int) -> tuple[tuple[str], tuple[str]]:
    """Format `aws:CurrentTime` and `aws:EpochTime`. The cache formats them once a second, not per request."""
    return (iso8601(datetime.fromtimestamp(epoch_seconds, UTC)),), (str(epoch_seconds),)
