"""ARN patterns: each of an ARN's six parts is matched on its own, so no wildcard leaks across a colon.

The sixth part, the resource itself, is all that follows the fifth colon; its own colons are plain characters.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from collections.abc import Callable, Sequence

from tabard.policy.pattern import Token, Values, Variable, Wildcard, contextual, joined, matcher, tokens

_PARTS = 6
_ARN = "arn:"
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
        return lambda _value, _values: True
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


def resource_variables(text: str) -> list[Variable]:
    """The variables of an entry of a `Resource` element, which has them in its sixth part alone."""
    pattern = tokens(text, variables=True)
    if text.startswith(_ARN):
        parts = arn_parts(pattern)
        pattern = tuple(parts[-1]) if len(parts) == _PARTS else ()
    return [token for token in pattern if isinstance(token, Variable)]


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
        pattern = tokens(text, variables=variables)
        if not text.startswith(_ARN):
            self.literal_front = True
            self.exact, self.head = _look_up(pattern)
            self.matches: Callable[[str, Values], bool] = contextual(pattern)
            self.guard = None if pattern == _ANY else self.matches
            return
        parts: list[Sequence[Token]] = [*arn_parts(pattern)]
        parts += [_ANY] * (_PARTS - len(parts))
        front = [[_plain(token) for token in part] for part in parts[:-1]]
        last = parts[-1]
        self.literal_front = not any(isinstance(token, Wildcard) for part in front for token in part)
        if not self.literal_front:
            self.exact, self.head = _look_up(last)
            fits_front, fits_last = _front(front), contextual(last)
            self.matches = lambda resource, values: (
                fits_front(resource, values) and fits_last(resource.split(":", _PARTS - 1)[-1], values)
            )
            found_by_text = self.exact is not None or _is_head_alone(last)
            self.guard = fits_front if found_by_text else self.matches
            return
        whole = joined([":".join("".join(str(token) for token in part) for part in front), ":", *last])
        self.exact, self.head = _look_up(whole)
        self.matches = contextual(whole)
        self.guard = None if self.exact is not None or _is_head_alone(whole) else self.matches


def _look_up(pattern: Sequence[Token]) -> tuple[str | None, str]:
    """The exact text to look up, or else the literal text that a match begins with."""
    if not pattern:
        return "", ""
    first = pattern[0]
    if not isinstance(first, str):
        return None, ""
    return (first, "") if len(pattern) == 1 else (None, first)


def _plain(token: Token) -> str | Wildcard:
    """A token before the fifth colon: there a variable is the text it is written as."""
    return token.written if isinstance(token, Variable) else token


def _is_head_alone(pattern: Sequence[Token]) -> bool:
    """Whether looking up the head is all that there is to test: `…*`."""
    return pattern[-1] is Wildcard.MANY and (
        len(pattern) == 1 or (len(pattern) == 2 and isinstance(pattern[0], str))
    )


def _front(front: Sequence[Sequence[str | Wildcard]]) -> Callable[[str, Values], bool]:
    """The test of an ARN's first five parts, some of which have wildcards."""
    literal = 0
    while not any(isinstance(token, Wildcard) for token in front[literal]):
        literal += 1
    prefix = "".join(f"{''.join(str(token) for token in part)}:" for part in front[:literal])
    tests = [
        (place, matcher(part)) for place, part in enumerate(front) if place >= literal and tuple(part) != _ANY
    ]

    def fits(resource: str, _values: Values) -> bool:
        if not resource.startswith(prefix) or resource.count(":") < _PARTS - 1:
            return False
        if not tests:
            return True
        pieces = resource.split(":", _PARTS - 1)
        return all(test(pieces[place]) for place, test in tests)

    return fits
