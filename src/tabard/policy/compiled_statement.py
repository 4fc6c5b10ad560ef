"""One statement of a document, compiled to tests: action, resource, principal, conditions.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_statement.html
"""

from collections.abc import Callable

from tabard.policy.arn_pattern import Guard, ResourcePattern
from tabard.policy.conditions import compile_condition
from tabard.policy.decision import Decision, Effect, Layer, MatchedStatement
from tabard.policy.document import Statement, StatementEffect
from tabard.policy.pattern import matcher, tokens
from tabard.policy.principals import PrincipalMatch, Reach
from tabard.policy.request import PolicyPrincipal
from tabard.policy.values import Values


class CompiledStatement:
    """Tests of one statement: action, resource, principal, conditions."""

    __slots__ = (
        "actions",
        "conditions",
        "grant",
        "is_deny",
        "is_unlimited",
        "matched",
        "named",
        "not_actions",
        "not_named",
        "patterns",
        "resource_guard",
        "statement",
    )

    def __init__(self, statement: Statement, matched: MatchedStatement, *, variables: bool) -> None:
        self.statement = statement
        self.matched = matched
        # The decision if this statement alone allows. Most decisions are one of these, so build it once.
        self.grant = Decision(Effect.ALLOW, Layer.IDENTITY, (matched,))
        self.is_deny = statement.effect is StatementEffect.DENY
        self.actions = tuple(_action_test(action) for action in statement.actions)
        self.not_actions = tuple(_action_test(action) for action in statement.not_actions)
        self.patterns = tuple(ResourcePattern(text, variables=variables) for text in statement.resources)
        self.resource_guard = _not_resource(statement.not_resources, variables=variables)
        self.conditions = tuple(
            compile_condition(condition, statement.effect, variables=variables)
            for condition in statement.conditions
        )
        self.named = PrincipalMatch(statement.principals) if statement.principals else None
        self.not_named = PrincipalMatch(statement.not_principals) if statement.not_principals else None
        self.is_unlimited = not self.conditions and (
            "*" in statement.resources or not (statement.resources or statement.not_resources)
        )

    def covers_action(self, action: str) -> bool:
        """Report whether the Action or NotAction element matches `action`, which is in lower case."""
        if self.not_actions:
            return not any(test(action) for test in self.not_actions)
        return any(test(action) for test in self.actions)

    def covers_resource(self, resource: str, values: Values) -> bool:
        """Report whether the statement matches `resource`. Without a resource element, it matches all."""
        if self.resource_guard is not None:
            return self.resource_guard(resource, values)
        return not self.patterns or any(pattern.matches(resource, values) for pattern in self.patterns)

    def reach(self, principal: PolicyPrincipal, *, bounded: bool) -> Reach:
        """Return how directly the statement names `principal`.

        `bounded` means that a permissions boundary limits the principal.

        AWS: "The NotPrincipal element with a Deny effect will always deny any IAM principal that has a
        permissions boundary policy attached, regardless of the values specified in the NotPrincipal element."
        """
        if self.named is not None:
            return self.named.reach(principal)
        if self.not_named is None:
            return Reach.NOBODY
        if self.is_deny:
            exempt = not bounded and self.not_named.names_wholly(principal)
        else:
            exempt = self.not_named.reach(principal) is not Reach.NOBODY
        return Reach.NOBODY if exempt else Reach.DIRECT


def _action_test(text: str) -> Callable[[str], bool]:
    """Compile an action pattern to a test. Actions are not case-sensitive and have no variables."""
    return matcher(tokens(text.lower(), variables=False))


def _not_resource(texts: tuple[str, ...], *, variables: bool) -> Guard | None:
    if not texts:
        return None
    patterns = [ResourcePattern(text, variables=variables) for text in texts]
    return lambda resource, values: not any(pattern.matches(resource, values) for pattern in patterns)
