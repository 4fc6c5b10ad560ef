"""One event per request: who asked what of which resource, what was decided and why."""

from datetime import datetime
from typing import Literal

import msgspec

from tabard.policy import Effect, Layer, MatchedStatement, PolicySource

Outcome = Literal["allowed", "denied", "not_offered", "refused", "failed"]


class DecidedCheck(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was decided of one action on one resource, by which layer, and on which statements it rests.

    `context` has the condition values that the decision could use: of every key, in lower case, that a
    statement about this action names, as far as the request had it. Long ones are cut, see `denial_record`.
    """

    action: str
    resource: str
    effect: Effect
    layer: Layer
    matched: tuple[MatchedStatement, ...] = ()
    context: dict[str, tuple[str, ...]] = {}


class ConsideredPolicies(msgspec.Struct, frozen=True, omit_defaults=True):
    """The policies of one layer that the decisions looked at, each by name, version and digest of its text.

    `resource` is the one whose policies they are; a role's trust policy is that of the role. `left_out`
    counts further policies.
    """

    layer: Layer
    sources: tuple[PolicySource, ...] = ()
    resource: str = ""
    left_out: int = 0


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`outcome`: allowed and answered; denied by policy; not offered, because Tabard has no such service,
    operation or parameter; refused before a decision (signature, syntax); failed after it was allowed (an
    upstream or the handler answered an error).

    Names are empty strings where they are not known. `resources` are ARNs; `reason` is the sentence.
    `decisions` are the first of those that were made, each about one of `resources`. `explanation` is JSON,
    of a denial alone: the condition keys it saw and what became of the statements; empty where there is none.
    `policies` are those that the decisions considered.
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
    policies: tuple[ConsideredPolicies, ...] = ()

    @property
    def actions(self) -> tuple[str, ...]:
        """The IAM actions that were decided, and the operation: `s3:ListBucket`, `s3:ListObjectsV2`."""
        named = (f"{self.service}:{self.operation}",) if self.operation else ()
        return tuple(dict.fromkeys((*(decided.action for decided in self.decisions), *named)))
