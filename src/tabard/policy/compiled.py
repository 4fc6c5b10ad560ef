"""Policy documents compiled once and reused for many decisions.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_statement.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tabard.policy.compiled_statement import CompiledStatement
from tabard.policy.decision import MatchedStatement
from tabard.policy.document import CURRENT_VERSION, Document
from tabard.policy.index import ResourceIndex

# INVARIANT: a memo holds at most this many entries. A full memo is cleared, so no caller can make it grow.
MEMO_LIMIT = 2048


class PolicySource(NamedTuple):
    """Identifies the text of a policy: its name, its version if it has any, and the digest of the text."""

    name: str
    version_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class NamedDocument:
    """Document with the name that explanations use: a policy's ARN, or an inline policy's name."""

    name: str
    document: Document


class ActionIndex:
    """The statements about one action, by effect. None means that no statement has that effect."""

    __slots__ = ("allow", "deny")

    def __init__(self, statements: Sequence[CompiledStatement]) -> None:
        allowing = [statement for statement in statements if not statement.is_deny]
        denying = [statement for statement in statements if statement.is_deny]
        self.allow = ResourceIndex(allowing) if allowing else None
        self.deny = ResourceIndex(denying) if denying else None


class CompiledPolicies:
    """The documents of one layer, compiled together. Immutable except for its memos; safe to share.

    `sources` identify the texts of the documents. It is empty if the texts are not known.
    """

    __slots__ = ("_by_action", "_by_statements", "sources", "statements")

    def __init__(
        self, statements: tuple[CompiledStatement, ...], sources: tuple[PolicySource, ...] = ()
    ) -> None:
        self.statements = statements
        self.sources = sources
        self._by_action: dict[str, ActionIndex] = {}
        self._by_statements: dict[tuple[int, ...], ActionIndex] = {}

    def for_action(self, action: str) -> ActionIndex:
        """Index the statements about `action` by resource. Equal sets of statements share one index."""
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


def compile_policies(
    documents: Sequence[NamedDocument], sources: tuple[PolicySource, ...] = ()
) -> CompiledPolicies:
    """Compile the documents of one layer. The cost is linear in the number of statements."""
    return CompiledPolicies(
        tuple(
            CompiledStatement(
                statement,
                MatchedStatement(named.name, statement.sid, place),
                variables=named.document.version == CURRENT_VERSION,
            )
            for named in documents
            for place, statement in enumerate(named.document.statements)
        ),
        sources,
    )
