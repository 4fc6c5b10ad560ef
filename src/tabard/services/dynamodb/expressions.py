"""Which attributes a DynamoDB expression names: what `dynamodb:Attributes` holds.

Only names are read; nothing is evaluated. AWS: the "Expressions" chapter of the DynamoDB developer guide,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
"""

import re
from collections.abc import Iterator, Mapping

_TOKEN = re.compile(
    r"(?P<placeholder>#[A-Za-z0-9_]+)"
    r"|(?P<value>:[A-Za-z0-9_]+)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_-]*)(?P<call>\s*\()?"
    r"|(?P<dot>\.)"
    r"|(?P<equals>=)"
    r"|(?P<other>[^\s])"
)
_KEYWORDS = frozenset(("and", "or", "not", "between", "in", "set", "remove", "add", "delete"))


def attributes_named(expression: str, placeholders: Mapping[str, str]) -> Iterator[str]:
    """The top-level attributes of a condition, filter, projection, key condition or update expression.

    Args:
        placeholders: ExpressionAttributeNames; a placeholder that it lacks is given as it stands.
    """
    after_dot = False
    for token in _TOKEN.finditer(expression):
        kind = token.lastgroup
        if kind == "dot":
            after_dot = True
            continue
        if not after_dot:
            if token["placeholder"]:
                yield placeholders.get(token["placeholder"], token["placeholder"])
            elif token["word"] and not token["call"] and token["word"].lower() not in _KEYWORDS:
                yield token["word"]
        after_dot = False


def equality_of(attribute: str, expression: str, placeholders: Mapping[str, str]) -> str | None:
    """The value placeholder that a key condition says `attribute` equals, such as `:pk`; None without one."""
    tokens = list(_TOKEN.finditer(expression))
    for left, middle, right in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if not middle["equals"]:
            continue
        if _name(left, placeholders) == attribute and right["value"]:
            return right["value"]
        if _name(right, placeholders) == attribute and left["value"]:
            return left["value"]
    return None


def _name(token: re.Match[str], placeholders: Mapping[str, str]) -> str | None:
    if token["placeholder"]:
        return placeholders.get(token["placeholder"])
    return token["word"]
