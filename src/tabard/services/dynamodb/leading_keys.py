"""The partition keys that a request touches: what `dynamodb:LeadingKeys` holds.

Policies compare it by `ForAllValues`, which is true if there is nothing to compare. So there is always
something: where the partition key cannot be read, or the table does not exist, a value that no item has.

A request whose partition key cannot be read is refused, but once it is allowed alone: only then may its
caller learn what the key is.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

import binascii
from collections.abc import Iterable, Mapping

from tabard.services.dynamodb.errors import ValidationException
from tabard.services.dynamodb.expressions import placeholders_of
from tabard.services.dynamodb.key_condition import key_conditions
from tabard.services.dynamodb.numbers import checked_number
from tabard.wire.request import Value

Input = Mapping[str, Value]

UNKNOWN_KEY = ("?" * 2049,)
"""No item has it. AWS: "The maximum length of a partition key value is 2048 bytes." An empty text would not
do: `ForAllValues` is true where "the key values resolve to a null data set, such as an empty string"."""

UNREADABLE_KEY = ("!" * 2049,)
"""No item has it either: the table is there, but the request does not plainly name whose item it wants."""


def leading_keys(items: Iterable[Value], partition_key: str | None) -> tuple[str, ...]:
    """Return the partition key of each item or key; UNREADABLE_KEY if one has no plain partition key."""
    if partition_key is None:
        return UNKNOWN_KEY
    found: list[str] = []
    for item in items:
        found += _readable(partition_key, item.get(partition_key) if isinstance(item, dict) else None)
    return tuple(found) or UNKNOWN_KEY


def queried_keys(arguments: Input, partition_key: str | None) -> tuple[str, ...]:
    """Return the partition key that a Query demands, in an expression or in the legacy form.

    UNREADABLE_KEY where it demands none, or something else than one value.

    Raises:
        ValidationException: it is no Query, whatever the table's key is.
    """
    expression, legacy = arguments.get("KeyConditionExpression"), arguments.get("KeyConditions")
    if expression is not None and legacy is not None:
        raise ValidationException(
            reason="Can not use both expression and non-expression parameters in the same request: "
            "Non-expression parameters: {KeyConditions} Expression parameters: {KeyConditionExpression}"
        )
    if isinstance(expression, str):
        return _by_expression(arguments, expression, partition_key)
    if isinstance(legacy, dict):
        return _by_legacy_conditions(legacy, partition_key)
    raise ValidationException(
        reason="Either the KeyConditions or KeyConditionExpression parameter must be specified in the "
        "request."
    )


def key_text(name: str, attribute: Value | None) -> str:
    """Return the text of a key's value: S as it is, N in one spelling, B in base64.

    Raises:
        ValidationException: it is missing, empty, of two types, or of a type that is no key's.
    """
    if not isinstance(attribute, dict):
        raise ValidationException(
            reason=f"One or more parameter values were invalid: Missing the key {name} in the item"
        )
    if len(attribute) != 1:
        raise ValidationException(
            reason="Supplied AttributeValue has more than one datatypes set, "
            "must contain exactly one of the supported datatypes"
        )
    ((kind, value),) = attribute.items()
    if kind == "N" and isinstance(value, str):
        return checked_number(value)
    if kind not in ("S", "B") or not isinstance(value, (str, bytes)):
        raise ValidationException(
            reason=f"One or more parameter values were invalid: Type mismatch for key {name} actual: {kind}"
        )
    if not value:
        raise ValidationException(
            reason="One or more parameter values are not valid. The AttributeValue for a key attribute "
            f"cannot contain an empty {'string' if kind == 'S' else 'binary'} value. Key: {name}"
        )
    return value if isinstance(value, str) else binascii.b2a_base64(value, newline=False).decode()


def _by_expression(arguments: Input, expression: str, partition_key: str | None) -> tuple[str, ...]:
    conditions = key_conditions(expression, placeholders_of(arguments))
    if partition_key is None:
        return UNKNOWN_KEY
    condition = conditions.get(partition_key)
    if condition is None or condition.operator != "=":
        return UNREADABLE_KEY
    values = arguments.get("ExpressionAttributeValues")
    return _readable(partition_key, values.get(condition.value) if isinstance(values, dict) else None)


def _by_legacy_conditions(conditions: Input, partition_key: str | None) -> tuple[str, ...]:
    if partition_key is None:
        return UNKNOWN_KEY
    condition = conditions.get(partition_key)
    if not isinstance(condition, dict) or condition.get("ComparisonOperator") != "EQ":
        return UNREADABLE_KEY
    operands = condition.get("AttributeValueList")
    if not isinstance(operands, list) or len(operands) != 1:
        return UNREADABLE_KEY
    return _readable(partition_key, operands[0])


def _readable(name: str, attribute: Value | None) -> tuple[str, ...]:
    try:
        return (key_text(name, attribute),)
    except ValidationException:
        return UNREADABLE_KEY
