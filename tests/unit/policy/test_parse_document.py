"""What is a policy document, and with which sentence AWS refuses what is none.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabard.policy import (
    Condition,
    Document,
    DocumentKind,
    MalformedPolicyDocument,
    Principals,
    Statement,
    StatementEffect,
    parse_document,
    require_current_version,
)
from tabard.policy.syntax import MAX_DOCUMENT_CHARACTERS

IDENTITY, TRUST, RESOURCE = DocumentKind.IDENTITY, DocumentKind.TRUST, DocumentKind.RESOURCE
READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
ASSUME = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
SYNTAX = "Syntax errors in policy."
LEGACY = "The policy failed legacy parsing"
SID_SENTENCE = (
    "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
    "expression [0-9A-Za-z]*"
)
IAM_PATH_SENTENCE = (
    'IAM resource path must either be "*", root, or start with user/, federated-user/, role/, group/, '
    "instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, "
    "report/, access-report/."
)


def _document(*statements: object, **top: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **top})


def test_an_identity_document_becomes_a_typed_value() -> None:
    text = _document(
        {
            "Sid": "Read1",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:List*"],
            "NotResource": "arn:aws:s3:::secret/*",
            "Condition": {
                "NumericLessThanEquals": {"s3:max-keys": 10},
                "Bool": {"aws:SecureTransport": True, "aws:ViaAWSService": [False, "true"]},
            },
        },
        Id="cd3ad3d9",
    )
    assert parse_document(text, kind=IDENTITY) == Document(
        kind=IDENTITY,
        version="2012-10-17",
        document_id="cd3ad3d9",
        statements=(
            Statement(
                effect=StatementEffect.ALLOW,
                sid="Read1",
                actions=("s3:GetObject", "s3:List*"),
                not_resources=("arn:aws:s3:::secret/*",),
                conditions=(
                    Condition(operator="NumericLessThanEquals", key="s3:max-keys", values=("10",)),
                    Condition(operator="Bool", key="aws:SecureTransport", values=("true",)),
                    Condition(operator="Bool", key="aws:ViaAWSService", values=("false", "true")),
                ),
            ),
        ),
    )


def test_a_trust_document_names_principals_of_every_type() -> None:
    named = {
        "AWS": ["123456789012", "arn:aws:iam::111122223333:role/x", "*"],
        "Service": "ec2.amazonaws.com",
        "Federated": "accounts.google.com",
        "CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be",
    }
    document = parse_document(_document({**ASSUME, "Principal": named}), kind=TRUST)
    assert document.statements[0].principals == Principals(
        aws=("123456789012", "arn:aws:iam::111122223333:role/x", "*"),
        services=("ec2.amazonaws.com",),
        federated=("accounts.google.com",),
        canonical_users=("79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be",),
    )


def test_one_statement_needs_no_list_and_a_missing_version_is_the_first() -> None:
    document = parse_document(json.dumps({"Statement": READ}), kind=IDENTITY)
    assert document.version == "2008-10-17"
    assert len(document.statements) == 1
    with pytest.raises(MalformedPolicyDocument, match=r"must be version 2012-10-17 or greater\."):
        require_current_version(document)
    require_current_version(parse_document(_document(READ), kind=IDENTITY))


def test_a_resource_document_may_leave_the_resource_to_what_it_is_attached_to() -> None:
    tree = {"Effect": "Deny", "Action": "sns:*", "NotPrincipal": {"AWS": "123456789012"}, "Sid": "a b"}
    found = parse_document(_document(tree), kind=RESOURCE).statements[0]
    assert (found.resources, found.not_principals) == ((), Principals(aws=("123456789012",)))
    everyone = {"Effect": "Allow", "Action": "sns:*", "Principal": "*", "Resource": "*"}
    assert parse_document(_document(everyone), kind=RESOURCE).statements[0].principals == Principals(
        aws=("*",)
    )


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:s3:::bucket/*",
        "arn:*:s3:::bucket",
        "arn:aws-cn:s3:::bucket",
        "arn:aws:s3:*",
        "arn:aws:iam::123456789012:role/web",
        "arn:aws:iam::*:*",
        "arn:aws:iam:*:123456789012:user/bob",
        "arn:aws:s3:eu-west-1:123456789012:accesspoint/a",
        "arn:aws:s3:*:123456789012:x",
        "arn:aws:sqs:us-east-2:*:${aws:username}-queue",
        "arn:aws:iam::123456789012:root",
        "arn:aws:route53:::hostedzone/*",
        "arn:aws:sqs",
        "arn:aws:no-service:us-east-1::x",
    ],
)
def test_a_resource_is_an_arn(resource: str) -> None:
    parse_document(_document({**READ, "Resource": resource}), kind=IDENTITY)


REFUSALS = [
    ("", SYNTAX),
    ("{", SYNTAX),
    ("[]", SYNTAX),
    ("null", SYNTAX),
    ('{"Version": NaN}', SYNTAX),
    ("[" * 100_000, SYNTAX),
    ('{"a":' * 20_000, SYNTAX),
    ("9" * 100_000, SYNTAX),
    (" " * (MAX_DOCUMENT_CHARACTERS + 1), SYNTAX),
    (_document(READ, Version="2012-10-18"), SYNTAX),
    (_document(READ, Version=20121017), SYNTAX),
    (_document(READ, Id=5), SYNTAX),
    (_document(READ, Comment="x"), SYNTAX),
    (_document(), SYNTAX),
    (_document({}), SYNTAX),
    (_document("x"), SYNTAX),
    (json.dumps({"Version": "2012-10-17"}), SYNTAX),
    (_document(READ, Statement="x"), SYNTAX),
    ('{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', SYNTAX),
    ('{"Statement":{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}}', SYNTAX),
    (_document({**READ, "Effect": "invalid"}), SYNTAX),
    (_document({**READ, "Effect": "allow"}), LEGACY),
    (_document({"Action": "*", "Resource": "*"}), SYNTAX),
    (_document({**READ, "Effect": ["Allow"]}), SYNTAX),
    (_document({**READ, "Comment": ""}), SYNTAX),
    (_document({**READ, "Sid": 1}), SYNTAX),
    (_document({**READ, "NotAction": "*"}), SYNTAX),
    (_document({**READ, "NotResource": "*"}), SYNTAX),
    (_document({**READ, "Action": {"a": "b"}}), SYNTAX),
    (_document({**READ, "Resource": [None]}), SYNTAX),
    (_document({**READ, "Condition": []}), SYNTAX),
    (_document({**READ, "Condition": {"servicecatalog:accountLevel": "self"}}), SYNTAX),
    (_document({**READ, "Condition": {"StringLikes": {"aws:username": "x"}}}), SYNTAX),
    (_document({**READ, "Condition": {"NullIfExists": {"aws:username": "x"}}}), SYNTAX),
    (_document({**READ, "Condition": {"StringLike": {"": "x"}}}), SYNTAX),
    (_document({**READ, "Condition": {"StringLike": {"aws:username": None}}}), SYNTAX),
    (_document({**READ, "Condition": {"StringLike": {"aws:username": [["x"]]}}}), SYNTAX),
    (
        _document({**READ, "Condition": {"DateLessThan": {"aws:CurrentTime": "soon"}}}),
        LEGACY,
    ),
    (
        _document({**READ, "Sid": "a-b"}),
        SID_SENTENCE,
    ),
    (
        _document({**READ, "Sid": "a"}, {**READ, "Sid": "a"}),
        "Statement IDs (SID) in a single policy must be unique.",
    ),
    (_document({"Effect": "Allow", "Resource": "*"}), "Policy statement must contain actions."),
    (_document({**READ, "Action": []}), "Policy statement must contain actions."),
    (
        _document({**READ, "Action": "GetObject"}),
        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
    ),
    (_document({**READ, "Action": "s3:a:b"}), "Actions/Condition can contain only one colon."),
    (_document({**READ, "Action": "s 3:Get"}), "Vendor s 3 is not valid"),
    (_document({**READ, "Action": "s*:Get"}), "Vendor s* is not valid"),
    (_document({**READ, "Action": ":Get"}), "Vendor  is not valid"),
    (_document({"Effect": "Allow", "Action": "*"}), "Policy statement must contain resources."),
    (_document({**READ, "Resource": []}), "Policy statement must contain resources."),
    (_document({**READ, "Resource": "bucket"}), 'Resource bucket must be in ARN format or "*".'),
    (_document({**READ, "Resource": "arn"}), 'Resource arn must be in ARN format or "*".'),
    (
        _document({**READ, "Resource": "arn:azure:s3:::b"}),
        'Partition "azure" is not valid for resource "arn:azure:s3:::b".',
    ),
    (
        _document({**READ, "Resource": "arn:aws"}),
        "Resource vendor must be fully qualified and cannot contain regexes.",
    ),
    (
        _document({**READ, "Resource": "arn:aws:s*:::b"}),
        "Resource vendor must be fully qualified and cannot contain regexes.",
    ),
    (_document({**READ, "Resource": "arn:aws:s3::b"}), LEGACY),
    (
        _document({**READ, "Resource": "arn:aws:iam:us-east-1:123456789012:user/a"}),
        "IAM resource arn:aws:iam:us-east-1:123456789012:user/a cannot contain region information.",
    ),
    (
        _document({**READ, "Resource": "arn:aws:iam::123456789012:bob"}),
        IAM_PATH_SENTENCE,
    ),
    (
        _document({**READ, "Resource": "arn:aws:s3:us-east-1::bucket"}),
        "Resource arn:aws:s3:us-east-1::bucket can not contain region information.",
    ),
    (_document({**READ, "Principal": "*"}), "Policy document should not specify a principal."),
    (_document({**READ, "NotPrincipal": "*"}), "Policy document should not specify a principal."),
]


S3_BUCKET = "arn:aws:s3:::bucket"
DATES = ["sdf", "234-13", "2020-01-32", "2016-12-13T2:00:00+1", "2016-12-13T2:00:00.1999999999+10:59"]
DATES += ["2020-01-01T24:00", "2020-01-01T00:60", "2020-01-01T00:00:60Z", "2020-01-01T00:00:00+00:60"]
REFUSALS += [
    (_document({**READ, "Condition": {"DateLessThan": {"aws:CurrentTime": date}}}), LEGACY)
    for date in [*DATES, "9223372036854775808", ""]
]
REFUSALS += [
    (_document({**READ, "Effect": effect}), sentence)
    for effect, sentence in [("denY", LEGACY), ("Allow ", SYNTAX), ("", SYNTAX), (True, SYNTAX)]
]
REFUSALS += [
    (_document({**READ, "Resource": resource}), sentence)
    for resource, sentence in [
        ("", 'Resource  must be in ARN format or "*".'),
        ("a:bs", 'Partition "bs" is not valid for resource "arn:bs:*:*:*:*".'),
        ("aws:s3:::b", 'Partition "s3" is not valid for resource "arn:s3:::b:*".'),
        ("a:b:c:d:e:f:g", 'Partition "b" is not valid for resource "arn:b:c:d:e:f:g".'),
        ("urn:aws:s3:::b", 'Resource urn:aws:s3:::b must be in ARN format or "*".'),
        ("arn:aws::::b", LEGACY),
        ("arn:aws::b", LEGACY),
        ("arn:aws:iam:::bucket", IAM_PATH_SENTENCE),
        (
            "arn:aws:route53:eu-west-1::hostedzone/z",
            "Resource arn:aws:route53:eu-west-1::hostedzone/z can not contain region information.",
        ),
        (
            "arn:aws:route53::123456789012:hostedzone/z",
            "Resource arn:aws:route53::123456789012:hostedzone/z cannot contain an account id.",
        ),
    ]
]
# What is told of a document with several faults: each check is made of the whole document before the next.
NO_ARN = {"Resource": "bucket"}
INCOMPLETE = {"Resource": "arn:aws:s3::bucket"}
REFUSALS += [
    (_document({**READ, "Effect": "deny", "Comment": ""}), SYNTAX),
    (_document({**READ, "Effect": "deny"}, {**READ, "Sid": 1}), SYNTAX),
    (_document({**READ, "Sid": "a"}, {"Sid": "a", "Effect": "aLLow"}), LEGACY),
    (_document({"Effect": "Allow", **INCOMPLETE}), LEGACY),
    (_document({**READ, **NO_ARN}, {**READ, **INCOMPLETE}), LEGACY),
    (_document({**READ, "Sid": "a", **NO_ARN}, {"Sid": "a", "Effect": "Allow"}), "…be unique."),
    (_document({"Effect": "Allow"}), "Policy statement must contain actions."),
    (_document({**READ, **NO_ARN}, {"Effect": "Deny"}), "Policy statement must contain actions."),
    (_document({"Effect": "Allow", "Action": "invalid"}), "Policy statement must contain resources."),
    (_document({**READ, "Action": "s:3:List", **NO_ARN}), 'Resource bucket must be in ARN format or "*".'),
    (
        _document({**READ, "Resource": ["arn:x:s3:::b", "arn:x:s3::b"]}),
        'Partition "x" is not valid for resource "arn:x:s3:::b".',
    ),
    (
        _document({**READ, "NotAction": "", "Action": "a"}),
        SYNTAX,
    ),
    (
        _document({"Effect": "Allow", "NotAction": "", "Resource": "*"}),
        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSALS, ids=map(str, range(len(REFUSALS))))
def test_what_is_no_identity_document_is_refused_with_the_sentence_of_aws(text: str, sentence: str) -> None:
    with pytest.raises(MalformedPolicyDocument) as refused:
        parse_document(text, kind=IDENTITY)
    assert refused.value.message.endswith(sentence.removeprefix("…"))
    assert (refused.value.error_code, refused.value.http_status) == ("MalformedPolicyDocument", 400)


@pytest.mark.parametrize(
    "changes",
    [
        {"Action": "iam: as df "},
        {"Action": "s3-s.x:List"},
        {"Sid": ""},
        {"Condition": {}},
        {"Condition": {"unknown": {}}},
        {"Condition": {"DateGreaterThan": {"a": []}}},
        *(
            {"Condition": {"DateLessThan": {"aws:CurrentTime": date}}}
            for date in ["01T", "-292275054", "2016-12-13t2:00:00.593194+23", "9223372036854775807", 0]
        ),
    ],
)
def test_what_iam_takes_is_taken(changes: dict[str, object]) -> None:
    assert parse_document(_document({**READ, **changes}), kind=IDENTITY).statements


def test_a_session_policy_holds_no_incomplete_arn() -> None:
    """AWS: "session policies … do not support incomplete ARNs" """
    session = DocumentKind.SESSION
    assert parse_document(_document({**READ, "Resource": [S3_BUCKET, "*"]}), kind=session).statements
    for resource in ("arn:aws:s3:*", "arn:aws:sqs"):
        assert parse_document(_document({**READ, "Resource": resource}), kind=IDENTITY).statements
        with pytest.raises(MalformedPolicyDocument, match="must be in ARN format"):
            parse_document(_document({**READ, "Resource": resource}), kind=session)


@pytest.mark.parametrize("kind", [DocumentKind.SESSION, DocumentKind.BOUNDARY])
def test_session_policies_and_boundaries_follow_the_rules_of_identity_policies(kind: DocumentKind) -> None:
    assert parse_document(_document(READ), kind=kind).kind is kind
    with pytest.raises(MalformedPolicyDocument, match="should not specify a principal"):
        parse_document(_document({**READ, "Principal": "*"}), kind=kind)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"Resource": "*"}, "Has prohibited field Resource"),
        ({"NotResource": "*"}, "Has prohibited field NotResource"),
        ({"Principal": None}, "Missing required field Principal"),
        ({"Principal": None, "NotPrincipal": {"AWS": "*"}}, "Has prohibited field NotPrincipal"),
        ({"Action": "s3:GetObject"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({"Action": "*"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({"Principal": "123456789012"}, "Invalid principal in policy."),
        ({"Principal": []}, SYNTAX),
        ({"Principal": {}}, SYNTAX),
        ({"Principal": {"AWS": 5}}, SYNTAX),
        ({"Principal": {"AWS": []}}, 'Invalid principal in policy: "AWS"'),
        ({"Principal": {"User": "x"}}, 'Invalid principal in policy: "User"'),
        ({"Principal": {"AWS": "bob"}}, 'Invalid principal in policy: "AWS":"bob"'),
        (
            {"Principal": {"AWS": "arn:aws:iam::123456789012:role/*"}},
            'Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:role/*"',
        ),
        (
            {"Principal": {"AWS": "arn:aws:iam::12345678910:root"}},
            'Invalid principal in policy: "AWS":"arn:aws:iam::12345678910:root"',
        ),
        (
            {"Principal": {"AWS": "arn:tabard:iam::123456789012:root"}},
            'Invalid principal in policy: "AWS":"arn:tabard:iam::123456789012:root"',
        ),
        ({"Principal": {"Service": "ec2"}}, 'Invalid principal in policy: "SERVICE":"ec2"'),
        ({"Principal": {"Service": "a b.com"}}, 'Invalid principal in policy: "SERVICE":"a b.com"'),
        ({"Principal": {"Federated": ""}}, 'Invalid principal in policy: "FEDERATED":""'),
        ({"Principal": {"Service": "*"}}, 'Invalid principal in policy: "SERVICE":"*"'),
        ({"Principal": {"Service": ""}}, 'Invalid principal in policy: "SERVICE":""'),
    ],
)
def test_what_is_no_trust_document_is_refused_with_the_sentence_of_aws(
    changes: dict[str, object], sentence: str
) -> None:
    tree = {name: value for name, value in {**ASSUME, **changes}.items() if value is not None}
    with pytest.raises(MalformedPolicyDocument) as refused:
        parse_document(_document(tree), kind=TRUST)
    assert refused.value.message == sentence


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["Allow", "*", "s3:*"]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Version", "Statement", "Effect", "Action", "Resource", "Condition", "Principal"]
            )
            | st.text(max_size=4),
            children,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=200) | JSON.map(json.dumps), kind=st.sampled_from(DocumentKind))
def test_any_text_is_a_document_or_is_malformed(text: str, kind: DocumentKind) -> None:
    with suppress(MalformedPolicyDocument):
        assert parse_document(text, kind=kind).statements
