"""Which condition keys documents ask for.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForCustomPolicy.html
"""

import json
from dataclasses import replace

import pytest

from tabard.policy import (
    Document,
    DocumentKind,
    NamedDocument,
    compile_policies,
    context_keys,
    missing_context_keys,
    parse_document,
)
from tests.support.policy_cases import request

# The example of https://docs.aws.amazon.com/cli/latest/reference/iam/get-context-keys-for-custom-policy.html
AWS_EXAMPLE = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Action": "dynamodb:*",
        "Resource": "arn:aws:dynamodb:us-west-2:123456789012:table/${aws:username}",
        "Condition": {"DateGreaterThan": {"aws:CurrentTime": "2015-08-16T12:00:00Z"}},
    },
}


def _document(resource: object, condition: object, version: str = "2012-10-17") -> Document:
    tree = {"Effect": "Allow", "Action": "s3:*", "Resource": resource, "Condition": condition}
    return parse_document(json.dumps({"Version": version, "Statement": tree}), kind=DocumentKind.IDENTITY)


def test_the_example_of_aws_names_its_variable_and_its_key() -> None:
    document = parse_document(json.dumps(AWS_EXAMPLE), kind=DocumentKind.IDENTITY)
    assert context_keys([document]) == ("aws:username", "aws:CurrentTime")
    assert context_keys([document, document]) == ("aws:username", "aws:CurrentTime")
    assert context_keys([]) == ()


@pytest.mark.parametrize(
    ("resource", "condition", "expected"),
    [
        ("*", {}, ()),
        (["arn:aws:s3:::b/${*}${?}${$}"], {}, ()),
        (
            ["arn:aws:s3:::${aws:username}/${AWS:UserName}/${ aws:userid }"],
            {},
            ("aws:username", "aws:userid"),
        ),
        (["arn:aws:s3:::b/${aws:PrincipalTag/team, 'none'}"], {}, ("aws:PrincipalTag/team",)),
        # "You can use a policy variable in the Resource element, but only in the resource portion"
        (["arn:aws:sqs:${aws:RequestedRegion}:1:b", "arn:aws:sqs:${aws:userid}"], {}, ()),
        ("*", {"Null": {"aws:TokenIssueTime": "true"}}, ("aws:TokenIssueTime",)),
        (
            "*",
            {"StringLike": {"s3:prefix": ["home/${aws:username}/*", "${*}"]}, "Bool": {"S3:Prefix": "true"}},
            ("s3:prefix", "aws:username"),
        ),
        (
            "*",
            {"ForAnyValue:ArnLikeIfExists": {"aws:SourceArn": "arn:aws:sns:*:*:${aws:username}"}},
            ("aws:SourceArn", "aws:username"),
        ),
        (
            "*",
            {"Bool": {"aws:SecureTransport": "${aws:ViaAWSService}"}},
            ("aws:SecureTransport", "aws:ViaAWSService"),
        ),
        # "Policy variables – Not supported"
        ("*", {"IpAddress": {"aws:SourceIp": "${aws:VpcSourceIp}"}}, ("aws:SourceIp",)),
    ],
)
def test_keys_are_those_of_conditions_and_of_variables(
    resource: object, condition: object, expected: tuple[str, ...]
) -> None:
    assert context_keys([_document(resource, condition)]) == expected


def test_the_first_version_has_no_variables() -> None:
    condition = {"StringEquals": {"aws:userid": "${aws:username}"}}
    document = _document("arn:aws:s3:::${aws:username}", condition, "2008-10-17")
    assert context_keys([document]) == ("aws:userid",)


def test_a_document_made_without_the_parser_may_name_an_unknown_operator() -> None:
    document = parse_document(json.dumps(AWS_EXAMPLE), kind=DocumentKind.IDENTITY)
    unknown = replace(document.statements[0].conditions[0], operator="DateSoon", values=("${aws:userid}",))
    made = replace(document, statements=(replace(document.statements[0], conditions=(unknown,)),))
    assert context_keys([made]) == ("aws:username", "aws:CurrentTime")


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        # Only what is said of this action and resource is asked about.
        ({"Action": "sqs:*", "Condition": {"Null": {"aws:userid": "true"}}}, ()),
        ({"Resource": "arn:aws:s3:::other/*", "Condition": {"Null": {"aws:userid": "true"}}}, ()),
        (
            {"Condition": {"Bool": {"aws:SecureTransport": "true"}, "StringLike": {"AWS:UserName": "*"}}},
            ("aws:SecureTransport",),
        ),
        # Whether a resource with a variable fits is not known before its key has a value.
        ({"Resource": "arn:aws:s3:::${aws:userid}/*"}, ("aws:userid",)),
        ({"Resource": "arn:aws:s3:::bucket/${aws:username}"}, ()),
    ],
)
@pytest.mark.parametrize("version", ["2012-10-17", "2008-10-17"])
def test_a_request_misses_the_keys_that_its_statements_ask_for(
    elements: dict[str, object], expected: tuple[str, ...], version: str
) -> None:
    tree = {"Effect": "Allow", "Action": "s3:*", "Resource": "*", **elements}
    document = parse_document(json.dumps({"Version": version, "Statement": tree}), kind=DocumentKind.IDENTITY)
    compiled = compile_policies([NamedDocument("p", document)])
    found = missing_context_keys(request(aws__username="alice"), [document], compiled)
    assert found == (expected if version == "2012-10-17" or "Resource" not in elements else ())
