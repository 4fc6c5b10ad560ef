"""What is kept of a denial: enough to explain it for ever, and no secret."""

import json
import random
from typing import Any

import pytest

from tabard.access.authorize import Decided
from tabard.access.check import Check
from tabard.access.denial_record import MOST_STATEMENTS, denial_record_json, statement_behind
from tabard.access.encoded_denial import LONGEST_MESSAGE_CHARACTERS, decoded_message, with_encoded_message
from tabard.credentials.sealed_message import open_message
from tabard.policy import (
    AccessRequest,
    Decision,
    Document,
    DocumentKind,
    Effect,
    Layer,
    MatchedStatement,
    NamedDocument,
    PolicyLayers,
    PolicyPrincipal,
    PrincipalKind,
    RequestContext,
    Statement,
    StatementEffect,
    compile_policies,
    decide,
)
from tabard.store.compiled_policies import compile_trust_policy
from tests.support.access_cases import READ, denied, policy, web
from tests.support.installation import ACCOUNT_ID, REGION, Installation


def kept(denial: Decided) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(denial_record_json(denial))
    return told


def test_a_near_miss_says_what_was_wanted_and_what_the_request_had(here: Installation) -> None:
    caller = web(here, policy("s3:GetObject", StringEquals={"aws:PrincipalTag/squad": "blue"}))
    told = kept(denied(here, caller, READ).denial)
    assert (told["action"], told["resource"], told["effect"], told["layer"]) == (
        "s3:GetObject",
        "arn:aws:s3:::b/k",
        "implicit-deny",
        "identity",
    )
    [miss] = told["statements"]
    assert miss["applies"] is False
    assert miss["failed"] == {
        "element": "Condition",
        "operator": "StringEquals",
        "key": "aws:PrincipalTag/squad",
        "wanted": ["blue"],
        "actual": None,
        "reason": "",
    }
    assert told["context"]["aws:sourceip"] == ["127.0.0.1"]
    assert told["left_out"] == 0


def test_a_denying_statement_says_which_condition_values_held(here: Installation) -> None:
    deny = policy("*", effect="Deny", StringLike={"aws:PrincipalArn": "arn:aws:iam::*"})
    told = kept(denied(here, web(here, policy("s3:*"), deny), READ).denial)
    [applied] = [said for said in told["statements"] if said["effect"] == "Deny"]
    assert (applied["applies"], applied["failed"], applied["policy"]) == (True, None, "p2")
    [held] = applied["held"]
    assert (held["operator"], held["key"], held["wanted"]) == (
        "StringLike",
        "aws:PrincipalArn",
        ["arn:aws:iam::*"],
    )
    assert held["actual"][0].startswith("arn:aws:iam::")


def test_the_nearest_misses_come_first_and_other_actions_are_left_out(here: Installation) -> None:
    caller = web(
        here,
        policy("sqs:*"),
        policy("s3:*", "arn:aws:s3:::other/*"),
        policy("s3:GetObject", Bool={"aws:SecureTransport": "true"}),
    )
    told = kept(denied(here, caller, READ).denial)
    assert [said["failed"]["element"] for said in told["statements"]] == ["Condition", "Resource"]
    assert told["left_out"] == 1


def test_what_is_kept_is_bounded(here: Installation) -> None:
    many = policy("s3:*", "arn:aws:s3:::other/*")
    statements = json.loads(many)["Statement"] * (MOST_STATEMENTS + 5)
    long = policy(
        "s3:GetObject", StringEquals={"aws:userid": ["x" * 1000, *(str(number) for number in range(30))]}
    )
    caller = web(here, json.dumps({"Version": "2012-10-17", "Statement": statements}), long)
    told = kept(denied(here, caller, READ).denial)
    assert len(told["statements"]) == MOST_STATEMENTS
    assert told["left_out"] == 6
    wanted = told["statements"][0]["failed"]["wanted"]
    assert wanted[0] == "x" * 256 + "…"
    assert wanted[-1] == "… and 11 more"


def test_the_referer_may_hold_a_secret_and_is_not_recorded(here: Installation) -> None:
    caller = web(here, policy("s3:*", StringEquals={"aws:Referer": "https://intranet/"}))
    refusal = denied(here, caller, READ, referer="https://host/?token=very-secret")
    text = denial_record_json(refusal.denial)
    assert "very-secret" not in text
    told = json.loads(text)
    assert told["context"]["aws:referer"] == ["(not recorded)"]
    assert told["statements"][0]["failed"]["actual"] == ["(not recorded)"]


def document(effect: StatementEffect, *actions: str) -> NamedDocument:
    statement = Statement(effect=effect, sid="S", actions=actions, resources=("*",))
    return NamedDocument(
        "policy", Document(kind=DocumentKind.IDENTITY, version="2012-10-17", statements=(statement,))
    )


@pytest.mark.parametrize("layer", list(Layer))
def test_the_statement_behind_a_decision_is_found_in_every_layer(layer: Layer) -> None:
    one = compile_policies([document(StatementEffect.DENY, "s3:*")])
    layers = {
        Layer.IDENTITY: PolicyLayers(identity=one),
        Layer.RESOURCE: PolicyLayers(identity=compile_policies([]), resource=one),
        Layer.BOUNDARY: PolicyLayers(identity=compile_policies([]), boundary=one),
        Layer.SESSION: PolicyLayers(identity=compile_policies([]), session=one),
        Layer.SERVICE_CONTROL: PolicyLayers(identity=compile_policies([]), service_control=(one,)),
        Layer.RESOURCE_CONTROL: PolicyLayers(identity=compile_policies([]), resource_control=(one,)),
    }[layer]
    matched = MatchedStatement("policy", "S", 0)
    found = statement_behind(matched, layer, layers)
    assert found is not None
    assert found.actions == ("s3:*",)
    assert statement_behind(MatchedStatement("other", "S", 0), layer, layers) is None
    assert statement_behind(matched, layer, PolicyLayers(identity=compile_policies([]))) is None


def test_a_decoded_message_has_every_member_of_awss(here: Installation) -> None:
    caller = web(
        here, policy("ec2:*"), policy("ec2:RunInstances", effect="Deny", StringLike={"aws:userid": "*"})
    )
    resource = f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/*"
    told: dict[str, Any] = decoded_message(
        denied(here, caller, Check(action="ec2:RunInstances", resource=resource), service="ec2").denial
    )
    assert (told["allowed"], told["explicitDeny"], told["failures"]) == (False, True, {"items": []})
    assert told["matchedStatements"]["items"] == [
        {
            "statementId": "",
            "policy": "p2",
            "policyType": "identity",
            "effect": "DENY",
            "principals": {"items": [{"value": here.web.role_id}]},
            "principalGroups": {"items": []},
            "actions": {"items": [{"value": "ec2:RunInstances"}]},
            "resources": {"items": [{"value": "*"}]},
            "conditions": {"items": [{"key": "aws:userid", "values": {"items": [{"value": "*"}]}}]},
        }
    ]
    context = told["context"]
    assert context["principal"]["id"].startswith(f"{here.web.role_id}:")
    assert context["principal"]["arn"].startswith("arn:aws:sts::")
    assert (context["action"], context["resource"]) == ("ec2:RunInstances", resource)
    keys = {item["key"]: item["values"]["items"] for item in context["conditions"]["items"]}
    assert keys["aws:Type"] == [{"value": "instance"}]
    assert keys["aws:Region"] == [{"value": REGION}]


def test_a_user_is_named_in_a_decoded_message() -> None:
    principal = PolicyPrincipal(arn="arn:aws:iam::1:user/bob", account_id="1", kind=PrincipalKind.USER)
    context = RequestContext.of({"aws:userid": "AIDAX", "aws:username": "bob"})
    request = AccessRequest("ec2:DescribeInstances", "*", principal, context)
    layers = PolicyLayers(identity=compile_policies([]))
    check = Check(action=request.action, resource="*")
    decision = decide(request, layers)
    told: Any = decoded_message(Decided(check=check, request=request, layers=layers, decision=decision))
    assert told["context"]["principal"] == {
        "id": "AIDAX",
        "name": "bob",
        "arn": "arn:aws:iam::1:user/bob",
    }
    assert {item["key"] for item in told["context"]["conditions"]["items"]} == {"aws:userid", "aws:username"}
    unknown = Decision(Effect.EXPLICIT_DENY, Layer.IDENTITY, (MatchedStatement("gone", "S", 0),))
    told = decoded_message(Decided(check=check, request=request, layers=layers, decision=unknown))
    assert told["matchedStatements"]["items"] == [
        {"statementId": "S", "policy": "gone", "policyType": "identity"}
    ]


def test_what_a_statement_excludes_is_not_said_to_be_what_it_names(here: Installation) -> None:
    statement = {"Sid": "S", "Effect": "Deny", "NotAction": "s3:*", "NotResource": "arn:aws:s3:::b"}
    caller = web(here, json.dumps({"Version": "2012-10-17", "Statement": statement}))
    told: Any = decoded_message(
        denied(here, caller, Check(action="ec2:StopInstances", resource="*"), service="ec2").denial
    )
    [matched] = told["matchedStatements"]["items"]
    assert matched["notActions"] == {"items": [{"value": "s3:*"}]}
    assert matched["notResources"] == {"items": [{"value": "arn:aws:s3:::b"}]}


def test_a_message_is_never_too_long_to_be_decoded(here: Installation) -> None:
    noise = random.Random(7)
    conditions = {
        key: ["".join(chr(noise.randrange(33, 127)) for _ in range(250)) for _ in range(20)]
        for key in ("aws:userid", "aws:username", "aws:UserAgent")
    }
    deny = policy("ec2:*", effect="Deny", StringNotEquals=conditions)
    refusal = denied(here, web(here, deny), Check(action="ec2:RunInstances", resource="*"), service="ec2")
    encoded = with_encoded_message(refusal, here.keyring).message.rpartition(" ")[2]
    assert len(encoded) <= LONGEST_MESSAGE_CHARACTERS
    told = json.loads(open_message(encoded, here.keyring))
    assert told["explicitDeny"] is True
    assert told["context"]["conditions"] == {"items": []}


def test_a_trust_policys_denial_is_kept_too(here: Installation) -> None:
    trust = compile_trust_policy(
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"999999999999"},'
        '"Action":"sts:AssumeRole"}}'
    )
    check = Check(action="sts:AssumeRole", resource=here.web.arn, resource_policy=trust)
    told = kept(denied(here, web(here, policy("sts:*")), check, service="sts").denial)
    miss = next(said for said in told["statements"] if not said["applies"])
    assert (miss["layer"], miss["failed"]["element"]) == ("resource", "Principal")
