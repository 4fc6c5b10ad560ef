"""The condition keys that documents use, in conditions and in policy variables.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForCustomPolicy.html
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tabard.policy.arn_pattern import resource_variables
from tabard.policy.compiled import CompiledPolicies
from tabard.policy.compiled_statement import CompiledStatement
from tabard.policy.conditions import parse_operator, takes_variables
from tabard.policy.document import CURRENT_VERSION, Document, Statement
from tabard.policy.pattern import Variable, tokens
from tabard.policy.request import AccessRequest


def context_keys(documents: Iterable[Document]) -> tuple[str, ...]:
    """List every condition key and variable that the documents use, once each, in order of first use.

    A key keeps the spelling of its first use: "Context key names are not case-sensitive". `${*}`, `${?}` and
    `${$}` name no key. A document of the older policy language has no variables.

    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForCustomPolicy.html
    """
    found: dict[str, str] = {}
    for document in documents:
        variables = document.version == CURRENT_VERSION
        for statement in document.statements:
            for key in statement_context_keys(statement, variables=variables):
                found.setdefault(key.lower(), key)
    return tuple(found.values())


class _Asked(NamedTuple):
    """A statement, the keys that it uses, and, in lower case, the keys that its resources use."""

    statement: CompiledStatement
    keys: tuple[str, ...]
    of_resources: tuple[str, ...]


class KeysAsked:
    """The keys that documents use, computed once and compared with many requests."""

    __slots__ = ("_asked",)

    def __init__(self, documents: Iterable[Document], policies: CompiledPolicies) -> None:
        """Collect each statement's keys. `policies` are the same documents, compiled in the same order."""
        statements = (
            (statement, document.version == CURRENT_VERSION)
            for document in documents
            for statement in document.statements
        )
        self._asked = tuple(
            _Asked(
                compiled,
                tuple(statement_context_keys(statement, variables=variables)),
                tuple(key.lower() for key in _resource_keys(statement)) if variables else (),
            )
            for (statement, variables), compiled in zip(statements, policies.statements, strict=True)
        )

    def missing(self, request: AccessRequest) -> tuple[str, ...]:
        """List the keys that statements about this request use, and that the request does not have.

        AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html
        """
        values, action = request.context.values, request.action.lower()
        found: dict[str, str] = {}
        for statement, keys, of_resources in self._asked:
            # A resource with a variable cannot be matched before the variable's key has a value.
            if statement.covers_action(action) and (
                any(key not in values for key in of_resources)
                or statement.covers_resource(request.resource, values)
            ):
                found.update((key.lower(), key) for key in keys if not values.get(key.lower()))
        return tuple(found.values())


def missing_context_keys(
    request: AccessRequest, documents: Iterable[Document], policies: CompiledPolicies
) -> tuple[str, ...]:
    """List the keys that statements about this request use, and that the request does not have.

    Args:
        policies: the same documents, compiled in the same order.
    """
    return KeysAsked(documents, policies).missing(request)


def statement_context_keys(statement: Statement, *, variables: bool) -> Iterator[str]:
    """List the keys of one statement as written. `variables` is true from Version 2012-10-17 on."""
    if variables:
        yield from _resource_keys(statement)
    for condition in statement.conditions:
        yield condition.key
        operator = parse_operator(condition.operator)
        if variables and operator is not None and takes_variables(operator):
            for value in condition.values:
                for token in tokens(value, variables=True):
                    if isinstance(token, Variable):
                        yield token.name


def _resource_keys(statement: Statement) -> Iterator[str]:
    for resource in statement.resources + statement.not_resources:
        yield from (variable.name for variable in resource_variables(resource))
