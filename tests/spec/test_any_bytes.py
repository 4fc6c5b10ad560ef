"""Any bytes give a document or a refusal, in bounded steps and memory; every way to match agrees.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabard.policy import DocumentKind, MalformedPolicyDocument, parse_document
from tabard.policy.syntax import MAX_DOCUMENT_CHARACTERS
from tests.support.fuzzing import SEEDS, TARGETS, one_document, one_pattern
from tests.support.policy_strategies import documents
from tests.support.reference_evaluator import Tree

some = settings(max_examples=150, deadline=None)


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_of_the_fuzzer_hold(name: str) -> None:
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Bytes of which a stretch was replaced."""
    data = draw(whole)
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, min(len(data), start + 4)))
    return data[:start] + draw(st.binary(max_size=4)) + data[end:]


written = documents(DocumentKind.RESOURCE).map(lambda tree: json.dumps(tree).encode())


@some
@given(data=st.binary(max_size=200) | damaged(st.sampled_from(SEEDS["documents"]) | written))
def test_any_bytes_are_a_document_or_are_malformed(data: bytes) -> None:
    one_document(data)


@some
@given(tree=documents())
def test_a_document_that_was_written_decides_and_explains(tree: Tree) -> None:
    one_document(json.dumps(tree).encode())


pieces = st.lists(st.sampled_from(["a", "b", ":", "*", "?", "\n", "${aws:username}", "${*}", "alice"]))


@some
@given(pattern=pieces, text=pieces | st.lists(st.sampled_from("ab:\n"), max_size=20))
def test_every_way_to_match_comes_to_the_same(pattern: Iterable[str], text: Iterable[str]) -> None:
    one_pattern("".join(pattern).encode() + b"\0" + "".join(text).encode())


@pytest.mark.parametrize(
    "text",
    [
        "[" * MAX_DOCUMENT_CHARACTERS,
        '{"Statement":' * 80_000,
        '"' + "\\u0000" * 150_000 + '"',
        "9" * MAX_DOCUMENT_CHARACTERS,
        json.dumps({"Statement": [{}] * 300_000}),
        json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["a:b"] * 90_000}]}),
    ],
    ids=["lists", "objects", "escapes", "digits", "statements", "actions"],
)
def test_the_longest_texts_are_refused_within_bounded_memory(text: str) -> None:
    tracemalloc.start()
    with pytest.raises(MalformedPolicyDocument):
        parse_document(text, kind=DocumentKind.IDENTITY)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_bytes < 128 * len(text) + 1_000_000
