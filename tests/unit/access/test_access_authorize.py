"""A Permit for what every policy allows, and AWS's own sentence for what one of them does not."""

import json
from dataclasses import replace

import msgspec
import pytest

from tabard.access.authorize import Permit, authorize, authorize_each
from tabard.access.check import Check
from tabard.access.encoded_denial import with_encoded_message
from tabard.access.refusals import AccessDenied, Service
from tabard.credentials.sealed_message import open_message
from tabard.model.network_path import NetworkPath
from tabard.policy import Effect, Layer, MatchedStatement
from tabard.store.compiled_policies import compile_trust_policy
from tests.support.access_cases import READ, WRITE, denied, permit, policy, web
from tests.support.installation import ACCOUNT_ID, REGION, Installation, Keys, instance_facts


def test_a_permit_holds_what_was_allowed(here: Installation) -> None:
    caller = web(here, policy("s3:GetObject"))
    given = permit(here, caller, READ)
    assert given.caller is caller
    assert given.checks == (READ,)
    assert (given.service, given.partition, given.account_id, given.region) == (
        "s3",
        "aws",
        ACCOUNT_ID,
        REGION,
    )
    assert (given.now, given.snapshot_version) == (here.now, here.snapshot.version)
    [decided] = given.decided
    assert decided.check is READ
    assert decided.decision.matched == (MatchedStatement("p1", "", 0),)
    assert given.request_id == here.facts().request_id


def test_nothing_is_allowed_by_default(here: Installation) -> None:
    refusal = denied(here, web(here), READ)
    assert refusal.denial.decision.effect is Effect.IMPLICIT_DENY
    assert refusal.denial.check is READ
    assert (refusal.error_code, refusal.http_status) == ("AccessDenied", 403)


def test_one_check_that_is_not_allowed_refuses_them_all(here: Installation) -> None:
    refusal = denied(here, web(here, policy("s3:GetObject")), READ, WRITE)
    assert refusal.denial.check is WRITE


def test_a_policy_change_takes_effect_on_the_next_request(here: Installation) -> None:
    caller = web(here, policy("s3:*"))
    permit(here, caller, READ)
    here.allow(policy("s3:*"), policy("s3:Get*", effect="Deny"))
    denied(here, caller, READ)


SESSION = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/web/session"


@pytest.mark.parametrize(
    ("service", "check", "sentence"),
    [
        (
            "s3",
            WRITE,
            (
                f'User: {SESSION} is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::b/k" '
                "because no identity-based policy allows the s3:PutObject action"
            ),
        ),
        (
            "dynamodb",
            Check(action="dynamodb:Query", resource="arn:aws:dynamodb:eu-central-1:123456789012:table/t"),
            (
                f"User: {SESSION} is not authorized to perform: dynamodb:Query on resource: "
                "arn:aws:dynamodb:eu-central-1:123456789012:table/t because no identity-based policy allows "
                "the dynamodb:Query action"
            ),
        ),
        (
            "sqs",
            Check(action="sqs:SendMessage", resource="arn:aws:sqs:eu-central-1:123456789012:q"),
            (
                f"User: {SESSION} is not authorized to perform: sqs:sendmessage on resource: "
                "arn:aws:sqs:eu-central-1:123456789012:q because no identity-based policy allows the "
                "sqs:sendmessage action"
            ),
        ),
        (
            "iam",
            Check(action="iam:ListRoles", resource="*"),
            (
                f"User: {SESSION} is not authorized to perform: iam:ListRoles because no identity-based "
                "policy allows the iam:ListRoles action"
            ),
        ),
    ],
)
def test_a_denial_reads_as_awss(here: Installation, service: Service, check: Check, sentence: str) -> None:
    refusal = denied(here, web(here), check, service=service)
    assert refusal.message == refusal.reason == sentence


def test_an_explicit_deny_is_said_to_be_one(here: Installation) -> None:
    caller = web(here, policy("s3:*"), policy("*", effect="Deny"))
    refusal = denied(here, caller, READ)
    assert refusal.denial.decision.effect is Effect.EXPLICIT_DENY
    assert refusal.message == (
        f'User: {SESSION} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/k" '
        "with an explicit deny in an identity-based policy"
    )


def test_session_policies_are_a_ceiling_and_no_grant(here: Installation) -> None:
    narrow = web(here, policy("s3:*"), session_policies=(policy("s3:GetObject"), policy("sqs:*")))
    permit(here, narrow, READ)
    refusal = denied(here, narrow, WRITE)
    assert refusal.denial.decision.layer is Layer.SESSION
    assert refusal.message.endswith("because no session policy allows the s3:PutObject action")
    assert denied(here, narrow, Check(action="sqs:SendMessage", resource="*")).denial.decision.layer is (
        Layer.IDENTITY
    )


def test_a_session_policy_that_cannot_be_read_refuses_everything(here: Installation) -> None:
    denied(here, web(here, policy("s3:*"), session_policies=("{",)), READ)


def test_assuming_a_role_needs_the_role_to_trust_and_says_no_more_than_no(here: Installation) -> None:
    trusting = compile_trust_policy(
        json.dumps(
            {"Statement": [{"Effect": "Allow", "Principal": {"AWS": SESSION}, "Action": "sts:AssumeRole"}]}
        )
    )
    bare = Check(action="sts:AssumeRole", resource=f"arn:aws:iam::{ACCOUNT_ID}:role/other")
    caller = web(here, policy("sts:AssumeRole"))
    permit(here, caller, msgspec.structs.replace(bare, resource_policy=trusting), service="sts")
    other = compile_trust_policy(here.web.trust_policy)
    for check in (bare, msgspec.structs.replace(bare, resource_policy=other)):
        refusal = denied(here, caller, check, service="sts")
        assert refusal.message == (
            f"User: {SESSION} is not authorized to perform: sts:AssumeRole on resource: {bare.resource}"
        )
        assert refusal.reason == (
            f"{refusal.message} because no role trust policy allows the sts:AssumeRole action"
        )
    assert denied(here, web(here, policy("*", effect="Deny")), bare, service="sts").message == refusal.message


def test_the_root_may_everything_and_a_host_next_to_nothing(here: Installation) -> None:
    permit(here, here.caller(here.signed("s3", here.root_key)), READ, WRITE)
    host = here.caller(here.signed("hosts", here.host_key))
    denied(here, host, READ, service="hosts")
    denied(here, here.caller(here.signed("s3", here.alice_key)), READ)


CONDITIONS = {
    "aws:PrincipalArn": lambda here: here.web.arn,
    "aws:PrincipalAccount": lambda here: ACCOUNT_ID,
    "aws:PrincipalType": lambda here: "AssumedRole",
    "aws:PrincipalIsAWSService": lambda here: "false",
    "aws:PrincipalTag/Stage": lambda here: "test",
    "aws:userid": lambda here: f"{here.web.role_id}:session",
    "aws:MultiFactorAuthPresent": lambda here: "false",
    "aws:TokenIssueTime": lambda here: "2026-01-31T12:00:00Z",
    "aws:ResourceAccount": lambda here: ACCOUNT_ID,
    "aws:SourceIp": lambda here: "127.0.0.1",
    "aws:SecureTransport": lambda here: "false",
    "aws:CurrentTime": lambda here: "2026-01-31T12:00:00Z",
    "aws:EpochTime": lambda here: "1769860800",
    "aws:RequestedRegion": lambda here: REGION,
    "aws:ViaAWSService": lambda here: "false",
    "aws:UserAgent": lambda here: "tests",
    "ec2:RoleDelivery": lambda here: "2.0",
    "aws:Ec2InstanceSourceVpc": lambda here: "vpc-0123456789abcdef0",
    "aws:Ec2InstanceSourcePrivateIPv4": lambda here: "10.0.0.4",
}


@pytest.mark.parametrize("key", CONDITIONS)
def test_every_request_shows_its_condition_keys(here: Installation, key: str) -> None:
    value = CONDITIONS[key](here)
    caller = web(here, policy("s3:*", StringEquals={key: value}), instance=instance_facts())
    permit(here, caller, READ)
    here.allow(policy("s3:*", StringEquals={key: f"not {value}"}))
    denied(here, caller, READ)


@pytest.mark.parametrize(
    ("key", "fact", "value"),
    [
        ("aws:SourceIp", "source_ip", "10.0.0.4"),
        ("aws:UserAgent", "user_agent", "another"),
        ("aws:Referer", "referer", "http://x/"),
    ],
)
def test_a_fact_that_a_request_does_not_have_is_absent_and_not_empty(
    here: Installation, key: str, fact: str, value: str
) -> None:
    caller = web(here, policy("s3:*", Null={key: "false"}))
    authorize(caller, [READ], here.facts(**{fact: value}), here.snapshot)
    denied(here, caller, READ, **{fact: ""})


@pytest.mark.parametrize("scope_region", ["eu-west-1", "us-east-1"])
def test_iam_is_in_one_region_whatever_its_caller_signs_for(here: Installation, scope_region: str) -> None:
    """A region that the caller chose would let it past a policy that holds it to one."""
    listing = msgspec.structs.replace(READ, action="iam:ListRoles", resource="*")
    caller = web(here, policy("iam:*", StringEquals={"aws:RequestedRegion": "us-east-1"}))
    authorize(caller, [listing], here.facts(service="iam", region=scope_region), here.snapshot)
    here.allow(policy("iam:*", StringEquals={"aws:RequestedRegion": "eu-west-1"}))
    denied(here, caller, listing, service="iam", region=scope_region)


def test_a_secure_request_is_one(here: Installation) -> None:
    caller = web(here, policy("s3:*", Bool={"aws:SecureTransport": "true"}))
    authorize(caller, [READ], here.facts(secure=True), here.snapshot)
    denied(here, caller, READ)


def test_a_check_shows_keys_of_its_own(here: Installation) -> None:
    caller = web(here, policy("s3:*", StringEquals={"s3:prefix": "public/"}))
    permit(here, caller, msgspec.structs.replace(READ, context={"s3:prefix": ("public/",)}))
    denied(here, caller, READ)


def test_part_by_part_the_denied_are_told_and_the_others_permitted(here: Installation) -> None:
    caller = web(here, policy("s3:GetObject", "arn:aws:s3:::b/k"))
    other = msgspec.structs.replace(READ, resource="arn:aws:s3:::b/other")
    given, refused = authorize_each(caller, [READ, other, WRITE, READ], here.facts(), here.snapshot)
    assert given.checks == (READ, READ)
    assert [refusal.denial.check for refusal in refused] == [other, WRITE]
    nothing, all_refused = authorize_each(caller, [WRITE], here.facts(), here.snapshot)
    assert nothing.checks == ()
    assert len(all_refused) == 1


def test_a_permit_stands_for_its_very_checks(here: Installation) -> None:
    given = permit(here, web(here, policy("s3:GetObject")), READ)
    given.require("s3:GetObject", "arn:aws:s3:::b/k")
    for action, resource in (("s3:GetObject", "arn:aws:s3:::b/K"), ("s3:PutObject", "arn:aws:s3:::b/k")):
        with pytest.raises(AccessDenied, match="the resource changed while the request was decided"):
            given.require(action, resource)


def test_nothing_but_authorize_makes_a_permit(here: Installation) -> None:
    given = permit(here, web(here, policy("s3:GetObject")), READ)
    with pytest.raises(TypeError, match="only authorize makes a Permit"):
        Permit(
            caller=given.caller,
            checks=(WRITE,),
            decided=(),
            service="s3",
            partition="aws",
            account_id=ACCOUNT_ID,
            region=REGION,
            now=here.now,
            request_id="",
            snapshot_version=0,
            proof=object(),
        )
    with pytest.raises((TypeError, ValueError)):
        replace(given, checks=(WRITE,))
    assert given.proof is None
    with pytest.raises(AttributeError):
        given.checks = (WRITE,)


def test_an_ec2_denial_carries_its_details_sealed(here: Installation) -> None:
    caller = web(here, policy("ec2:*"), policy("*", effect="Deny", Bool={"aws:SecureTransport": "false"}))
    check = Check(action="ec2:RunInstances", resource=f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/*")
    plain = denied(here, caller, check, service="ec2")
    told = with_encoded_message(plain, here.keyring)
    assert (told.error_code, told.http_status) == ("UnauthorizedOperation", 403)
    sentence, _, encoded = told.message.partition(" Encoded authorization failure message: ")
    assert sentence == (
        f"You are not authorized to perform this operation. User: {SESSION} is not authorized to perform: "
        f"ec2:RunInstances on resource: {check.resource} with an explicit deny in an identity-based policy."
    )
    details = json.loads(open_message(encoded, here.keyring))
    assert details["explicitDeny"] is True
    [matched] = details["matchedStatements"]["items"]
    assert (matched["statementId"], matched["policy"], matched["policyType"]) == ("", "p2", "identity")
    assert details["context"]["action"] == "ec2:RunInstances"
    keys = {item["key"] for item in details["context"]["conditions"]["items"]}
    assert {"aws:principalarn", "aws:securetransport"} <= keys
    assert told.reason == plain.reason
    assert told.denial is plain.denial


def test_a_forged_session_is_denied_long_before_any_policy(here: Installation) -> None:
    """What a token says is decided with, so only a verified one may be: the type sees to it."""
    here.allow(policy("s3:*"))
    forged = Keys(access_key_id="ASIAIOSFODNN7EXAMPLE", token="AQ" * 100)
    with pytest.raises(Exception, match="security token included in the request is invalid"):
        here.caller(here.signed("sts", forged))


def test_an_instance_in_its_own_network_is_known_by_its_network_and_by_no_source_address(
    here: Installation,
) -> None:
    """AWS: `aws:SourceIp` is included "except when the requester uses a VPC endpoint"; then
    `aws:SourceVpc` and `aws:VpcSourceIp` are."""
    path = NetworkPath(vpc_id="vpc-0123456789abcdef0", private_ip_address="10.0.0.4")
    within = {"aws:SourceVpc": path.vpc_id, "aws:VpcSourceIp": path.private_ip_address}
    caller = web(here, policy("s3:GetObject", StringEquals=within, Null={"aws:SourceIp": "true"}))
    assert authorize(caller, (READ,), here.facts(network_path=path), here.snapshot).checks == (READ,)
    denied(here, caller, READ)
