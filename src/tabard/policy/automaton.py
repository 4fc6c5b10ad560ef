"""Bit-parallel automaton for patterns in which some wildcards match colons and others do not.

The bits of one integer are the states. Bit n means that the first n characters of the pattern have matched.
The automaton takes one step per character of the text, for every pattern and every text.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from collections.abc import Callable, Sequence

from tabard.policy.pattern import Token, Wildcard, has_variables, substitute
from tabard.policy.values import Values


class Automaton:
    """Pattern without variables, compiled to one bit mask per character."""

    __slots__ = ("_accept", "_any", "_own", "_stay", "_stay_in_part", "_step", "_tokens")

    def __init__(self, pattern: Sequence[Token]) -> None:
        self._tokens = pattern
        # Bit 0 is the start state. Each character or `?` adds one bit.
        self._accept = 1 << sum(
            len(token) if isinstance(token, str) else token in (Wildcard.ONE, Wildcard.ONE_IN_PART)
            for token in pattern
        )
        self._own: dict[str, int] | None = None
        self._any = self._step = self._stay = self._stay_in_part = 0

    def matches(self, text: str) -> bool:
        """Report whether the pattern matches the whole text."""
        if len(text) < self._accept.bit_length() - 1:
            return False
        own = self._own if self._own is not None else self._prepare()
        state = 1
        for character in text:
            if character == ":":
                state = ((state << 1) & (own.get(character, 0) | self._any)) | (state & self._stay)
            else:
                state = ((state << 1) & (own.get(character, 0) | self._any | self._step)) | (
                    state & (self._stay | self._stay_in_part)
                )
            if not state:
                return False
        return bool(state & self._accept)

    def _prepare(self) -> dict[str, int]:
        own: dict[str, int] = {}
        bit = 1
        for token in self._tokens:
            if isinstance(token, str):
                for character in token:
                    bit <<= 1
                    own[character] = own.get(character, 0) | bit
            elif token is Wildcard.ONE:
                bit <<= 1
                self._any |= bit
            elif token is Wildcard.ONE_IN_PART:
                bit <<= 1
                self._step |= bit
            elif token is Wildcard.MANY:
                self._stay |= bit
            else:
                self._stay_in_part |= bit
        self._own = own
        return own


def contextual_automaton(pattern: Sequence[Token]) -> Callable[[str, Values], bool]:
    """Compile any pattern to a test. A variable without a value matches nothing."""
    if not has_variables(pattern):
        fixed = Automaton(pattern)
        return lambda text, _values: fixed.matches(text)

    def matches(text: str, values: Values) -> bool:
        substituted = substitute(pattern, values)
        return substituted is not None and Automaton(substituted).matches(text)

    return matches
