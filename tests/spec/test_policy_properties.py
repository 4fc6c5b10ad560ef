"""What must hold of every decision, whatever the documents.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import random
from dataclasses import replace
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from tabard.policy import Decision, DocumentKind, Effect, Layer, decide, explain
from tabard.policy.explain import Element
from tests.support.policy_strategies import as_engine_input, questions, simple_questions, statements
from tests.support.reference_evaluator import Question, Tree, evaluate

some = settings(max_examples=40, deadline=None)


def _decide(question: Question) -> Decision:
    return decide(*as_engine_input(question))


def _with(question: Question, layer: str, statement: Tree) -> Question:
    added = {"Version": "2012-10-17", "Statement": [statement]}
    return replace(question, **{layer: [*(getattr(question, layer) or []), added]})


@settings(max_examples=200, deadline=None)
@given(question=questions())
def test_the_engine_agrees_with_the_reference_evaluator(question: Question) -> None:
    assert str(_decide(question).effect) == evaluate(question)


@settings(max_examples=300, deadline=None)
@given(question=simple_questions())
def test_the_engine_agrees_with_the_reference_evaluator_about_one_statement(question: Question) -> None:
    assert str(_decide(question).effect) == evaluate(question)


@settings(max_examples=300, deadline=None)
@given(question=simple_questions())
def test_a_key_that_becomes_multivalued_never_grants(question: Question) -> None:
    """Its one value stays the same; only the keys that statements use as variables are left alone."""
    single = replace(question, multivalued=frozenset())
    several = replace(question, multivalued=question.multivalued - {"aws:username", "aws:viaawsservice"})
    if all(len(found) < 2 for found in question.values.values()) and not _decide(single).allowed:
        assert not _decide(several).allowed


@some
@given(question=questions())
def test_an_explicit_deny_wins(question: Question) -> None:
    everything = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    for layer in ("identity", "boundary", "session"):
        assert _decide(_with(question, layer, everything)).effect is Effect.EXPLICIT_DENY
    denied = _with(question, "resource_policy", {**everything, "Principal": "*"})
    assert _decide(denied).effect is Effect.EXPLICIT_DENY


@some
@given(question=questions())
def test_the_default_is_deny(question: Question) -> None:
    silent = replace(
        question,
        identity=[],
        resource_policy=None,
        boundary=None,
        session=None,
        service_control=[],
        resource_control=[],
    )
    assert _decide(silent).allowed is (
        question.caller.is_root
        and question.resource_account in ("", question.caller.account)
        and not (question.action == "sts:AssumeRole" and ":role/" in question.resource)
    )


@some
@given(
    question=questions(),
    denial=statements("Deny", kind=DocumentKind.SESSION),
    layer=st.sampled_from(["identity", "boundary", "session"]),
)
def test_adding_a_deny_never_grants(question: Question, denial: Tree, layer: str) -> None:
    if getattr(question, layer) is not None and not _decide(question).allowed:
        assert not _decide(_with(question, layer, denial)).allowed


@some
@given(question=questions(), denial=statements("Deny", kind=DocumentKind.RESOURCE))
def test_adding_a_deny_to_a_resource_policy_never_grants(question: Question, denial: Tree) -> None:
    if not _decide(question).allowed:
        assert not _decide(_with(question, "resource_policy", denial)).allowed


@some
@given(
    question=questions(),
    limit=statements("Allow", kind=DocumentKind.SESSION),
    layer=st.sampled_from(["boundary", "session"]),
)
def test_boundaries_and_session_policies_never_grant(question: Question, limit: Tree, layer: str) -> None:
    without = replace(question, **{layer: None})
    if not _decide(without).allowed:
        assert not _decide(_with(without, layer, limit)).allowed


@some
@given(
    question=questions(),
    kind=st.sampled_from([DocumentKind.SERVICE_CONTROL, DocumentKind.RESOURCE_CONTROL]),
    data=st.data(),
)
def test_control_policies_never_grant(question: Question, kind: DocumentKind, data: st.DataObject) -> None:
    name = kind.value.replace("-", "_")
    level = [{"Version": "2012-10-17", "Statement": [data.draw(statements("Allow", kind=kind))]}]
    without = replace(question, **{name: []})
    if not _decide(without).allowed:
        assert not _decide(replace(without, **{name: [level]})).allowed
    # Another level only takes away.
    if not _decide(question).allowed:
        assert not _decide(replace(question, **{name: [*getattr(question, name), level]})).allowed


@some
@given(question=questions(), denial=statements("Deny"), data=st.data())
def test_adding_a_deny_to_a_level_of_control_never_grants(
    question: Question, denial: Tree, data: st.DataObject
) -> None:
    if question.service_control and not _decide(question).allowed:
        place = data.draw(st.integers(0, len(question.service_control) - 1))
        added = {"Version": "2012-10-17", "Statement": [denial]}
        levels = [
            [*level, added] if number == place else level
            for number, level in enumerate(question.service_control)
        ]
        assert not _decide(replace(question, service_control=levels)).allowed


@some
@given(question=questions(), seed=st.integers())
def test_order_and_duplicates_do_not_matter(question: Question, seed: int) -> None:
    shuffler = random.Random(seed)

    def shuffled(documents: list[Tree] | None) -> list[Tree] | None:
        if documents is None:
            return None
        twice = [
            {
                **document,
                "Statement": shuffler.sample(document["Statement"] * 2, k=2 * len(document["Statement"])),
            }
            for document in documents * 2
        ]
        return shuffler.sample(twice, k=len(twice))

    other = replace(
        question,
        identity=shuffled(question.identity) or [],
        resource_policy=shuffled(question.resource_policy),
        boundary=shuffled(question.boundary),
        session=shuffled(question.session),
        service_control=[shuffled(level) or [] for level in question.service_control],
        resource_control=[shuffled(level) or [] for level in question.resource_control],
    )
    first, second = _decide(question), _decide(other)
    assert (first.effect, first.layer) == (second.effect, second.layer)


@some
@given(question=questions(), denial=statements("Deny"))
def test_a_wider_deny_never_allows_more(question: Question, denial: Tree) -> None:
    wider = {
        key: value for key, value in denial.items() if key not in ("Condition", "Resource", "NotResource")
    }
    if not _decide(_with(question, "identity", denial)).allowed:
        assert not _decide(_with(question, "identity", {**wider, "Resource": "*"})).allowed


@some
@given(question=questions())
def test_an_explanation_tells_of_every_statement_what_the_decision_rests_on(question: Question) -> None:
    request, layers = as_engine_input(question)
    explanation, decision = explain(request, layers), decide(request, layers)
    assert explanation.decision == decision
    applying = {(found.statement, str(found.effect)) for found in explanation.findings if found.applies}
    effect = "Deny" if decision.effect is Effect.EXPLICIT_DENY else "Allow"
    assert {(matched, effect) for matched in decision.matched} <= applying
    failures = [found.failure for found in explanation.findings if found.failure is not None]
    assert all(failure.element in get_args(Element) for failure in failures)
    if decision.effect is not Effect.EXPLICIT_DENY:
        denials = [found for found in explanation.findings if found.applies and found.effect == "Deny"]
        assert denials == []
    assert explanation.as_text().count("\n") == len(explanation.findings)
    assert decision.layer in Layer
