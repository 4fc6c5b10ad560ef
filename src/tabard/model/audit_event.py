"""One event per request: who asked what of which resource, what was decided and why."""

from datetime import datetime
from typing import Literal

import msgspec

from tabard.policy import Effect, Layer, MatchedStatement, PolicySource

Outcome = Literal["allowed", "denied", "not_offered", "refused", "failed"]


class DecidedCheck(msgspec.Struct, frozen=True, omit_defaults=True):
    """The decision on one action and one resource: its effect, its layer and its statements.

    `context` has the condition values that the decision could use: those of every key, in lower case, that a
    statement about this action names and the request had. Long ones are cut, see `denial_record`.
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
    """One audit event. `outcome` is one of five.

    Allowed and answered. Denied by policy. Not offered: Tabard has no such service, operation or parameter.
    Refused before a decision (signature, syntax). Failed after it was allowed: an upstream or the handler
    answered an error.

    Unknown names are empty strings. `resources` are ARNs; `reason` is the sentence.
    `decisions` are the first of those that were made, each about one of `resources`. `explanation` is JSON,
    only for a denial: its condition keys, and the result of each statement; otherwise empty.
    `policies` are those that the decisions considered.
    `account_id` is the account whose audit contains the event; empty: the installation's own.
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
        """Return the decided IAM actions, and the operation: `s3:ListBucket`, `s3:ListObjectsV2`."""
        named = (f"{self.service}:{self.operation}",) if self.operation else ()
        return tuple(dict.fromkeys((*(decided.action for decided in self.decisions), *named)))
