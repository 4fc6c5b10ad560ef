"""What each stage of the pipeline hands to the next.

Each is a type of its own that holds the one before it, so that a stage that is skipped is a type error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Believed:
    """The caller is known, the signature verified. `content` is the body, or an object still to stream."""

    raw: RawRequest
    identified: Identified
    caller: Caller
    facts: RequestFacts
    signed_at: datetime
    snapshot: Snapshot = field(repr=False)
    content: bytes | ObjectBody = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for: an operation of ours with typed input.

    `request` is the operation's own struct; the plain input of a forwarded operation.
    """

    believed: Believed
    call: Call
    operation: Operation
    request: msgspec.Struct | Mapping[str, Value] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Every check that the request needs."""

    asked: Asked
    checks: Sequence[Check]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Proof that it may be performed; `refused` are denied parts of an operation that allows for that."""

    resolved: Resolved
    permit: Permit
    refused: Sequence[Denied] = ()


Reached = RawRequest | Believed | Asked | Resolved | Allowed
