"""The rules for attribute names and values, checked before they are written.

An engine that stores a value that it cannot read back fails every later Scan of the table.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html ("Naming rules", "Data
types", "Items", "Attributes") and HowItWorks.NamingRulesDataTypes.html. The sentences are DynamoDB's own.
"""

import binascii
from collections.abc import Mapping, Sequence

from tabard.services.dynamodb.errors import ValidationException
from tabard.services.dynamodb.numbers import checked_number, number_size_bytes
from tabard.wire.request import Value

MOST_NAME_BYTES = 65_535
"""AWS: "Attribute names must be at least one character long and less than 64 KB in size." """

MOST_ITEM_BYTES = 409_600
"""AWS: "The maximum item size in DynamoDB is 400 KB, which includes both attribute name binary length (UTF-8
length) and attribute value lengths"."""

DEEPEST_LEVEL = 32
"""AWS: "DynamoDB supports nested attributes up to 32 levels deep." The attribute itself is the first."""

_SETS: Mapping[str, str] = {
    "SS": "An string set  may not be empty",
    "NS": "An number set  may not be empty",
    "BS": "Binary sets should not be empty",
}
_INVALID = "One or more parameter values were invalid: "


def check_item(item: Mapping[str, Value]) -> None:
    """Raise ValidationException if an item, or the key of one, breaks a rule."""
    size = 0
    for name, value in item.items():
        size += check_name(name) + check_value(value)
    if size > MOST_ITEM_BYTES:
        raise ValidationException(reason="Item size has exceeded the maximum allowed size")


def check_key(key: Mapping[str, Value]) -> None:
    """Check that no attribute of an item's key is empty.

    Raises:
        ValidationException.
    AWS: "The length of a partition key value" and of a sort key value is at least one byte.
    """
    check_item(key)
    for name, value in key.items():
        for kind in ("S", "B"):
            if isinstance(value, dict) and kind in value and not value[kind]:
                raise ValidationException(
                    reason="One or more parameter values are not valid. The AttributeValue for a key "
                    f"attribute cannot contain an empty {'string' if kind == 'S' else 'binary'} value. "
                    f"Key: {name}"
                )


def check_value(value: Value, level: int = 1) -> int:
    """Check one value and return its size in bytes.

    Args: level: the depth of the value; an attribute's own value has level 1.
    Raises:
        ValidationException: no type or several; an invalid number; an empty set or a duplicate member; a
            null that is not true; an empty name inside; nested too deeply.
    """
    if not isinstance(value, dict) or not value:
        raise ValidationException(
            reason="Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
        )
    if len(value) > 1:
        raise ValidationException(
            reason="Supplied AttributeValue has more than one datatypes set, "
            "must contain exactly one of the supported datatypes"
        )
    if level > DEEPEST_LEVEL:
        raise ValidationException(
            reason="Nesting Levels have exceeded supported limits: Attributes in the item have nested "
            "levels beyond supported limit"
        )
    ((kind, content),) = value.items()
    if kind == "M" and isinstance(content, dict):
        return 3 + sum(
            1 + check_name(name) + check_value(inner, level + 1) for name, inner in content.items()
        )
    if kind == "L" and isinstance(content, list):
        return 3 + sum(1 + check_value(inner, level + 1) for inner in content)
    if kind in _SETS and isinstance(content, list):
        return _check_set(kind, content)
    if kind == "NULL" and content is not True:
        raise ValidationException(reason=f"{_INVALID}Null attribute value types must have the value of true")
    return _scalar_size(kind, content)


def _scalar_size(kind: str, content: Value) -> int:
    if kind == "N":
        return number_size_bytes(checked_number(str(content)))
    if isinstance(content, bytes):
        return len(content)
    return _length_bytes(content) if isinstance(content, str) else 1


def _check_set(kind: str, members: Sequence[Value]) -> int:
    if not members:
        raise ValidationException(reason=f"{_INVALID}{_SETS[kind]}")
    distinct = {checked_number(str(member)) if kind == "NS" else member for member in members}
    if len(distinct) != len(members):
        listed = "" if kind == "NS" else f" [{', '.join(map(_shown, members))}]"
        raise ValidationException(reason=f"{_INVALID}Input collection{listed} contains duplicates.")
    return sum(_scalar_size(kind[0], member) for member in members)


def _shown(member: Value) -> str:
    return binascii.b2a_base64(member, newline=False).decode() if isinstance(member, bytes) else str(member)


def check_name(name: str) -> int:
    """Check an attribute's name and return its length in bytes."""
    if not name:
        raise ValidationException(reason="Empty attribute name")
    size = _length_bytes(name)
    if size > MOST_NAME_BYTES:
        raise ValidationException(reason="Attribute name is too large, must be less than 65536 bytes")
    return size


def _length_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
