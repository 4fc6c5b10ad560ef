"""One event per request: who asked what of which resource, what was decided and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from tabard.policy import Effect, Layer, MatchedStatement

Outcome = Literal["allowed", "denied", "not_offered", "refused", "failed"]


class DecidedCheck(msgspec.Struct, frozen=True):
    """What was decided of one action on one resource, by which layer, and on which statements it rests."""

    action: str
    resource: str
    effect: Effect
    layer: Layer
    matched: tuple[MatchedStatement, ...] = ()


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`outcome`: allowed and answered; denied by policy; not offered, because Tabard has no such service,
    operation or parameter; refused before a decision (signature, syntax); failed after it was allowed (an
    upstream or the handler answered an error).

    Names are empty strings where they are not known. `resources` are ARNs; `reason` is the sentence.
    `decisions` are the first of those that were made, each about one of `resources`. `explanation` is JSON,
    of a denial alone: the condition keys it saw and what became of the statements; empty where there is none.
    `account_id` is the account whose audit the event is in: the installation's own where it is empty.
    `principal_id` is the unique id of the user, role, host or join token, never used twice. `instance_id` is
    the instance that caused the request, or whose session a host asked for.
    """

    request_id: str
    at: datetime
    service: str
    operation: str
    principal_arn: str
    access_key_id: str
    source_ip: str
    user_agent: str
    region: str
    resources: tuple[str, ...]
    outcome: Outcome
    error_code: str
    reason: str
    http_status: int
    snapshot_version: int
    decisions: tuple[DecidedCheck, ...] = ()
    explanation: str = ""
    account_id: str = ""
    principal_id: str = ""
    instance_id: str = ""

    @property
    def actions(self) -> tuple[str, ...]:
        """The IAM actions that were decided, and the operation: `s3:ListBucket`, `s3:ListObjectsV2`."""
        named = (f"{self.service}:{self.operation}",) if self.operation else ()
        return tuple(dict.fromkeys((*(decided.action for decided in self.decisions), *named)))


@dataclass(frozen=True, slots=True)
class ChangedSince:
    """What was written since, by ARN; `is_known` is False where the journal does not reach back so far."""

    names: tuple[str, ...] = ()
    is_known: bool = True
