"""Which actions and resources a statement takes in, found through the index of compiled policies.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html,
…/reference_policies_elements_resource.html, …/reference_policies_elements_notaction.html
"""

import pytest

from tabard.policy import (
    Decision,
    Document,
    DocumentKind,
    NamedDocument,
    PolicyLayers,
    Statement,
    StatementEffect,
    compile_policies,
    decide,
)
from tabard.policy.compiled import MEMO_LIMIT
from tests.support.policy_cases import ALICE, about_resource, layers, policies, request, statement


@pytest.mark.parametrize(
    ("elements", "action", "expected"),
    [
        ({"Action": "s3:GetObject"}, "s3:GetObject", True),
        ({"Action": "S3:getobject"}, "s3:GetObject", True),
        ({"Action": "s3:Get*"}, "s3:GetObject", True),
        ({"Action": "s3:?etObject"}, "s3:GetObject", True),
        ({"Action": "s3:*"}, "sqs:SendMessage", False),
        ({"Action": "*"}, "sqs:SendMessage", True),
        ({"Action": ["s3:PutObject", "s3:GetObject"]}, "s3:GetObject", True),
        ({"Action": None, "NotAction": "iam:*"}, "s3:GetObject", True),
        ({"Action": None, "NotAction": "IAM:*"}, "iam:GetRole", False),
        ({"Action": None, "NotAction": ["iam:*", "s3:Get*"]}, "s3:GetObject", False),
    ],
)
def test_actions_match_without_regard_to_case(
    elements: dict[str, object], action: str, expected: bool
) -> None:
    assert decide(request(action=action), layers(statement(**elements))).allowed is expected


BUCKET = "arn:aws:s3:::bucket"


@pytest.mark.parametrize(
    ("elements", "resource", "expected"),
    [
        ({"Resource": "*"}, f"{BUCKET}/key", True),
        ({"Resource": "*"}, "*", True),
        ({"Resource": f"{BUCKET}/key"}, f"{BUCKET}/key", True),
        ({"Resource": f"{BUCKET}/key"}, f"{BUCKET}/KEY", False),
        ({"Resource": f"{BUCKET}/*"}, f"{BUCKET}/", True),
        ({"Resource": f"{BUCKET}/*"}, f"{BUCKET}/a\nb", True),
        ({"Resource": f"{BUCKET}/*"}, f"{BUCKET}/a:b", True),
        ({"Resource": f"{BUCKET}/*"}, BUCKET, False),
        ({"Resource": f"{BUCKET}/*/test/*"}, f"{BUCKET}/1/2/test/3/object.jpg", True),
        ({"Resource": f"{BUCKET}/*/test/*"}, f"{BUCKET}/1///test///object.jpg", True),
        ({"Resource": f"{BUCKET}/*/test/*"}, f"{BUCKET}/1-test/object.jpg", False),
        ({"Resource": f"{BUCKET}/*/test/*"}, f"{BUCKET}/test/object.jpg", False),
        ({"Resource": f"{BUCKET}/???"}, f"{BUCKET}/abc", True),
        ({"Resource": ["arn:aws:s3:::a/*", "arn:aws:s3:::ab/*", f"{BUCKET}/*"]}, f"{BUCKET}/x", True),
        ({"Resource": "arn:aws:s3:*"}, f"{BUCKET}/x", True),
        ({"Resource": "arn:aws:s3:*"}, "*", False),
        ({"Resource": "arn:*:s3:::bucket/x"}, f"{BUCKET}/x", True),
        ({"Resource": "arn:*:s3:::bucket/x"}, "*", False),
        (
            {"Resource": "arn:aws:dynamodb:*:*:table/t"},
            "arn:aws:dynamodb:eu-west-1:123456789012:table/t",
            True,
        ),
        (
            {"Resource": "arn:aws:dynamodb:*:*:table/*"},
            "arn:aws:dynamodb:eu-west-1:123456789012:table/t",
            True,
        ),
        ({"Resource": "arn:aws:dynamodb:eu-*:*:table/?"}, "arn:aws:dynamodb:eu-west-1:1:table/t", True),
        ({"Resource": "arn:aws:dynamodb:us-*:*:table/t"}, "arn:aws:dynamodb:eu-west-1:1:table/t", False),
        ({"Resource": "arn:aws:dynamodb:*:*:table/t"}, "arn:aws:sqs:eu-west-1:1:table/t", False),
        # "If the * wildcard is the last character of a resource ARN segment, it can expand to match beyond
        # the colon boundaries"; no other wildcard of the first five parts can.
        ({"Resource": "arn:aws:logs:*:1:log-group:g"}, "arn:aws:logs:eu-west-1:9:1:log-group:g", True),
        ({"Resource": "arn:aws:logs:*:1:log-group:*"}, "arn:aws:logs:eu-west-1:1:log-group:g:*", True),
        ({"Resource": "arn:aws:logs:eu-*:1:log-group:g"}, "arn:aws:logs:eu-west-1:9:1:log-group:g", True),
        ({"Resource": "arn:aws:logs:*-1:1:log-group:g"}, "arn:aws:logs:eu-west-1:1:log-group:g", True),
        ({"Resource": "arn:aws:logs:*-1:1:log-group:g"}, "arn:aws:logs:eu:west-1:1:log-group:g", False),
        ({"Resource": "arn:aws:logs:e?:*:log-group:g"}, "arn:aws:logs:eu:9:1:log-group:g", True),
        ({"Resource": "arn:aws:logs:e??:*:log-group:g"}, "arn:aws:logs:eu:9:1:log-group:g", False),
        ({"Resource": "arn:aws:logs:*:1:${aws:username}:g?"}, "arn:aws:logs:a:b:1:alice:g1", True),
        ({"Resource": "arn:aws:logs:*:1:${aws:username}:g?"}, "arn:aws:logs:a:b:1:bob:g1", False),
        ({"Resource": "arn:aws:logs:*:1:${aws:missing}:g"}, "arn:aws:logs:a:b:1:bob:g", False),
        ({"Resource": "arn:aws:logs:*:1:abc*defghijklmnopq"}, "arn:aws:logs:a:b:1:abcq:", False),
        ({"Resource": "arn:aws:logs:*:1:g"}, "arn:aws:logs:a:1", False),
        ({"Resource": "arn:aws:logs:*"}, "arn:aws:logs", False),
        ({"Resource": "arn:aws:logs:*"}, "arn:aws:logs:a", False),
        # Beyond so many colons, patterns are tested one by one.
        ({"Resource": "arn:aws:logs:*:1:g"}, "arn:aws:logs:a:b:c:d:e:f:g:h:i:j:k:1:g", True),
        ({"Resource": "arn:aws:logs:*:1:g"}, "arn:aws:logs:a:b:c:d:e:f:g:h:i:j:k:2:g", False),
        ({"Resource": "arn:aws:logs:*:1:${aws:missing}:g"}, "arn:aws:logs:a:1:bob:g", False),
        # "AWS automatically completes the ARN by adding wildcard characters (*) to all missing fields."
        ({"Resource": "arn:aws:sqs"}, "arn:aws:sqs:eu-west-1:123456789012:q", True),
        ({"Resource": "arn:aws:sqs"}, "arn:aws:sns:eu-west-1:123456789012:q", False),
        ({"Resource": "arn:aws:sqs:eu-west-1"}, "arn:aws:sqs:eu-west-1:123456789012:q", True),
        ({"Resource": "arn:aws:sqs:eu-west-1"}, "arn:aws:sqs:eu-west-2:123456789012:q", False),
        ({"Resource": "arn:aws:sqs:*:q"}, "arn:aws:sqs:eu-west-1:123456789012:q", False),
        ({"Resource": "arn:aws:sqs:*:q"}, "arn:aws:sqs:eu-west-1:q:x", True),
        # "only in the resource portion of the ARN"
        ({"Resource": "arn:aws:s3:::bucket/${aws:username}/*"}, f"{BUCKET}/alice/x", True),
        ({"Resource": "arn:aws:s3:::bucket/${aws:username}/*"}, f"{BUCKET}/bob/x", False),
        ({"Resource": "arn:aws:s3:::${aws:username}"}, "arn:aws:s3:::alice", True),
        ({"Resource": "arn:aws:s3:::${aws:username}*"}, "arn:aws:s3:::alice2", True),
        ({"Resource": "arn:aws:s3:::bucket/${aws:missing}"}, f"{BUCKET}/", False),
        (
            {"Resource": "arn:aws:sqs:*:${aws:PrincipalAccount}:q"},
            "arn:aws:sqs:eu-west-1:123456789012:q",
            False,
        ),
        ({"Resource": "arn:aws:sqs:eu-west-1:${aws:PrincipalAccount}:q"}, "arn:aws:sqs:eu-west-1:1:q", False),
        ({"Resource": None, "NotResource": f"{BUCKET}/*"}, f"{BUCKET}/x", False),
        ({"Resource": None, "NotResource": f"{BUCKET}/*"}, "arn:aws:s3:::other/x", True),
        (
            {"Resource": None, "NotResource": ["arn:aws:dynamodb:*:*:table/t"]},
            "arn:aws:dynamodb:a:1:table/t",
            False,
        ),
        (
            {"Resource": None, "NotResource": ["arn:aws:dynamodb:*:*:table/t"]},
            "arn:aws:dynamodb:a:1:table/u",
            True,
        ),
        # "the resource that includes a policy variable with no value will not match any resource"
        ({"Resource": None, "NotResource": "arn:aws:s3:::bucket/${aws:missing}"}, f"{BUCKET}/x", True),
    ],
)
def test_resources_match_with_regard_to_case(
    elements: dict[str, object], resource: str, expected: bool
) -> None:
    asked = request(resource=resource, aws__username="alice", aws__PrincipalAccount="123456789012")
    assert decide(asked, layers(statement(**elements))).allowed is expected


def test_a_resource_variable_is_plain_text_in_the_first_version() -> None:
    identity = policies(statement(Resource="arn:aws:s3:::b/${aws:username}"), version="2008-10-17")
    asked = request(resource="arn:aws:s3:::b/${aws:username}", aws__username="alice")
    assert decide(asked, PolicyLayers(identity=identity)).allowed
    assert not decide(
        request(resource="arn:aws:s3:::b/alice", aws__username="alice"), PolicyLayers(identity=identity)
    ).allowed


@pytest.mark.parametrize(
    ("resource", "asked", "expected"),
    [("", "", True), ("", "x", False), ("*/x", "a/x", True), ("**", "*", True), ("b", "b", True)],
)
def test_a_document_made_without_the_parser_may_name_what_is_no_arn(
    resource: str, asked: str, expected: bool
) -> None:
    made = Document(
        kind=DocumentKind.IDENTITY,
        version="2012-10-17",
        statements=(Statement(effect=StatementEffect.ALLOW, actions=("*",), resources=(resource,)),),
    )
    compiled = PolicyLayers(identity=compile_policies([NamedDocument("made", made)]))
    assert decide(request(resource=asked), compiled).allowed is expected


def _decided_by(decision: Decision) -> list[int]:
    return [matched.index for matched in decision.matched]


def test_every_head_that_a_resource_begins_with_is_asked() -> None:
    texts = [
        "arn:aws:s3:::a*",
        "arn:aws:s3:::ab*",
        "arn:aws:s3:::abc*",
        "arn:aws:s3:::abd*",
        "arn:aws:s3:::b*",
    ]
    for place, text in enumerate(texts):
        conditions = [
            {"Condition": {"Null": {"aws:username": "true" if n == place else "false"}}} for n in range(5)
        ]
        compiled = layers(
            *(statement(Resource=other, **only) for other, only in zip(texts, conditions, strict=True))
        )
        resource = text[:-1] + ("cz" if text.endswith("b*") else "z")
        assert _decided_by(decide(request(resource=resource), compiled)) == [place]


@pytest.mark.parametrize("between", ["eu-west-1:1", "a:b:1", "a:b:c:d:e:f:g:h:i:j:k:1"])
def test_every_statement_about_a_resource_with_many_colons_is_found(between: str) -> None:
    texts = ["arn:aws:logs:*:1:*", "arn:aws:logs:*:1:g", "arn:aws:logs:*:1:g*", "arn:aws:logs:*:2:g"]
    resource_policy = about_resource(
        *(statement(Principal={"AWS": "123456789012"}, Resource=text) for text in texts[:2]),
        statement(Principal={"AWS": ALICE.arn}, Resource=texts[2]),
        statement("Deny", Principal="*", Resource=texts[3]),
    )
    decision = decide(request(resource=f"arn:aws:logs:{between}:g"), layers(resource=resource_policy))
    assert (decision.allowed, _decided_by(decision)) == (True, [2])


def test_an_exact_name_whose_condition_fails_does_not_hide_a_pattern() -> None:
    compiled = layers(
        statement(Resource=f"{BUCKET}/key", Condition={"Bool": {"aws:SecureTransport": "true"}}),
        statement(Resource=f"{BUCKET}/k*"),
    )
    assert _decided_by(decide(request(), compiled)) == [1]
    assert _decided_by(decide(request(aws__SecureTransport="true"), compiled)) == [0]


def test_memos_stay_bounded_whatever_is_asked() -> None:
    identity = policies(statement(action="s3:Get*"), statement("Deny", action="s3:Put*"))
    for number in range(MEMO_LIMIT + 5):
        identity.for_action(f"s3:Get{number}")
    assert len(identity._by_action) <= MEMO_LIMIT
    assert identity.for_action("s3:GetA") is identity.for_action("s3:GetB")
    assert identity.for_action("s3:PutA") is not identity.for_action("s3:GetB")
