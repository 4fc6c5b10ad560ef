"""What a decision says: its effect, the layer that decided, the statements that it rests on.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What a decision comes to."""

    ALLOW = "allow"
    EXPLICIT_DENY = "explicit-deny"
    IMPLICIT_DENY = "implicit-deny"


class Layer(StrEnum):
    """The kinds of policies that take part; a role's trust policy is its resource policy."""

    RESOURCE_CONTROL = "resource-control"
    SERVICE_CONTROL = "service-control"
    IDENTITY = "identity"
    RESOURCE = "resource"
    BOUNDARY = "boundary"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class MatchedStatement:
    """A statement by the policy that holds it, its Sid (empty where it has none) and its place, from 0."""

    policy: str
    sid: str
    index: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, the layer that decided it, and the statements that it rests on.

    The statements are those that suffice (one a layer); `explain` tells of every other. An implicit deny
    rests on none, and neither does what the account root may do.
    """

    effect: Effect
    layer: Layer
    matched: tuple[MatchedStatement, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the request is allowed."""
        return self.effect is Effect.ALLOW
