"""Documents, compiled once for many decisions.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_statement.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tabard.policy.arn_pattern import Guard, ResourcePattern
from tabard.policy.conditions import compile_condition
from tabard.policy.decision import Decision, Effect, Layer, MatchedStatement
from tabard.policy.document import CURRENT_VERSION, Document, Statement, StatementEffect
from tabard.policy.index import ResourceIndex
from tabard.policy.pattern import Values, matcher, tokens
from tabard.policy.principals import PrincipalMatch, Reach
from tabard.policy.request import PolicyPrincipal

# INVARIANT: a memo holds no more than this; a full one is emptied, so that nobody can make it grow.
MEMO_LIMIT = 2048


@dataclass(frozen=True, slots=True)
class NamedDocument:
    """A document and the name it goes by in explanations: a policy's ARN, or an inline policy's name."""

    name: str
    document: Document


class CompiledStatement:
    """One statement as tests: action, resource, principal, conditions."""

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
        # What this statement comes to where it allows by itself, made once: most decisions are one of these.
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
        """Whether the Action or NotAction element takes in `action`, which is in lower case."""
        if self.not_actions:
            return not any(test(action) for test in self.not_actions)
        return any(test(action) for test in self.actions)

    def covers_resource(self, resource: str, values: Values) -> bool:
        """Whether the Resource or NotResource element takes in `resource`; no element takes in everything."""
        if self.resource_guard is not None:
            return self.resource_guard(resource, values)
        return not self.patterns or any(pattern.matches(resource, values) for pattern in self.patterns)

    def reach(self, principal: PolicyPrincipal, *, bounded: bool) -> Reach:
        """How directly the statement is about `principal`; `bounded` where a permissions boundary limits it.

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
    """Actions match without regard to case, and know no variables."""
    return matcher(tokens(text.lower(), variables=False))


def _not_resource(texts: tuple[str, ...], *, variables: bool) -> Guard | None:
    if not texts:
        return None
    patterns = [ResourcePattern(text, variables=variables) for text in texts]
    return lambda resource, values: not any(pattern.matches(resource, values) for pattern in patterns)


class ActionIndex:
    """What a set of policies says about one action; None where it says nothing of that effect."""

    __slots__ = ("allow", "deny")

    def __init__(self, statements: Sequence[CompiledStatement]) -> None:
        allowing = [statement for statement in statements if not statement.is_deny]
        denying = [statement for statement in statements if statement.is_deny]
        self.allow = ResourceIndex(allowing) if allowing else None
        self.deny = ResourceIndex(denying) if denying else None


class CompiledPolicies:
    """Several documents of one layer as one: immutable but for its memos, safe to share."""

    __slots__ = ("_by_action", "_by_statements", "statements")

    def __init__(self, statements: tuple[CompiledStatement, ...]) -> None:
        self.statements = statements
        self._by_action: dict[str, ActionIndex] = {}
        self._by_statements: dict[tuple[int, ...], ActionIndex] = {}

    def for_action(self, action: str) -> ActionIndex:
        """The statements about `action`, indexed by resource; actions with the same statements share one."""
        found = self._by_action.get(action)
        return found if found is not None else self._index(action)

    def _index(self, action: str) -> ActionIndex:
        lowered = action.lower()
        places = tuple(
            place for place, statement in enumerate(self.statements) if statement.covers_action(lowered)
        )
        if len(self._by_action) >= MEMO_LIMIT:
            self._by_action.clear()
            self._by_statements.clear()
        index = self._by_statements.get(places)
        if index is None:
            index = ActionIndex([self.statements[place] for place in places])
            self._by_statements[places] = index
        self._by_action[action] = index
        return index


def compile_policies(documents: Sequence[NamedDocument]) -> CompiledPolicies:
    """Compile the documents of one layer; the cost grows linearly with their statements."""
    return CompiledPolicies(
        tuple(
            CompiledStatement(
                statement,
                MatchedStatement(named.name, statement.sid, place),
                variables=named.document.version == CURRENT_VERSION,
            )
            for named in documents
            for place, statement in enumerate(named.document.statements)
        )
    )
