"""The result of each stage of the pipeline.

Each result has its own type and contains the result before it. So a skipped stage is a type error.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from tabard.access.authorize import Decided, Denied, Permit, RequestFacts
from tabard.access.caller import Caller
from tabard.access.check import Check
from tabard.edge.object_body import ObjectBody
from tabard.services.operation import Operation
from tabard.sigv4.authorization import Authorization
from tabard.store.snapshot import Snapshot
from tabard.wire.identify import Identified
from tabard.wire.request import Call, RawRequest, Value


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """The service, the operation and the signature that a request claims; nothing is proven yet."""

    raw: RawRequest
    identified: Identified
    claim: Authorization | None


class Authenticated(msgspec.Struct, frozen=True, kw_only=True):
    """The caller is known, the signature verified. `content` is the body, or an object still to stream."""

    claimed: Claimed
    caller: Caller
    facts: RequestFacts
    signed_at: datetime
    snapshot: Snapshot
    content: bytes | ObjectBody

    def __repr__(self) -> str:
        return f"Authenticated(claimed={self.claimed!r}, caller={self.caller!r})"


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """The operation and its typed input.

    `request` is the operation's own struct, or the plain input of a forwarded operation.
    """

    authenticated: Authenticated
    call: Call
    operation: Operation
    request: msgspec.Struct | Mapping[str, Value]

    def __repr__(self) -> str:
        return f"Parsed(authenticated={self.authenticated!r}, call={self.call!r})"


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """Every check that the request needs."""

    parsed: Parsed
    checks: Sequence[Check]


class Authorized(msgspec.Struct, frozen=True, kw_only=True):
    """Proof that the call is allowed.

    `refused`: the denied parts of a call whose parts stand alone.
    `minted_by`: the decisions of a trust policy that the new session rests on.
    """

    resolved: Resolved
    permit: Permit
    refused: Sequence[Denied] = ()
    minted_by: Sequence[Decided] = ()


Stage = RawRequest | Claimed | Authenticated | Parsed | Resolved | Authorized


def parsed_of(stage: Stage) -> Parsed | None:
    """Return the parsed call of a request that reached that stage, or None."""
    if isinstance(stage, Authorized):  # first: nearly every request is authorized
        return stage.resolved.parsed
    if isinstance(stage, Resolved):
        return stage.parsed
    return stage if isinstance(stage, Parsed) else None


def authenticated_of(stage: Stage) -> Authenticated | None:
    """Return the authenticated request of a request that reached that stage, or None."""
    if isinstance(stage, Authorized):
        return stage.resolved.parsed.authenticated
    parsed = parsed_of(stage)
    if parsed is not None:
        return parsed.authenticated
    return stage if isinstance(stage, Authenticated) else None


def claimed_of(stage: Stage) -> Claimed | None:
    """Return the claims of a request whose service is identified, or None."""
    if isinstance(stage, Authorized):
        return stage.resolved.parsed.authenticated.claimed
    authenticated = authenticated_of(stage)
    if authenticated is not None:
        return authenticated.claimed
    return stage if isinstance(stage, Claimed) else None
