"""Conditions, compiled to functions of the request's values.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
and …/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tabard.policy.document import Condition, StatementEffect
from tabard.policy.operators import OPERATORS, Test, Unevaluable
from tabard.policy.values import Multivalued, Values, is_multivalued

Holds = Callable[[Values], bool]
Qualifier = Literal["", "forallvalues:", "foranyvalue:"]

_QUALIFIERS: tuple[Qualifier, ...] = ("forallvalues:", "foranyvalue:")
_IF_EXISTS = "ifexists"
_NULL = "null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Parsed condition operator, such as `ForAnyValue:StringLikeIfExists`. `name` is in lower case."""

    qualifier: Qualifier
    name: str
    if_exists: bool

    @property
    def is_scalar(self) -> bool:
        """Report whether it compares the one value of a single-valued key. `Null` compares no value."""
        return not self.qualifier and self.name != _NULL


def parse_operator(text: str) -> Operator | None:
    """Parse a condition operator. Return None if AWS documents no such operator.

    AWS: "You can add IfExists to the end of any condition operator name except the Null condition"
    """
    name = text.lower()
    qualifier: Qualifier = next((prefix for prefix in _QUALIFIERS if name.startswith(prefix)), "")
    name = name[len(qualifier) :]
    if name == _NULL:
        return Operator(qualifier=qualifier, name=name, if_exists=False)
    if_exists = name.endswith(_IF_EXISTS)
    name = name.removesuffix(_IF_EXISTS)
    if name not in OPERATORS:
        return None
    return Operator(qualifier=qualifier, name=name, if_exists=if_exists)


def takes_variables(operator: Operator) -> bool:
    """Report whether an operator's operands may contain policy variables (`${…}`).

    AWS says "Policy variables – Supported" for the string, Boolean and ARN operators only:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    return operator.name.startswith(("string", "arn", "bool"))


def compile_condition(condition: Condition, effect: StatementEffect, *, variables: bool) -> Holds:
    """Compile a condition to a function that reports whether the condition holds.

    Some conditions cannot be evaluated: the operator is unknown, or an operand is not a number or a range.
    Such a condition never holds in an Allow statement and always holds in a Deny statement.
    """
    operator = parse_operator(condition.operator)
    if operator is None:
        return _unevaluable(effect)
    key = condition.key.lower()
    if operator.name == _NULL:
        return _null(key, condition.values) or _unevaluable(effect)
    make_test, negated = OPERATORS[operator.name]
    try:
        test = make_test(condition.values, variables)
    except Unevaluable:
        return _unevaluable(effect)
    if operator.qualifier == "forallvalues:":
        return _for_all_values(key, test, negated=negated)
    if operator.qualifier == "foranyvalue:":
        return _for_any_value(key, test, negated=negated, if_missing=operator.if_exists)
    denies = effect is StatementEffect.DENY
    if negated:
        return _does_not_match(key, test, denies=denies)
    return _matches(key, test, denies=denies, if_missing=operator.if_exists)


def missing_set_operator(condition: Condition, found: tuple[str, ...] | None) -> str:
    """Explain a scalar operator on a multivalued key. Return "" if the condition has no such fault.

    Args:
        found: the request's values of the condition's key, or None if the request has no such key.
    """
    operator = parse_operator(condition.operator)
    if operator is None or not operator.is_scalar or not found or not is_multivalued(found):
        return ""
    return (
        f"{condition.key} is multivalued: "
        f"{condition.operator} needs ForAnyValue:{condition.operator} or ForAllValues:{condition.operator}"
    )


def _unevaluable(effect: StatementEffect) -> Holds:
    stands = effect is StatementEffect.DENY
    return lambda _values: stands


def _null(key: str, wanted: tuple[str, ...]) -> Holds | None:
    """Compile a `Null` condition.

    AWS: "use either true (the key doesn't exist — it is null) or false (the key exists and its value is
    not null)"
    """
    lowered = {value.lower() for value in wanted}
    if not lowered or not lowered <= {"true", "false"}:
        return None
    return lambda values: ("false" if values.get(key) else "true") in lowered


# AWS: "Multivalued context keys require a condition set operator." AWS does not document the result of a
# scalar operator on such a key, so both effects fail closed (decision 0024). An Allow condition never holds.
# A Deny condition holds if any reading of it would hold. The functions below test for `Multivalued` inline,
# because a function call would double the cost of a condition.


def _matches(key: str, test: Test, *, denies: bool, if_missing: bool) -> Holds:
    """Compile a positive operator.

    AWS: "If the key that you specify in a policy condition is not present in the request context, the
    values do not match and the condition is false."
    """

    def holds(values: Values) -> bool:
        found = values.get(key)
        if not found:
            return if_missing
        if found.__class__ is Multivalued or len(found) > 1:
            return denies and any(test(value, values) for value in found)
        return test(found[0], values)

    return holds


def _does_not_match(key: str, test: Test, *, denies: bool) -> Holds:
    """Compile a negated operator. The value must match none of the operands.

    AWS: "If the policy condition requires that the key is not matched, such as StringNotLike or ArnNotLike,
    and the right key is not present, the condition is true."
    """

    def holds(values: Values) -> bool:
        found = values.get(key)
        if not found:
            return True
        if found.__class__ is Multivalued or len(found) > 1:
            return denies
        return not test(found[0], values)

    return holds


def _for_all_values(key: str, test: Test, *, negated: bool) -> Holds:
    """Compile a `ForAllValues` condition.

    AWS: "it returns true if there are no keys in the request, or if the key values resolve to a null data
    set, such as an empty string."
    """

    def holds(values: Values) -> bool:
        found = values.get(key)
        if not found or found == ("",):
            return True
        return all(test(value, values) is not negated for value in found)

    return holds


def _for_any_value(key: str, test: Test, *, negated: bool, if_missing: bool) -> Holds:
    """Compile a `ForAnyValue` condition.

    AWS: "A condition operator modified by ForAnyValue returns false" for an empty data set.
    """

    def holds(values: Values) -> bool:
        found = values.get(key)
        if not found:
            return if_missing
        return any(test(value, values) is not negated for value in found)

    return holds
