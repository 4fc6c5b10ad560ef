"""Wildcards and variables: any character, linear time, substituted values literal.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
and …/reference_policies_variables.html
"""

import re
import sys
from collections.abc import Callable
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabard.policy import Multivalued
from tabard.policy.automaton import Automaton
from tabard.policy.pattern import contextual, matcher, tokens


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("*", "a\nb", True),
        ("a*", "a\n\r\u2028\x00z", True),
        ("a*", "ba", False),
        ("*a", "xa", True),
        ("*a", "a\n", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*a*a*", "a", False),
        ("*a*a*", "aa", True),
        ("a?c", "a\nc", True),
        ("a?c", "ac", False),
        ("?", "", False),
        ("?*", "x", True),
        ("*?", "", False),
        ("*b?d*", "abbcd", True),
        ("*b?d*", "abbbb", False),
        ("*?b?*", "bbb", True),
        ("a?*?z", "a12z", True),
        ("a?*?z", "a1z", False),
        ("a*c?e", "abcde", True),
        ("*ab*ab*", "abab", True),
        ("*ab*ab*", "aba", False),
        ("[a-z].+", "[a-z].+", True),
        ("[a-z].+", "abc", False),
        ("a**b", "ab", True),
        ("A*", "abc", False),
    ],
)
def test_a_pattern_matches_the_whole_text(pattern: str, text: str, expected: bool) -> None:
    assert matcher(tokens(pattern, variables=False))(text) is expected


def test_a_matcher_is_made_once_for_many_texts() -> None:
    matches = matcher(tokens("*a?c*", variables=False))
    assert [matches(text) for text in ("abc", "xabcx", "ac", "a\ncc")] == [True, True, False, True]


@settings(max_examples=150, deadline=None)
@given(pattern=st.text("ab*?\n", max_size=10), text=st.text("ab\n", max_size=12))
def test_matching_agrees_with_a_regular_expression(pattern: str, text: str) -> None:
    written = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    expected = re.fullmatch(written, text, re.DOTALL) is not None
    assert matcher(tokens(pattern, variables=False))(text) is expected


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a*a*a*a*b", "a" * 128),
        ("a*" * 500 + "b", "a" * 1024),
        ("*" + "a?" * 250 + "b*", "a" * 1024),
        (("*" + "a?" * 20 + "b") * 100, "a" * 1024),
        ("*" + "?" * 500 + "b*", "a" * 1024),
        ("*" * 5000 + "b", "a" * 1024),
    ],
    ids=["four stars", "stars", "gaps", "many gaps", "one gap", "only stars"],
)
def test_no_pattern_makes_matching_slow(pattern: str, text: str) -> None:
    plain = tokens(pattern, variables=False)
    for matches in (matcher(plain), Automaton(plain).matches):
        assert _steps(lambda matches=matches: matches(text)) <= 10 * (len(pattern) + len(text))
        assert matches(text) is False


def _steps(work: Callable[[], object]) -> int:
    """How many calls some work makes, of functions in Python and in C: each of them takes one character."""
    calls = 0

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


VALUES = {
    "aws:username": ("bob",),
    "aws:principaltag/team": ("*",),
    "aws:tagkeys": Multivalued(["a", "b"]),
    "aws:calledvia": Multivalued(["athena.amazonaws.com"]),
    "aws:empty": (),
    "aws:sourceidentity": ("${aws:username}",),
}


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("home/${aws:username}/*", "home/bob/x", True),
        ("home/${AWS:UserName}/*", "home/bob/x", True),
        ("home/${aws:username}/*", "home/alice/x", False),
        ("home/${ aws:username }", "home/bob", True),
        # A substituted value is a literal.
        ("home/${aws:PrincipalTag/team}", "home/*", True),
        ("home/${aws:PrincipalTag/team}", "home/anything", False),
        ("${aws:SourceIdentity}", "${aws:username}", True),
        ("${aws:SourceIdentity}", "bob", False),
        # "can represent characters that otherwise have special meaning"
        ("a${*}b${?}c${$}d", "a*b?c$d", True),
        ("a${*}b", "axb", False),
        ("a${?}b", "axb", False),
        ("${$}{aws:username}", "${aws:username}", True),
        # "You can't use a multivalued condition key as a variable."
        ("${aws:TagKeys}", "a", False),
        ("${aws:CalledVia}", "athena.amazonaws.com", False),
        ("${aws:CalledVia, 'none'}", "none", False),
        ("${aws:empty}", "", False),
        ("${aws:missing}", "", False),
        ("*${aws:missing}*", "x", False),
        # "surround the default value with single quotes, and separate … with a comma and space"
        ("b-${aws:missing, 'company-wide'}", "b-company-wide", True),
        ("b-${aws:missing,'*'}", "b-*", True),
        ("b-${aws:missing, '*'}", "b-x", False),
        ("b-${aws:missing, ''}", "b-", True),
        ("b-${aws:username, 'none'}", "b-bob", True),
        # What is no variable is text.
        ("${aws:missing, none}", "${aws:missing, none}", True),
        ("${aws:missing, '}", "${aws:missing, '}", True),
        ("${}", "${}", True),
        ("${aws:username", "${aws:username", True),
        ("$${aws:username}", "$bob", True),
        ("${aws:username}${aws:username}?", "bobbobx", True),
    ],
)
def test_variables_stand_for_values(pattern: str, text: str, expected: bool) -> None:
    assert contextual(tokens(pattern, variables=True))(text, VALUES) is expected


def test_variables_are_plain_text_in_the_first_version() -> None:
    matches = contextual(tokens("home/${aws:username}/*", variables=False))
    assert matches("home/${aws:username}/x", VALUES)
    assert not matches("home/bob/x", VALUES)


def test_open_braces_are_plain_text_however_many() -> None:
    text = "${" * 30_000 + "${a" + " " * 30_000
    assert tokens(text, variables=True) == (text,)
