"""A store behind the edge, as the pipeline calls it."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from tabard.access.authorize import Denied, Permit
from tabard.edge.object_body import ObjectBody
from tabard.http1.answer import Answer
from tabard.wire.request import Call


class AllowedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call for an upstream, and the proof that it is allowed.

    `body`: the content of an object, for an operation that has one.
    `refused`: the denied parts of a DeleteObjects.
    `caller_endpoint`: the URL at which the caller reached the edge.
    """

    permit: Permit
    call: Call
    body: ObjectBody | None
    refused: Sequence[Denied]
    caller_endpoint: str


class Upstream(Protocol):
    """One store. `endpoint` is the URL of the edge on this machine."""

    @property
    def endpoint(self) -> str: ...

    async def forward(self, allowed: AllowedCall) -> Answer:
        """Perform an allowed call, rebuilt from its typed input.

        Raises:
            RelayedError: the upstream's own error. ServiceUnavailable (503): it cannot be reached, or failed.
        """
