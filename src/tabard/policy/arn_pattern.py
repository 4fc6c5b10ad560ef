"""ARN patterns: each of an ARN's six parts is matched on its own, so no wildcard leaks across a colon.

The sixth part, the resource itself, is all that follows the fifth colon; its own colons are plain characters.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from collections.abc import Callable, Sequence

from tabard.policy.pattern import Token, Values, Variable, Wildcard, contextual, matcher, tokens

_PARTS = 6
_ANY = (Wildcard.MANY,)


def arn_parts(pattern: Sequence[Token]) -> list[list[Token]]:
    """A pattern's parts, six at most, cut at the colons of its literal text."""
    parts: list[list[Token]] = [[]]
    for token in pattern:
        if not isinstance(token, str):
            parts[-1].append(token)
            continue
        pieces = token.split(":", _PARTS - len(parts))
        if pieces[0]:
            parts[-1].append(pieces[0])
        parts.extend([piece] if piece else [] for piece in pieces[1:])
    return parts


def arn_condition(text: str, *, variables: bool) -> Callable[[str, Values], bool] | None:
    """The test of an ArnLike operand; None where it is no ARN.

    AWS: "Each of the six colon-delimited components of the ARN is checked separately and each can include
    multi-character match wildcards (*) or single-character match wildcards (?)."
    """
    pattern = tokens(text, variables=variables)
    if pattern == _ANY:
        return lambda value, values: True
    if len(pattern) == 1 and isinstance(pattern[0], Variable):
        return contextual(pattern)
    parts = arn_parts(pattern)
    if len(parts) != _PARTS:
        return None
    tests = [contextual(part) for part in parts]

    def matches(value: str, values: Values) -> bool:
        pieces = value.split(":", _PARTS - 1)
        if len(pieces) != _PARTS:
            return False
        return all(test(piece, values) for test, piece in zip(tests, pieces, strict=True))

    return matches


class ResourcePattern:
    """One entry of a `Resource` or `NotResource` element, and how an index may find it.

    Where the first five parts are literal, `literal_front` is True and the pattern is found by the whole ARN;
    otherwise it is found by the sixth part. `exact` is the literal text to look up, None where there are
    wildcards or variables; then `head` is the literal text it begins with. `guard` is what is left to test
    once the look-up has matched, None where nothing is.

    AWS: "You can use a policy variable in the Resource element, but only in the resource portion of the ARN."
    """

    __slots__ = ("exact", "guard", "head", "literal_front", "matches", "written")

    def __init__(self, text: str, *, variables: bool) -> None:
        self.written = text
        self.exact: str | None = None
        self.head = ""
        self.literal_front = True
        self.guard: Callable[[str, Values], bool] | None = None
        pattern = tokens(text, variables=variables)
        if not text.startswith("arn:"):
            self._find_by(pattern)
            self.matches: Callable[[str, Values], bool] = contextual(pattern)
            self.guard = None if pattern == _ANY else self.matches
            return
        parts: list[Sequence[Token]] = [*arn_parts(pattern)]
        parts += [_ANY] * (_PARTS - len(parts))
        front = [[_plain(token) for token in part] for part in parts[:-1]]
        last = parts[-1]
        if any(Wildcard.MANY in part or Wildcard.ONE in part for part in front):
            self.literal_front = False
            self._find_by(last)
            self.guard = self.matches = _by_parts([matcher(part) for part in front], contextual(last))
            return
        prefix = ":".join("".join(str(token) for token in part) for part in front) + ":"
        whole = (prefix + str(last[0]), *last[1:]) if last and isinstance(last[0], str) else (prefix, *last)
        self._find_by(whole)
        self.matches = contextual(whole)
        if self.exact is None and not (len(whole) == 2 and whole[1] is Wildcard.MANY):
            self.guard = self.matches

    def _find_by(self, pattern: Sequence[Token]) -> None:
        first = pattern[0] if pattern else ""
        literal = first if isinstance(first, str) else ""
        if len(pattern) < 2 and isinstance(first, str):
            self.exact = literal
        else:
            self.head = literal


def _plain(token: Token) -> str | Wildcard:
    """A token before the fifth colon: there a variable is the text it is written as."""
    return token.written if isinstance(token, Variable) else token


def _by_parts(
    front: Sequence[Callable[[str], bool]], last: Callable[[str, Values], bool]
) -> Callable[[str, Values], bool]:
    def matches(resource: str, values: Values) -> bool:
        pieces = resource.split(":", _PARTS - 1)
        if len(pieces) != _PARTS:
            return False
        return all(test(piece) for test, piece in zip(front, pieces, strict=False)) and last(pieces[-1], values)

    return matches


