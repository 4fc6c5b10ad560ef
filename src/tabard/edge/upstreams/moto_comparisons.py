"""DynamoDB's comparisons in place of moto's.

moto raises where two values have no order in Python: a text and a number, or the size of a number. One item
with such a value would make every filtered Scan of its table fail. Here a comparison of two types is false,
and binary values compare as bytes, not as their base64.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

import base64
import operator
from collections.abc import Callable
from typing import Any, Protocol

_ORDERED = frozenset(("S", "N", "B"))
_SIZED = frozenset(("S", "SS", "NS", "B", "BS", "L", "M"))


class _Operand(Protocol):
    """An attribute, a value, or the function `size`, which alone has no `get_type`."""

    def expr(self, item: object) -> object: ...


class _Comparison(Protocol):
    lhs: _Operand
    rhs: _Operand


class _Between(Protocol):
    attr: _Operand
    start: _Operand
    end: _Operand


class _Size(Protocol):
    attr: _Operand


def compare_as_dynamodb_does() -> None:
    """Replace the comparisons of moto in this process."""
    from moto.dynamodb import comparisons

    for operation, compare in (
        (comparisons.OpLessThan, operator.lt),
        (comparisons.OpLessThanOrEqual, operator.le),
        (comparisons.OpGreaterThan, operator.gt),
        (comparisons.OpGreaterThanOrEqual, operator.ge),
    ):
        setattr(operation, "expr", _ordering(compare))  # noqa: B010 - a method of moto's
    setattr(comparisons.FuncBetween, "expr", _is_between)  # noqa: B010
    setattr(comparisons.FuncSize, "expr", _size)  # noqa: B010


def _ordering(compare: Callable[[Any, Any], bool]) -> Callable[[_Comparison, object], bool]:
    def expr(self: _Comparison, item: object) -> bool:
        (kind, left), (other_kind, right) = _typed(self.lhs, item), _typed(self.rhs, item)
        return kind == other_kind and kind in _ORDERED and compare(left, right)

    return expr


def _is_between(self: _Between, item: object) -> bool:
    (kind, value), (low_kind, low), (high_kind, high) = (
        _typed(operand, item) for operand in (self.attr, self.start, self.end)
    )
    return kind == low_kind == high_kind and kind in _ORDERED and bool(low <= value <= high)


def _size(self: _Size, item: object) -> int | None:
    """Return the size, or None for a value without one; no comparison with None is true."""
    kind, value = _typed(self.attr, item)
    return len(value) if kind in _SIZED else None


def _typed(operand: _Operand, item: object) -> tuple[str | None, Any]:
    """Return the type and the value of an operand; the type is None if it is absent or has no size."""
    value = operand.expr(item)
    get_type: Callable[[object], str | None] | None = getattr(operand, "get_type", None)
    if get_type is None:
        return (None if value is None else "N"), value
    kind = get_type(item)
    return kind, base64.b64decode(value) if kind == "B" and isinstance(value, str) else value
