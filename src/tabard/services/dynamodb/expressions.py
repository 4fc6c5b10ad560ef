"""The attributes that DynamoDB expressions name: the values of `dynamodb:Attributes`.

Only names are read; nothing is evaluated. What is not an expression by DynamoDB's own grammar is refused
here, so that no upstream reads a name where this room saw none.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from tabard.services.dynamodb.errors import ValidationException
from tabard.wire.request import Value

Kind = Literal["name", "value", "index", "sign"]

_TOKEN = re.compile(
    r"[ \t\r\n]*(?:"
    r"(?P<name>(?:#[A-Za-z0-9_]+|[A-Za-z_][A-Za-z0-9_]*)(?![A-Za-z0-9_#:]))"
    r"|(?P<value>:[A-Za-z0-9_]+(?![#:]))"
    r"|(?P<index>\[ *[0-9]+ *\])"
    r"|(?P<sign><>|<=|>=|[=<>(),.+-])"
    r")[ \t\r\n]*"
)
_PLACEHOLDER = re.compile(r"#[A-Za-z0-9_]+")
_NEAR_CHARACTERS = 20
_MOST_BYTES = 4096

_CONDITION_WORDS = frozenset(("and", "or", "not", "between", "in"))
_KEYWORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "KeyConditionExpression": frozenset(("and", "between")),
        "FilterExpression": _CONDITION_WORDS,
        "ConditionExpression": _CONDITION_WORDS,
        "ProjectionExpression": frozenset(),
        "UpdateExpression": frozenset(("set", "remove", "add", "delete")),
    }
)
EXPRESSIONS = tuple(_KEYWORDS)
"""The members that hold expressions."""

_FUNCTIONS = frozenset(
    (
        "attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains",
        "if_not_exists", "list_append", "size",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an expression: a name or its `#placeholder`, a `:value`, an `[index]`, or a sign."""

    kind: Kind
    text: str


def tokens_of(member: str, expression: str) -> Sequence[Token]:
    """Return the words of an expression.

    Raises:
        ValidationException: it has a character that no expression of this member can have; it is longer than
            AWS's "maximum length of any expression string", 4 KB.
    """
    if len(expression.encode(errors="replace")) > _MOST_BYTES:
        raise ValidationException(
            reason=f"Invalid {member}: Expression size has exceeded the maximum allowed size;"
        )
    found: list[Token] = []
    at = 0
    while at < len(expression):
        matched = _TOKEN.match(expression, at)
        if matched is None or (matched["sign"] in ("+", "-") and member != "UpdateExpression"):
            raise syntax_error(member, expression[at:].lstrip()[:1], expression[at:])
        kind: Kind = matched.lastgroup  # type: ignore[assignment]  # the groups are the kinds
        found.append(Token(kind, matched[kind]))
        at = matched.end()
    if not found:
        raise ValidationException(reason=f"Invalid {member}: The expression can not be empty;")
    return found


def placeholders_of(arguments: Mapping[str, Value]) -> Mapping[str, str]:
    """ExpressionAttributeNames.

    Raises:
        ValidationException: a key that is no placeholder. An upstream might take it for the name itself.
    """
    names = arguments.get("ExpressionAttributeNames")
    placeholders = {key: str(value) for key, value in names.items()} if isinstance(names, dict) else {}
    for key in placeholders:
        if not _PLACEHOLDER.fullmatch(key):
            raise ValidationException(
                reason=f'ExpressionAttributeNames contains invalid key: Syntax error; key: "{key}"'
            )
    return placeholders


def attributes_named(member: str, expression: str, placeholders: Mapping[str, str]) -> Iterator[str]:
    """Yield the top-level attributes that an expression names, each as often as it does.

    Raises:
        ValidationException: it is no expression, or a placeholder stands for nothing.
    """
    tokens = tokens_of(member, expression)
    keywords = _KEYWORDS[member]
    in_path = False  # whether the token before belongs to a document path
    after_dot = False
    for token, following in zip(tokens, (*tokens[1:], None), strict=True):
        if token.kind == "name":
            is_call = token.text in _FUNCTIONS and following == Token("sign", "(")
            is_keyword = token.text.lower() in keywords
            if not after_dot and not is_call and not is_keyword:
                yield resolved(member, token, placeholders)
            in_path, after_dot = after_dot or not (is_call or is_keyword), False
            continue
        if after_dot or (not in_path and (token.kind == "index" or token.text == ".")):
            raise syntax_error(member, token.text, expression)
        after_dot = token.text == "."
        in_path = token.kind == "index"
    if after_dot:
        raise syntax_error(member, ".", expression)


def resolved(member: str, token: Token, placeholders: Mapping[str, str]) -> str:
    """Return the attribute that a name stands for. Raises ValidationException: an undefined placeholder."""
    if not token.text.startswith("#"):
        return token.text
    name = placeholders.get(token.text)
    if name is None:
        raise ValidationException(
            reason=f"Invalid {member}: An expression attribute name used in the document path is not "
            f"defined; attribute name: {token.text}"
        )
    return name


def syntax_error(member: str, text: str, near: str) -> ValidationException:
    """DynamoDB's sentence for what is no expression."""
    return ValidationException(
        reason=f'Invalid {member}: Syntax error; token: "{text}", near: "{near.strip()[:_NEAR_CHARACTERS]}"'
    )
