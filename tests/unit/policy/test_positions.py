"""Where the elements of a document stand."""

import json

import pytest

from tabard.policy import Position, Span, element_spans, statement_spans

# AWS's own example of SimulateCustomPolicy, whose statement ends just before column 167.
AWS_EXAMPLE = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*",'
    '"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}'
)
PRETTY = """{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["s3:GetObject", "s3:PutObject"],
      "Resource": "*"
    },
    {
      "Effect": "Deny", "Action": "s3:*", "Resource": []
    }
  ]
}
"""


# As the console writes the policy of AWS's example of SimulatePrincipalPolicy.
AWS_CONSOLE_EXAMPLE = """{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "VisualEditor0",
            "Effect": "Allow",
            "Action": "codecommit:ListRepositories",
            "Resource": "*"
        }
    ]
}"""


def test_the_simulator_tells_how_far_its_reader_had_come() -> None:
    assert statement_spans(AWS_EXAMPLE) == (Span(Position(1, 38), Position(1, 167)),)
    assert statement_spans(AWS_CONSOLE_EXAMPLE) == (Span(Position(3, 19), Position(9, 10)),)
    assert statement_spans(PRETTY) == (
        Span(Position(3, 17), Position(8, 6)),
        Span(Position(8, 6), Position(11, 6)),
    )


def test_every_element_has_its_place() -> None:
    spans = element_spans(PRETTY)
    assert spans[()] == Span(Position(1, 1), Position(13, 2))
    assert spans["Statement", 0, "Action", 1] == Span(Position(6, 34), Position(6, 48))
    assert spans["Statement", 1, "Resource"] == Span(Position(10, 55), Position(10, 57))
    assert str(spans["Statement", 1].start) == "9:5"


def test_a_span_holds_exactly_its_element() -> None:
    spans = element_spans(AWS_EXAMPLE)
    for path, span in spans.items():
        value = json.loads(AWS_EXAMPLE)
        for step in path:
            value = value[step]
        assert json.loads(AWS_EXAMPLE[span.start.column - 1 : span.end.column - 1]) == value


@pytest.mark.parametrize("text", ["{}", "[]", '"Statement"', '{"Id": "x"}'])
def test_what_has_no_statement_has_no_places(text: str) -> None:
    assert statement_spans(text) == ()


def test_what_lies_too_deep_is_passed_over_whole() -> None:
    spans = element_spans("[" * 20 + "]" * 20)
    assert max(len(path) for path in spans) == 8


@pytest.mark.parametrize("text", ["", "{", '{"a": }', "nonsense", "{} {}", "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        element_spans(text)
