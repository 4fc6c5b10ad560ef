"""Why a request was denied: the sentence that AWS answers, and what of each statement failed first.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

import json

import pytest

from tabard.policy import (
    CompiledPolicies,
    PolicyPrincipal,
    compile_policies,
    decide,
    denial_sentence,
    explain,
)
from tests.support.policy_cases import (
    ACCOUNT,
    ALICE,
    ANONYMOUS,
    EC2,
    about_resource,
    layers,
    policies,
    request,
    statement,
    trust,
)

YES, NO = statement(action="*"), statement("Deny", action="*")
NOTHING = compile_policies([])
PUT = request(action="s3:PutObject")
WHO = f"User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform: "
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/web"


@pytest.mark.parametrize(
    ("statements", "others", "ending"),
    [
        ((), {}, "because no identity-based policy allows the s3:PutObject action"),
        ((NO,), {}, "with an explicit deny in an identity-based policy"),
        ((YES,), {"boundary": NOTHING}, "because no permissions boundary allows the s3:PutObject action"),
        ((YES,), {"boundary": policies(NO)}, "with an explicit deny in a permissions boundary"),
        ((YES,), {"session": NOTHING}, "because no session policy allows the s3:PutObject action"),
        ((YES,), {"session": policies(NO)}, "with an explicit deny in a session policy"),
        (
            (YES,),
            {"resource": about_resource(statement("Deny", "*", Principal="*"))},
            "with an explicit deny in a resource-based policy",
        ),
    ],
)
def test_a_denial_reads_as_aws_writes_it(
    statements: tuple[dict[str, object], ...], others: dict[str, CompiledPolicies], ending: str
) -> None:
    decision = decide(PUT, layers(*statements, **others))
    beginning = f"{WHO}s3:PutObject on resource: "
    assert denial_sentence(PUT, decision) == f"{beginning}arn:aws:s3:::bucket/key {ending}"
    assert (
        denial_sentence(PUT, decision, quote_resource=True)
        == f'{beginning}"arn:aws:s3:::bucket/key" {ending}'
    )


def test_a_denial_across_accounts_blames_the_resource_policy() -> None:
    asked = request(action="s3:PutObject", resource_account="111122223333")
    sentence = denial_sentence(asked, decide(asked, layers(YES)))
    assert sentence.endswith("because no resource-based policy allows the s3:PutObject action")


@pytest.mark.parametrize(
    ("principal", "who"),
    [(ALICE, ALICE.arn), (EC2, "ec2.amazonaws.com"), (ANONYMOUS, "anonymous")],
)
def test_a_denied_assume_role_names_the_role_trust_policy(principal: PolicyPrincipal, who: str) -> None:
    asked = request(action="sts:AssumeRole", resource=ROLE_ARN, principal=principal)
    beginning = f"User: {who} is not authorized to perform: sts:AssumeRole on resource: {ROLE_ARN}"
    silent = layers(YES, resource=trust({"Principal": {"Service": "ecs.amazonaws.com"}}))
    assert denial_sentence(asked, decide(asked, silent)) == (
        f"{beginning} because no role trust policy allows the sts:AssumeRole action"
    )
    denying = layers(YES, resource=trust({"Effect": "Deny", "Principal": "*"}))
    assert denial_sentence(asked, decide(asked, denying)) == (
        f"{beginning} with an explicit deny in the role trust policy"
    )


def test_an_action_without_a_resource_names_none() -> None:
    asked = request(action="sagemaker:ListModels", resource="*")
    assert denial_sentence(asked, decide(asked, layers())) == (
        f"{WHO}sagemaker:ListModels because no identity-based policy allows the sagemaker:ListModels action"
    )


def test_what_does_not_print_is_escaped() -> None:
    asked = request(resource="arn:aws:s3:::bucket/a\nUser: b\x00")
    assert r"bucket/a\nUser: b\x00 because" in denial_sentence(asked, decide(asked, layers()))


def test_each_statement_tells_the_first_thing_that_failed() -> None:
    asked = request(aws__username="alice")
    resource = about_resource(
        statement(Principal={"AWS": "111122223333", "Service": "ec2.amazonaws.com"}),
        statement("Deny", NotPrincipal={"AWS": [ALICE.arn, ACCOUNT]}),
    )
    explanation = explain(
        asked,
        layers(
            statement(action="s3:PutObject", Sid="Writes"),
            statement(action=None, NotAction="s3:Get*"),
            statement(Resource="arn:aws:s3:::other/*"),
            statement(Resource=None, NotResource="arn:aws:s3:::bucket/*"),
            statement(Condition={"StringEquals": {"aws:username": ["bob", "carol"]}}),
            statement(
                Condition={"StringLike": {"aws:username": "*"}, "Bool": {"aws:SecureTransport": "true"}}
            ),
            statement(Condition={"ForAllValues:StringEquals": {"aws:username": []}}),
            statement(),
            resource=resource,
        ),
    )
    assert explanation.decision.allowed
    failures = [None if f.failure is None else str(f.failure) for f in explanation.findings]
    assert failures == [
        "Action: wanted s3:PutObject; the request's is s3:GetObject",
        "Action: wanted not s3:Get*; the request's is s3:GetObject",
        "Resource: wanted arn:aws:s3:::other/*; the request's is arn:aws:s3:::bucket/key",
        "Resource: wanted not arn:aws:s3:::bucket/*; the request's is arn:aws:s3:::bucket/key",
        "Condition StringEquals aws:username: wanted bob, carol; the request's is alice",
        "Condition Bool aws:SecureTransport: wanted true; the request's is absent",
        "Condition ForAllValues:StringEquals aws:username: wanted nothing; the request's is alice",
        None,
        f"Principal: wanted 111122223333, ec2.amazonaws.com; the request's is {ALICE.arn}",
        f"Principal: wanted not {ALICE.arn}, not {ACCOUNT}; the request's is {ALICE.arn}",
    ]
    assert [finding.applies for finding in explanation.findings].count(True) == 1


def test_a_scalar_operator_on_a_multivalued_key_is_the_reason() -> None:
    asked = request(aws__TagKeys=["team"])
    explanation = explain(asked, layers(statement(Condition={"StringEquals": {"aws:TagKeys": "team"}})))
    [failure] = [finding.failure for finding in explanation.findings]
    needs = (
        "aws:TagKeys is multivalued: StringEquals needs ForAnyValue:StringEquals or ForAllValues:StringEquals"
    )
    assert str(failure) == (
        f"Condition StringEquals aws:TagKeys: wanted team; the request's is team; {needs}"
    )
    [told] = json.loads(json.dumps(explanation.as_json()))["statements"]
    assert told["failed"]["reason"] == needs


@pytest.mark.parametrize(
    ("condition", "tag_keys"),
    [
        ({"StringEquals": {"aws:TagKeys": "team"}}, {}),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "team"}}, {"aws__TagKeys": ["cost"]}),
        ({"Null": {"aws:TagKeys": "true"}}, {"aws__TagKeys": ["team"]}),
        ({"StringEquals": {"aws:username": "bob"}}, {"aws__username": "alice"}),
    ],
)
def test_another_failure_needs_no_set_operator(
    condition: dict[str, object], tag_keys: dict[str, str | list[str]]
) -> None:
    explanation = explain(request(**tag_keys), layers(statement(Condition=condition)))
    assert [finding.failure.reason for finding in explanation.findings if finding.failure] == [""]


def test_an_explanation_reads_as_text_and_as_json() -> None:
    explanation = explain(PUT, layers(statement(Sid="Reads"), boundary=policies(NO)))
    assert explanation.as_text() == (
        f"explicit-deny by the boundary layer: {ALICE.arn} s3:PutObject on arn:aws:s3:::bucket/key\n"
        "  identity policy p, statement 0 (Reads), Allow: does not apply. "
        "Action: wanted s3:GetObject; the request's is s3:PutObject\n"
        "  boundary policy p, statement 0, Deny: applies"
    )
    assert json.loads(json.dumps(explanation.as_json())) == {
        "action": "s3:PutObject",
        "resource": "arn:aws:s3:::bucket/key",
        "principal": ALICE.arn,
        "effect": "explicit-deny",
        "layer": "boundary",
        "matched": [{"policy": "p", "sid": "", "index": 0}],
        "statements": [
            {
                "layer": "identity",
                "policy": "p",
                "sid": "Reads",
                "index": 0,
                "effect": "Allow",
                "applies": False,
                "failed": {
                    "element": "Action",
                    "operator": "",
                    "key": "",
                    "wanted": ["s3:GetObject"],
                    "actual": ["s3:PutObject"],
                    "reason": "",
                },
            },
            {
                "layer": "boundary",
                "policy": "p",
                "sid": "",
                "index": 0,
                "effect": "Deny",
                "applies": True,
                "failed": None,
            },
        ],
    }
    absent = explain(request(), layers(statement(Condition={"Bool": {"aws:SecureTransport": "true"}})))
    assert '"actual": null' in json.dumps(absent.as_json())


def test_a_statement_that_names_nobody_reaches_nobody() -> None:
    finding = explain(PUT, layers(resource=policies(YES))).findings[0]
    assert str(finding.failure) == f"Principal: wanted nothing; the request's is {ALICE.arn}"


def test_a_resource_policy_that_names_the_caller_applies() -> None:
    explanation = explain(PUT, layers(resource=about_resource(statement(action="*", Principal="*"))))
    assert [finding.applies for finding in explanation.findings] == [True]
