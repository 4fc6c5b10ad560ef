"""What AWS lets pass in a policy and yet cannot be meant: it never matches, or more than it seems."""

import json

import pytest

from tabard.policy import DocumentKind, parse_document
from tabard.policy.advice import advise
from tabard.policy.overlap import can_be
from tabard.policy.vocabulary import GLOBAL_KEYS, MULTIVALUED_GLOBAL_KEYS, Action, Vocabulary

BUCKET = "arn:${Partition}:s3:::${BucketName}"
OBJECT = "arn:${Partition}:s3:::${BucketName}/${ObjectName}"
ROLE = "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}"

VOCABULARY = Vocabulary(
    actions={
        "s3": {
            "getobject": Action(
                name="GetObject", resources=(OBJECT,), keys=frozenset({"existingobjecttag/", "authtype"})
            ),
            "listbucket": Action(
                name="ListBucket", resources=(BUCKET,), keys=frozenset({"prefix", "authtype"})
            ),
            "listallmybuckets": Action(name="ListAllMyBuckets", resources=(), keys=frozenset()),
        },
        "ec2": {"runinstances": Action(name="RunInstances", resources=())},
    },
    keys={
        key.lower(): key
        for key in (*GLOBAL_KEYS, "s3:prefix", "s3:ExistingObjectTag/", "s3:authType", "ec2:InstanceType")
    },
    multivalued=frozenset(key.lower() for key in MULTIVALUED_GLOBAL_KEYS),
)

FINE = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}


def advice(statement: dict[str, object], *, version: str = "2012-10-17") -> list[tuple[object, str]]:
    """The path within the statement, and the sentence, of all advice about it."""
    document = parse_document(
        json.dumps({"Version": version, "Statement": statement}), kind=DocumentKind.IDENTITY
    )
    found = advise(document, VOCABULARY)
    assert all(each.path[:2] == ("Statement", 0) for each in found)
    return [(each.path[2:], each.sentence) for each in found]


def condition(operator: str, key: str, value: object, **more: object) -> list[str]:
    """The sentences about one condition of a statement that is fine without it."""
    statement = {**FINE, "Condition": {operator: {key: value}}, **more}
    found = advice(statement)
    assert all(path == ("Condition", operator, key) for path, _ in found)
    return [sentence for _, sentence in found]


@pytest.mark.parametrize(
    "statement",
    [
        FINE,
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "NotAction": ["s3:Get*", "*:*"], "NotResource": "arn:aws:s3:::b/*"},
        {"Effect": "Allow", "Action": "s3:L*", "Resource": "arn:aws:s3:::b"},
        {"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::${aws:username}/*"]},
        {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": ["arn:aws:s3:::b", "*"]},
    ],
)
def test_what_means_what_it_says_gets_no_advice(statement: dict[str, object]) -> None:
    assert advice(statement) == []


def test_an_action_that_its_service_has_not() -> None:
    found = advice({**FINE, "Action": ["s3:GetObject", "s3:GetObjct", "s3:Xyz*"]})
    assert found == [
        (("Action", 1), "s3:GetObjct: s3 has no such action; s3:GetObject is meant, perhaps"),
        (("Action", 2), "s3:Xyz*: s3 has no such action"),
    ]


def test_an_action_of_a_service_that_is_not_here() -> None:
    assert advice({"Effect": "Deny", "NotAction": "lambda:*", "Resource": "*"}) == [
        (("NotAction", 0), "lambda:*: no service here is called lambda; there are ec2, s3")
    ]


def test_an_action_on_resources_of_another_kind() -> None:
    """The commonest slip there is: s3:ListBucket on the objects of a bucket."""
    found = advice({**FINE, "Action": ["s3:GetObject", "s3:ListBucket", "s3:ListAllMyBuckets"]})
    assert found == [
        (("Action", 1), f"s3:ListBucket is about {BUCKET}: no resource of the statement can be one"),
        (("Action", 2), "s3:ListAllMyBuckets is about no resource: it is allowed on * and on nothing else"),
    ]


@pytest.mark.parametrize(
    ("resource", "arn_format", "fits"),
    [
        ("arn:aws:s3:::b", BUCKET, True),
        ("arn:aws:s3:::b/*", BUCKET, False),
        ("arn:aws:s3:::b*", BUCKET, True),
        ("arn:aws:s3:::b*", OBJECT, True),
        ("arn:aws:s3:::b?c", BUCKET, True),
        ("arn:aws:s3:::b?c", OBJECT, True),
        ("arn:aws:s3:::b/a/b/c", OBJECT, True),
        ("arn:aws:s3:::b", OBJECT, False),
        ("arn:aws:iam::123456789012:role/app/web", ROLE, True),
        ("arn:aws:iam::123456789012:user/web", ROLE, False),
        ("arn:aws:iam::*:role/*", ROLE, True),
        ("arn:aws:iam::*", ROLE, True),
        ("arn:aws:iam:us-east-1:123456789012:role/web", ROLE, False),
        ("arn:*", ROLE, True),
        ("*", BUCKET, True),
        ("arn:aws:s3", BUCKET, False),
        ("arn:aws:s3:::${aws:username}", BUCKET, True),
    ],
)
def test_whether_a_resource_can_be_of_a_kind(resource: str, arn_format: str, fits: bool) -> None:
    assert can_be(resource, arn_format, variables=True) is fits


def test_a_variable_without_meaning_is_its_own_text() -> None:
    assert can_be("arn:aws:s3:::${aws:username}", BUCKET, variables=False) is False  # it holds a colon


@pytest.mark.parametrize("operator", ["StringEquals", "StringLike", "ForAnyValue:StringLikeIfExists"])
def test_a_sound_condition_gets_no_advice(operator: str) -> None:
    for key in ("aws:PrincipalTag/team", "s3:ExistingObjectTag/team", "S3:AuthType", "saml:aud"):
        if not key.startswith("saml"):
            assert condition(operator, key, "a") == []
    assert condition(operator, "token.actions.githubusercontent.com:sub", "repo") == []


def test_a_condition_key_that_no_request_has() -> None:
    assert condition("StringEquals", "aws:SourcIp", "a") == [
        "no request has the condition key aws:SourcIp; aws:SourceIp is meant, perhaps"
    ]
    assert condition("StringEquals", "aws:Qqqqqqq", "a") == ["no request has the condition key aws:Qqqqqqq"]
    assert condition("StringEquals", "kms:ViaService", "a") == [
        "no service here has the condition key kms:ViaService"
    ]


def test_a_condition_key_that_no_request_of_these_actions_has() -> None:
    assert condition("StringEquals", "s3:prefix", "a") == [
        "no request of s3:GetObject has the condition key s3:prefix"
    ]
    both = ["s3:GetObject", "s3:ListBucket"]
    assert condition("StringEquals", "s3:prefix", "a", Action=both, Resource="*") == []
    assert condition("StringEquals", "s3:prefix", "a", Action=["*", "s3:GetObject"], Resource="*") == []
    # Of EC2 it is not told which action has which key.
    instances = {"Action": "ec2:RunInstances", "Resource": "*"}
    assert condition("StringEquals", "ec2:InstanceType", "t3.micro", **instances) == []


def test_a_condition_key_of_unknown_actions_is_not_spoken_of() -> None:
    statement = {**FINE, "Action": "s3:Xyz", "Condition": {"StringEquals": {"s3:prefix": "a"}}}
    assert [path for path, _ in advice(statement)] == [("Action", 0)]
    denial = {"Effect": "Deny", "NotAction": "s3:GetObject", "Resource": "*"}
    assert advice({**denial, "Condition": {"StringEquals": {"s3:prefix": "a"}}}) == []


@pytest.mark.parametrize(
    ("operator", "key", "value", "sentence"),
    [
        (
            "NumericEquals",
            "aws:EpochTime",
            "soon",
            "NumericEquals cannot compare with soon; the condition never holds",
        ),
        (
            "IpAddress",
            "aws:SourceIp",
            "10.0.0.0/99",
            "IpAddress cannot compare with 10.0.0.0/99; the condition never holds",
        ),
        ("ArnLike", "aws:PrincipalArn", "web", "ArnLike cannot compare with web; the condition never holds"),
        ("Bool", "aws:SecureTransport", "yes", "Bool takes true or false; the condition never holds"),
        ("Null", "aws:userid", "maybe", "Null takes true or false; the condition never holds"),
        ("StringEquals", "aws:userid", [], "StringEquals compares aws:userid with no value"),
        ("StringEquals", "aws:userid", "A*", "StringEquals takes A* literally; wildcards are for StringLike"),
        (
            "ForAllValues:StringEquals",
            "aws:TagKeys",
            "a",
            "ForAllValues holds where the request has no aws:TagKeys, too; add a Null condition",
        ),
        (
            "StringEquals",
            "aws:userid",
            "${aws:usernam}",
            "${aws:usernam}: no request has this condition key; aws:username is meant, perhaps",
        ),
    ],
)
def test_a_condition_that_cannot_be_meant(operator: str, key: str, value: object, sentence: str) -> None:
    assert condition(operator, key, value) == [sentence]


@pytest.mark.parametrize(
    ("operator", "key", "value"),
    [
        ("Null", "aws:userid", ["TRUE", False]),
        ("Bool", "aws:SecureTransport", True),
        ("Bool", "aws:SecureTransport", "${aws:PrincipalTag/secure}"),
        ("StringEquals", "aws:userid", ["${*}", "${aws:username}", "${saml.example.com:sub}"]),
        ("StringNotLike", "aws:userid", "A*"),
        ("DateLessThan", "aws:CurrentTime", "2030-01-01T00:00:00Z"),
    ],
)
def test_a_condition_that_is_sound(operator: str, key: str, value: object) -> None:
    assert condition(operator, key, value) == []


def test_what_cannot_be_compared_lets_a_denial_stand() -> None:
    [sentence] = condition("IpAddress", "aws:SourceIp", "here", Effect="Deny")
    assert sentence == "IpAddress cannot compare with here; the condition always holds"
    assert condition("ForAllValues:StringEquals", "aws:TagKeys", "a", Effect="Deny") == []


@pytest.mark.parametrize("operator", ["StringEquals", "StringLikeIfExists", "StringNotEquals"])
def test_a_scalar_operator_on_a_multivalued_key_needs_a_set_operator(operator: str) -> None:
    """AWS: "The request context key {key} has multiple values. Use the ForAllValues or ForAnyValue …"."""
    [of_an_allow] = condition(operator, "aws:TagKeys", "team")
    assert of_an_allow == (
        f"aws:TagKeys is multivalued, and {operator} never holds for a request that has it; "
        f"write ForAllValues:{operator} (for every value) or ForAnyValue:{operator} (for at least one)"
    )
    [of_a_deny] = condition(operator, "AWS:tagkeys", "team", Effect="Deny")
    assert of_a_deny == (
        "AWS:tagkeys is multivalued and needs a set operator; "
        f"write ForAnyValue:{operator} to deny where it holds for at least one value"
    )


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize(
    ("operator", "key", "value"),
    [
        ("ForAnyValue:StringEquals", "aws:TagKeys", "team"),
        ("Null", "aws:TagKeys", "false"),
        ("StringEquals", "aws:RequestTag/team", "blue"),
        ("StringEquals", "aws:CalledViaFirst", "athena.amazonaws.com"),
        ("ArnEquals", "aws:SourceVpcArn", "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1a2b3c4d"),
    ],
)
def test_what_needs_no_other_set_operator(operator: str, key: str, value: str, effect: str) -> None:
    assert condition(operator, key, value, Effect=effect) == []


def test_a_multivalued_key_is_no_variable() -> None:
    """AWS: "you cannot use a multivalued context key as a policy variable"."""
    assert advice({**FINE, "Resource": "arn:aws:s3:::b/${aws:TagKeys}/*"}) == [
        (("Resource", 0), "${aws:TagKeys} matches nothing: a multivalued key cannot be a variable")
    ]


def test_variables_need_the_newer_version_of_the_language() -> None:
    found = advice({**FINE, "Resource": "arn:aws:s3:::b/${aws:username}"}, version="2008-10-17")
    literally = '${aws:username} is taken literally: variables need "Version": "2012-10-17"'
    assert found == [(("Resource", 0), literally)]


def test_an_action_is_found_whatever_the_case_of_its_letters() -> None:
    assert VOCABULARY.action("S3:getobject") == VOCABULARY.actions["s3"]["getobject"]
    assert VOCABULARY.action("s3:Nothing") is None
    assert VOCABULARY.action("kms:Encrypt") is None
