"""Warnings about valid policies: elements that can never match, or that match more than they seem to.

AWS accepts all of these policies. A document with warnings is still valid.
AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tabard.policy.conditions import Operator, parse_operator
from tabard.policy.document import CURRENT_VERSION, Condition, Document, Statement, StatementEffect
from tabard.policy.operators import OPERATORS, Unevaluable
from tabard.policy.overlap import can_be
from tabard.policy.pattern import Variable, matcher, tokens
from tabard.policy.positions import Path
from tabard.policy.vocabulary import Action, Vocabulary

_FEW = 3
_TRUTHS = frozenset({"true", "false"})


@dataclass(frozen=True, slots=True)
class Advice:
    """Warning about the element at `path`. The path has an index even for a lone value or statement."""

    path: Path
    sentence: str


def advise(document: Document, vocabulary: Vocabulary) -> tuple[Advice, ...]:
    """Find the elements of a valid document that can never match, or that match more than they seem to."""
    variables = document.version == CURRENT_VERSION
    return tuple(
        Advice(("Statement", number, *advice.path), advice.sentence)
        for number, statement in enumerate(document.statements)
        for advice in _about(statement, vocabulary, variables=variables)
    )


def _about(statement: Statement, vocabulary: Vocabulary, *, variables: bool) -> Iterator[Advice]:
    for element, actions in (("Action", statement.actions), ("NotAction", statement.not_actions)):
        for number, action in enumerate(actions):
            for sentence in _about_action(action, vocabulary):
                yield Advice((element, number), sentence)
    for number, action in enumerate(statement.actions):
        for sentence in _about_reach(action, statement.resources, vocabulary, variables=variables):
            yield Advice(("Action", number), sentence)
    for element, resources in (("Resource", statement.resources), ("NotResource", statement.not_resources)):
        for number, resource in enumerate(resources):
            for sentence in _about_variables(resource, vocabulary, variables=variables):
                yield Advice((element, number), sentence)
    for condition in statement.conditions:
        path: Path = ("Condition", condition.operator, condition.key)
        for sentence in _about_key(condition.key, statement, vocabulary):
            yield Advice(path, sentence)
        operator = parse_operator(condition.operator)
        if operator is not None:  # pragma: no branch - the parser refuses an unknown operator
            if operator.is_scalar and vocabulary.is_multivalued(condition.key):
                yield Advice(path, _about_set_operators(condition, statement.effect))
            for sentence in _about_condition(condition, operator, statement.effect, variables=variables):
                yield Advice(path, sentence)
        for value in condition.values:
            for sentence in _about_variables(value, vocabulary, variables=variables):
                yield Advice(path, sentence)


def _about_action(action: str, vocabulary: Vocabulary) -> Iterator[str]:
    service, colon, name = action.partition(":")
    if not colon or "*" in service:
        return
    if service.lower() not in vocabulary.actions:
        offered = ", ".join(sorted(vocabulary.actions))
        yield f"{action}: no service here is called {service}; there are {offered}"
    elif not _actions_named(action, vocabulary):
        near = vocabulary.action_like(service.lower(), name)
        yield f"{action}: {service} has no such action{_perhaps(near)}"


def _about_reach(
    action: str, resources: Sequence[str], vocabulary: Vocabulary, *, variables: bool
) -> Iterator[str]:
    """Report an action that supports none of the resource types that the statement names."""
    named = _actions_named(action, vocabulary)
    if not named or not resources or any(set(resource) <= {"*", "?"} for resource in resources):
        return
    formats = {arn_format for each in named for arn_format in each.resources}
    if any(can_be(resource, each, variables=variables) for each in formats for resource in resources):
        return
    if formats:
        kinds = " or ".join(dict.fromkeys(each.resources[0] for each in named[:_FEW] if each.resources))
        yield f"{action} is about {kinds}: no resource of the statement can be one"
    else:
        yield f"{action} is about no resource: it is allowed on * and on nothing else"


def _about_key(key: str, statement: Statement, vocabulary: Vocabulary) -> Iterator[str]:
    service = key.partition(":")[0].lower()
    if "." in service:
        return  # an identity provider's key begins with its host name
    if service not in (*vocabulary.actions, "aws", "saml"):
        yield f"no service here has the condition key {key}"
    elif not vocabulary.knows_key(key):
        yield f"no request has the condition key {key}{_perhaps(vocabulary.key_like(key))}"
    elif statement.actions and all(action.lower().startswith(f"{service}:") for action in statement.actions):
        named = [each for action in statement.actions for each in _actions_named(action, vocabulary)]
        if named and not any(each.may_have(key) for each in named):
            yield f"no request of {', '.join(statement.actions[:_FEW])} has the condition key {key}"


def _about_condition(
    condition: Condition, operator: Operator, effect: StatementEffect, *, variables: bool
) -> Iterator[str]:
    outcome = "never holds" if effect is StatementEffect.ALLOW else "always holds"
    lowered = {value.lower() for value in condition.values}
    if not condition.values:
        yield f"{condition.operator} compares {condition.key} with no value"
    elif operator.name == "null":
        if not lowered <= _TRUTHS:
            yield f"Null takes true or false; the condition {outcome}"
    elif operator.name == "bool":
        if not lowered & _TRUTHS and "${" not in "".join(lowered):
            yield "Bool takes true or false; the condition never holds"
    elif not _can_compare(condition, operator, variables=variables):
        values = ", ".join(condition.values)
        yield f"{condition.operator} cannot compare with {values}; the condition {outcome}"
    if operator.name.startswith("string") and not operator.name.endswith("like"):
        for value in condition.values:
            if set("*?") & set(value.replace("${*}", "").replace("${?}", "")):
                yield f"{condition.operator} takes {value} literally; wildcards are for StringLike"
    if operator.qualifier == "forallvalues:" and effect is StatementEffect.ALLOW:
        yield f"ForAllValues holds where the request has no {condition.key}, too; add a Null condition"


def _about_set_operators(condition: Condition, effect: StatementEffect) -> str:
    """Warn about a multivalued key without a set operator.

    AWS (MISSING_QUALIFIER): "The request context key {key} has multiple values. Use the ForAllValues or
    ForAnyValue condition key qualifiers in your policy."

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html
    """
    key, operator = condition.key, condition.operator
    if effect is StatementEffect.ALLOW:
        return (
            f"{key} is multivalued, and {operator} never holds for a request that has it; "
            f"write ForAllValues:{operator} (for every value) or ForAnyValue:{operator} (for at least one)"
        )
    return (
        f"{key} is multivalued and needs a set operator; "
        f"write ForAnyValue:{operator} to deny where it holds for at least one value"
    )


def _can_compare(condition: Condition, operator: Operator, *, variables: bool) -> bool:
    make_test, _ = OPERATORS[operator.name]
    try:
        make_test(condition.values, variables)
    except Unevaluable:
        return False
    return True


def _about_variables(text: str, vocabulary: Vocabulary, *, variables: bool) -> Iterator[str]:
    for token in tokens(text, variables=True):
        if not isinstance(token, Variable):
            continue
        if not variables:
            yield f'{token.written} is taken literally: variables need "Version": "{CURRENT_VERSION}"'
        elif "." not in token.key and not vocabulary.knows_key(token.key):
            near = vocabulary.key_like(token.key)
            yield f"{token.written}: no request has this condition key{_perhaps(near)}"
        elif vocabulary.is_multivalued(token.key):
            yield f"{token.written} matches nothing: a multivalued key cannot be a variable"


def _actions_named(pattern: str, vocabulary: Vocabulary) -> list[Action]:
    """List the actions that one Action entry matches. The list is empty if the entry names no service."""
    service, _, name = pattern.lower().partition(":")
    fits = matcher(tokens(name, variables=False))
    return [action for key, action in vocabulary.actions.get(service, {}).items() if fits(key)]


def _perhaps(near: str | None) -> str:
    return "" if near is None else f"; {near} is meant, perhaps"
