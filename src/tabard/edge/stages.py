"""What each stage of the pipeline hands to the next.

Each is a type of its own that holds the one before it, so that a stage that is skipped is a type error.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from tabard.access.authorize import Denied, Permit, RequestFacts
from tabard.access.caller import Caller
from tabard.access.check import Check
from tabard.edge.object_body import ObjectBody
from tabard.services.operation import Operation
from tabard.store.snapshot import Snapshot
from tabard.wire.identify import Identified
from tabard.wire.request import Call, RawRequest, Value


class Believed(msgspec.Struct, frozen=True, kw_only=True):
    """The caller is known, the signature verified. `content` is the body, or an object still to stream."""

    raw: RawRequest
    identified: Identified
    caller: Caller
    facts: RequestFacts
    signed_at: datetime
    snapshot: Snapshot
    content: bytes | ObjectBody

    def __repr__(self) -> str:
        return f"Believed(raw={self.raw!r}, identified={self.identified!r}, caller={self.caller!r})"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: an operation of ours with typed input.

    `request` is the operation's own struct; the plain input of a forwarded operation.
    """

    believed: Believed
    call: Call
    operation: Operation
    request: msgspec.Struct | Mapping[str, Value]

    def __repr__(self) -> str:
        return f"Asked(believed={self.believed!r}, call={self.call!r})"


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """Every check that the request needs."""

    asked: Asked
    checks: Sequence[Check]


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """Proof that it may be performed; `refused` are denied parts of an operation that allows for that."""

    resolved: Resolved
    permit: Permit
    refused: Sequence[Denied] = ()


Reached = RawRequest | Believed | Asked | Resolved | Allowed
