"""Where a refused document is wrong."""

import json

import pytest

from tabard.policy import DocumentKind, Position, element_spans
from tabard.policy.diagnosis import diagnose, place_of

ALLOW = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
TRUST = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}


def place(text: str, kind: DocumentKind = DocumentKind.IDENTITY) -> tuple[str, str]:
    """What stands at the place that is pointed at, to the end of its line, and the hint."""
    fault = diagnose(text, kind=kind)
    assert fault is not None
    line = text.split("\n")[fault.position.line - 1]
    return line[fault.position.column - 1 :].rstrip(","), fault.hint


def pretty(*statements: object, **more: object) -> str:
    """A document of these statements, one element a line."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more}, indent=1)


def test_a_valid_document_has_no_fault() -> None:
    assert diagnose(pretty(ALLOW), kind=DocumentKind.IDENTITY) is None


def test_awss_sentence_is_kept_as_it_is() -> None:
    fault = diagnose(pretty({**ALLOW, "Resource": "b"}), kind=DocumentKind.IDENTITY)
    assert fault is not None
    assert fault.sentence == 'Resource b must be in ARN format or "*".'


TWICE = '{"Statement": {"Effect": "Allow", "Effect": "Deny"}}'
BARE = '{"Version": "2012-10-17"}'
MISSPELT = {**ALLOW, "Condition": {"StringEqual": {"a:b": "c"}}}


@pytest.mark.parametrize(
    ("text", "at", "hint"),
    [
        ('{"Statement": [}', "}", "not JSON: Expecting value"),
        ("[]", "[]", "a policy is a JSON object"),
        (pretty(ALLOW, Versoin="x"), '"x"', "there is no Versoin; Version is meant, perhaps"),
        (pretty(ALLOW, Zzz="x"), '"x"', "there is no Zzz"),
        (pretty(ALLOW, Version="2012"), '"2012"', "Version is 2012-10-17 or 2008-10-17"),
        (pretty(ALLOW, Id=7), "7", "Id is a text"),
        (pretty(), "[]", "Statement is an object or a list of objects"),
        (BARE, BARE, "Statement is an object or a list of objects"),
        (pretty(ALLOW, 3), "3", "a statement is a JSON object"),
        (pretty({**ALLOW, "Acton": "x"}), '"x"', "there is no Acton; Action is meant, perhaps"),
        (pretty({**ALLOW, "Effect": "allow"}), '"allow"', "Effect is Allow or Deny"),
        (pretty(ALLOW, {**ALLOW, "Action": ["s3:*", "foo", "s3:Get*"]}), '"foo"', ""),
        (pretty(ALLOW, {**ALLOW, "Action": "foo"}), '"foo"', ""),
        (pretty({**ALLOW, "Resource": ["*", "b"]}), '"b"', ""),
        (pretty({**ALLOW, "Sid": "a b"}), '"a b"', ""),
        (pretty({**ALLOW, "Principal": "*"}), "{", ""),
        (pretty({"Effect": "Allow", "Action": "s3:*"}), "{", ""),
        (pretty({**ALLOW, "Sid": "a"}, ALLOW, ALLOW, {**ALLOW, "Sid": "a"}), '"a"', "a stands above already"),
        (pretty(MISSPELT), '"c"', "there is no StringEqual; StringEquals is meant, perhaps"),
        (pretty({**ALLOW, "Condition": {"Bool": {"a:b": "true"}, "DateEquals": {"a:b": "c"}}}), '"c"', ""),
        (pretty({**ALLOW, "Condition": [1]}), "[", ""),
        (pretty({**ALLOW, "Condition": {"Bool": 1}}), "{", ""),
        (TWICE, TWICE, "Effect stands twice in one object"),
        ("[" * 100_000, "[" * 100_000, ""),
        ("1" * 5_000, "1" * 5_000, ""),
    ],
)
def test_the_element_at_fault_is_pointed_at(text: str, at: str, hint: str) -> None:
    assert place(text) == (at, hint)


@pytest.mark.parametrize(
    ("statement", "at"),
    [
        ({**TRUST, "Action": ["sts:AssumeRole", "s3:*"]}, '"s3:*"'),
        ({**TRUST, "Principal": {"AWS": "nobody"}}, "{"),
        ({**TRUST, "Resource": "*"}, "{"),
    ],
)
def test_a_trust_policy_is_judged_by_its_own_rules(statement: dict[str, object], at: str) -> None:
    assert place(pretty(statement), DocumentKind.TRUST) == (at, "")


def test_a_path_into_nothing_leads_to_what_holds_it() -> None:
    spans = element_spans('{"Statement": {"Action": "a"}}')
    assert place_of((), spans) == Position(1, 1)
    assert place_of(("Statement", 0, "Action", 0), spans) == Position(1, 26)
    assert place_of(("Statement", 0, "Condition", "Bool"), spans) == Position(1, 15)
