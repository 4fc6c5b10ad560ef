"""Decision: its effect, the layer that decided, and the statements that caused it.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """Effect of a decision."""

    ALLOW = "allow"
    EXPLICIT_DENY = "explicit-deny"
    IMPLICIT_DENY = "implicit-deny"


class Layer(StrEnum):
    """Kinds of policies that take part in a decision. A role's trust policy is its resource policy."""

    RESOURCE_CONTROL = "resource-control"
    SERVICE_CONTROL = "service-control"
    IDENTITY = "identity"
    RESOURCE = "resource"
    BOUNDARY = "boundary"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class MatchedStatement:
    """Reference to a statement: its policy, its Sid (empty if it has none) and its index from 0."""

    policy: str
    sid: str
    index: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The effect, the layer that decided, and the statements that caused the decision.

    The statements are the ones that suffice, one per layer; `explain` reports all of them. An implicit deny
    has no statements. A permission that the account root user has by default has none either.
    """

    effect: Effect
    layer: Layer
    matched: tuple[MatchedStatement, ...] = ()

    @property
    def allowed(self) -> bool:
        """Report whether the request is allowed."""
        return self.effect is Effect.ALLOW
