"""DynamoDB's numbers: their validation, and one canonical spelling for each.

AWS: "Numbers can have up to 38 digits of precision and can be positive, negative, or zero. Positive range:
1E-130 to 9.9999999999999999999999999999999999999E+125 […] Leading and trailing zeroes are trimmed."
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

import decimal
import re
from decimal import Decimal

from tabard.services.dynamodb.errors import ValidationException

# INVARIANT: a text matches in only one way, and so in linear time: a caller may send 400 KB of digits.
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_MOST_SHOWN = 1024
_DIGITS = 38
_LARGEST_EXPONENT = 125
_SMALLEST_EXPONENT = -130


def checked_number(text: str) -> str:
    """Return the canonical spelling of a number: `7` for `7.0`, `07` and `0.7E1`.

    Raises:
        ValidationException: not a number; more than 38 digits; beyond the range.
    """
    if not _NUMBER.fullmatch(text):
        shown = f": {text[:_MOST_SHOWN]}" if text else ""
        raise ValidationException(reason=f"The parameter cannot be converted to a numeric value{shown}")
    number = Decimal(text).normalize(decimal.Context(prec=max(len(text), 1)))
    if not number:
        return "0"
    if len(number.as_tuple().digits) > _DIGITS:
        raise ValidationException(reason="Attempting to store more than 38 significant digits in a Number")
    if number.adjusted() > _LARGEST_EXPONENT:
        raise ValidationException(
            reason="Number overflow. Attempting to store a number with magnitude larger than supported range"
        )
    if number.adjusted() < _SMALLEST_EXPONENT:
        raise ValidationException(
            reason="Number underflow. Attempting to store a number with magnitude smaller than supported "
            "range"
        )
    return format(number, "f")


def number_size_bytes(spelling: str) -> int:
    """Return the size of a number in an item.

    AWS: "approximately (length of attribute name) + (1 byte per two significant digits) + (1 byte)".
    """
    digits = len(spelling.replace(".", "").strip("-0"))
    return (digits + 1) // 2 + 1
