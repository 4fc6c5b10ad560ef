"""The condition operators: each makes, of a condition's operands, the test of one value of the request.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import operator
from collections.abc import Callable
from decimal import Decimal
from types import MappingProxyType
from typing import TypeVar

from tabard.policy.arn_pattern import arn_condition
from tabard.policy.operands import (
    parse_address,
    parse_address_range,
    parse_base64,
    parse_instant,
    parse_number,
)
from tabard.policy.pattern import contextual, has_variables, substitute, tokens
from tabard.policy.values import Values

Test = Callable[[str, Values], bool]
MakeTest = Callable[[tuple[str, ...], bool], Test]
_Operand = TypeVar("_Operand")


_BOOLEANS = frozenset({"true", "false"})


class Unevaluable(ValueError):
    """An operand that its operator cannot compare with anything."""


def _all_parsed(operands: tuple[str, ...], parse: Callable[[str], _Operand | None]) -> list[_Operand]:
    parsed = [parse(operand) for operand in operands]
    present = [operand for operand in parsed if operand is not None]
    if len(present) != len(parsed):
        raise Unevaluable
    return present


def _equals(fold: Callable[[str], str]) -> MakeTest:
    """Exact matching: `*` and `?` are themselves, variables are replaced."""

    def make(operands: tuple[str, ...], variables: bool) -> Test:
        patterns = [tokens(operand, variables=variables, wildcards=False) for operand in operands]
        fixed = frozenset(
            fold("".join(str(token) for token in pattern))
            for pattern in patterns
            if not has_variables(pattern)
        )
        varying = [pattern for pattern in patterns if has_variables(pattern)]
        if not varying and fold is _same:
            return lambda value, _values: value in fixed
        if not varying:
            return lambda value, _values: fold(value) in fixed

        def test(value: str, values: Values) -> bool:
            folded = fold(value)
            if folded in fixed:
                return True
            for pattern in varying:
                substituted = substitute(pattern, values)
                if substituted is not None and fold("".join(str(token) for token in substituted)) == folded:
                    return True
            return False

        return test

    return make


def _like(operands: tuple[str, ...], variables: bool) -> Test:
    tests = [contextual(tokens(operand, variables=variables)) for operand in operands]
    return _any_of(tests)


def _arn_like(operands: tuple[str, ...], variables: bool) -> Test:
    return _any_of(_all_parsed(operands, lambda operand: arn_condition(operand, variables=variables)))


def _any_of(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    return lambda value, values: any(test(value, values) for test in tests)


def _bool(operands: tuple[str, ...], variables: bool) -> Test:
    """AWS: "comparing a key to "true" or "false"". A value that is neither matches nothing."""
    equals = _equals(str.lower)(operands, variables)
    return lambda value, values: value.lower() in _BOOLEANS and equals(value, values)


def _binary(operands: tuple[str, ...], _variables: bool) -> Test:
    """AWS: "byte for byte against a base-64 encoded representation of the binary value in the policy".

    A binary value of the request is written the same way, as in AWS's own table.
    """
    wanted = frozenset(_all_parsed(operands, parse_base64))
    return lambda value, _values: parse_base64(value) in wanted


def _address(operands: tuple[str, ...], _variables: bool) -> Test:
    ranges = _all_parsed(operands, parse_address_range)

    def test(value: str, _values: Values) -> bool:
        address = parse_address(value)
        if address is None:
            return False
        version, number = address
        return any(version == of and number & mask == network for of, network, mask in ranges)

    return test


def _compared(
    parse: Callable[[str], Decimal | int | None], compare: Callable[[Decimal | int, Decimal | int], bool]
) -> MakeTest:
    def make(operands: tuple[str, ...], _variables: bool) -> Test:
        wanted: list[Decimal | int] = _all_parsed(operands, parse)

        def test(value: str, _values: Values) -> bool:
            parsed = parse(value)
            return parsed is not None and any(compare(parsed, operand) for operand in wanted)

        return test

    return make


def _same(text: str) -> str:
    return text


def _ordered(prefix: str, parse: Callable[[str], Decimal | int | None]) -> dict[str, tuple[MakeTest, bool]]:
    return {
        f"{prefix}Equals": (_compared(parse, operator.eq), False),
        f"{prefix}NotEquals": (_compared(parse, operator.eq), True),
        f"{prefix}LessThan": (_compared(parse, operator.lt), False),
        f"{prefix}LessThanEquals": (_compared(parse, operator.le), False),
        f"{prefix}GreaterThan": (_compared(parse, operator.gt), False),
        f"{prefix}GreaterThanEquals": (_compared(parse, operator.ge), False),
    }


# By AWS's name: the function that makes the test, and whether the operator is negated.
_BY_SPELLING: dict[str, tuple[MakeTest, bool]] = {
    "StringEquals": (_equals(_same), False),
    "StringNotEquals": (_equals(_same), True),
    "StringEqualsIgnoreCase": (_equals(str.lower), False),
    "StringNotEqualsIgnoreCase": (_equals(str.lower), True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    **_ordered("Numeric", parse_number),
    **_ordered("Date", parse_instant),
    "Bool": (_bool, False),
    "BinaryEquals": (_binary, False),
    "IpAddress": (_address, False),
    "NotIpAddress": (_address, True),
    "ArnEquals": (_arn_like, False),
    "ArnLike": (_arn_like, False),
    "ArnNotEquals": (_arn_like, True),
    "ArnNotLike": (_arn_like, True),
}

# Null asks whether a key is there and tests no value: conditions.py knows it.
OPERATOR_SPELLINGS = frozenset((*_BY_SPELLING, "Null"))

# By the name in lower case, because documents may use any case.
OPERATORS = MappingProxyType({spelling.lower(): made for spelling, made in _BY_SPELLING.items()})
