"""ARN patterns: which wildcards match across the colons that separate the parts of an ARN.

The sixth part, the resource itself, is everything after the fifth colon. Colons within it are plain
characters. A condition matches each of the six parts separately. In a `Resource` element, a `*` at the end
of one of the first five parts may match across colons. Any other wildcard in those five parts matches no
colon.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from collections.abc import Callable, Sequence

from tabard.policy.automaton import contextual_automaton
from tabard.policy.pattern import Token, Variable, Wildcard, contextual, joined, matcher, tokens
from tabard.policy.values import Values

_PARTS = 6
_ARN = "arn:"
_ANY = (Wildcard.MANY,)
_NARROW = {Wildcard.MANY: Wildcard.MANY_IN_PART, Wildcard.ONE: Wildcard.ONE_IN_PART}

Guard = Callable[[str, Values], bool]


def arn_parts(pattern: Sequence[Token]) -> list[list[Token]]:
    """Split a pattern at the colons of its literal text into at most six parts."""
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
    """Compile an ArnLike operand to a test. Return None if the operand is not an ARN.

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
    """List the variables of a `Resource` entry. Only the sixth part of the ARN can have variables."""
    pattern = tokens(text, variables=True)
    if text.startswith(_ARN):
        parts = arn_parts(pattern)
        pattern = tuple(parts[-1]) if len(parts) == _PARTS else ()
    return [token for token in pattern if isinstance(token, Variable)]


class ResourcePattern:
    """One entry of a `Resource` or `NotResource` element, with the keys under which an index stores it.

    If `by_whole` is true, the index looks the pattern up by the whole ARN. If it is false, the first five
    parts have wildcards, and the index looks up the text after the fifth colon or a later one. `exact` is
    the literal text to look up. It is None if the pattern has wildcards or variables; `head` is then its
    literal prefix. `guard` is the test that remains after the lookup, or None if the lookup alone is enough.

    AWS: "You can use a policy variable in the Resource element, but only in the resource portion of the ARN."
    "When you specify an incomplete ARN (one with fewer than the standard six fields) … AWS automatically
    completes the ARN by adding wildcard characters (*) to all missing fields."
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
    """

    __slots__ = ("by_whole", "exact", "guard", "head", "matches")

    def __init__(self, text: str, *, variables: bool) -> None:
        self.by_whole = True
        pattern = tokens(text, variables=variables)
        if not text.startswith(_ARN):
            self.exact, self.head = _look_up(pattern)
            self.matches: Guard = contextual(pattern)
            self.guard = None if pattern == _ANY else self.matches
            return
        parts: list[Sequence[Token]] = [*arn_parts(pattern)]
        parts += [_ANY] * (_PARTS - len(parts))
        front = [[_plain(token) for token in part] for part in parts[:-1]]
        last = parts[-1]
        whole = joined([*(token for part in front for token in (*_within(part), ":")), *last])
        self.exact, self.head = _look_up(whole)
        if any(isinstance(token, Wildcard) for part in front for token in part):
            self.matches = self.guard = _with_wild_front(front, last, whole)
            exact, head = _look_up(last)
            if exact is not None or head:
                self.by_whole, self.exact, self.head = False, exact, head
            return
        self.matches = contextual(whole)
        self.guard = None if self.exact is not None or _is_head_alone(whole) else self.matches


def _look_up(pattern: Sequence[Token]) -> tuple[str | None, str]:
    """Return the exact text to look up, or None and the literal prefix of every match."""
    if not pattern:
        return "", ""
    first = pattern[0]
    if not isinstance(first, str):
        return None, ""
    return (first, "") if len(pattern) == 1 else (None, first)


def _plain(token: Token) -> str | Wildcard:
    """Convert a token before the fifth colon. A variable there is plain text."""
    return token.written if isinstance(token, Variable) else token


def _is_head_alone(pattern: Sequence[Token]) -> bool:
    """Report whether the pattern is a literal prefix and one final `*`, so that the lookup alone decides."""
    return pattern[-1] is Wildcard.MANY and (
        len(pattern) == 1 or (len(pattern) == 2 and isinstance(pattern[0], str))
    )


def _with_wild_front(
    front: Sequence[Sequence[str | Wildcard]], last: Sequence[Token], whole: Sequence[Token]
) -> Guard:
    """Compile a pattern with wildcards in its first five parts to a test.

    AWS: "You can use wildcard characters (* and ?) within the individual segments of an ARN (the parts
    separated by colons) … If the * wildcard is the last character of a resource ARN segment, it can expand to
    match beyond the colon boundaries."
    """
    fits_front, fits_last = _part_by_part(front), contextual(last)
    across = contextual_automaton(whole)

    def matches(resource: str, values: Values) -> bool:
        pieces = resource.split(":", _PARTS - 1)
        if len(pieces) != _PARTS:
            return False
        if fits_front(resource, pieces) and fits_last(pieces[-1], values):
            return True
        # If both sides have exactly five colons, the test part by part was complete.
        return ":" in pieces[-1] and across(resource, values)

    return matches


def _within(part: Sequence[str | Wildcard]) -> list[str | Wildcard]:
    """Convert a part before the fifth colon. Its wildcards match no colon, except a `*` at its end."""
    narrowed = [_NARROW.get(token, token) if isinstance(token, Wildcard) else token for token in part]
    if part and part[-1] is Wildcard.MANY:
        narrowed[-1] = Wildcard.MANY
    return narrowed


def _part_by_part(front: Sequence[Sequence[str | Wildcard]]) -> Callable[[str, Sequence[str]], bool]:
    """Compile the first five parts of an ARN pattern, some of which have wildcards, to a test."""
    literal = 0
    while not any(isinstance(token, Wildcard) for token in front[literal]):
        literal += 1
    prefix = "".join(f"{''.join(str(token) for token in part)}:" for part in front[:literal])
    tests = [
        (place, matcher(part)) for place, part in enumerate(front) if place >= literal and tuple(part) != _ANY
    ]

    def fits(resource: str, pieces: Sequence[str]) -> bool:
        return resource.startswith(prefix) and all(test(pieces[place]) for place, test in tests)

    return fits
