"""Parser of a KeyConditionExpression: the condition on each key attribute.

    conditions = ["("] condition [")"] { "AND" ["("] condition [")"] }
    condition  = name ("=" | "<" | "<=" | ">" | ">=") value
               | name "BETWEEN" value "AND" value
               | "begins_with" "(" name "," value ")"

Only this form is accepted, with each attribute once, because it gives `dynamodb:LeadingKeys`. An upstream
that used the last of two conditions, or a bare word as a value, would return another caller's items.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tabard.services.dynamodb.errors import ValidationException
from tabard.services.dynamodb.expressions import Token, resolved, syntax_error, tokens_of

_MEMBER = "KeyConditionExpression"
_COMPARATORS = frozenset(("=", "<", "<=", ">", ">="))


@dataclass(frozen=True, slots=True)
class KeyCondition:
    """One condition; `value` is the placeholder of its first operand, such as `:pk`."""

    operator: str
    value: str


def key_conditions(expression: str, placeholders: Mapping[str, str]) -> Mapping[str, KeyCondition]:
    """Return the condition on each attribute.

    Raises:
        ValidationException: the expression does not have the form above, or an attribute has two conditions.
    """
    tokens = tokens_of(_MEMBER, expression)
    found: dict[str, KeyCondition] = {}
    at = depth = 0
    while True:
        while _texts(tokens, at, 1) == ("(",):
            at, depth = at + 1, depth + 1
        name, condition, at = _condition(tokens, at, expression)
        attribute = resolved(_MEMBER, name, placeholders)
        if attribute in found:
            raise ValidationException(
                reason="KeyConditionExpressions must only contain one condition per key"
            )
        found[attribute] = condition
        while depth and _texts(tokens, at, 1) == (")",):
            at, depth = at + 1, depth - 1
        if at == len(tokens) and depth == 0:
            return found
        if _texts(tokens, at, 1) != ("and",):
            raise _error(tokens, at, expression)
        at += 1


def _condition(tokens: Sequence[Token], at: int, expression: str) -> tuple[Token, KeyCondition, int]:
    """Parse the name and condition at `at`; return them and the position of the next token."""
    kinds = tuple(token.kind for token in tokens[at : at + 6])
    texts = _texts(tokens, at, 6)
    if kinds[:3] == ("name", "sign", "value") and texts[1] in _COMPARATORS:
        return tokens[at], KeyCondition(texts[1], tokens[at + 2].text), at + 3
    if kinds[:5] == ("name", "name", "value", "name", "value") and texts[1::2][:2] == ("between", "and"):
        return tokens[at], KeyCondition("between", tokens[at + 2].text), at + 5
    if kinds == ("name", "sign", "name", "sign", "value", "sign") and (
        tokens[at].text == "begins_with" and texts[1::2] == ("(", ",", ")")
    ):
        return tokens[at + 2], KeyCondition("begins_with", tokens[at + 4].text), at + 6
    raise _error(tokens, at, expression)


def _texts(tokens: Sequence[Token], at: int, count: int) -> tuple[str, ...]:
    return tuple(token.text.lower() for token in tokens[at : at + count])


def _error(tokens: Sequence[Token], at: int, expression: str) -> ValidationException:
    text = tokens[at].text if at < len(tokens) else "<EOF>"
    return syntax_error(_MEMBER, text, expression)
