"""Every event holds the values and the texts that decided, of allowed requests too, and no secret."""

from dataclasses import replace
from datetime import datetime
from typing import get_type_hints

from tabard.access.authorize import RequestFacts
from tabard.access.decision_record import MOST_KEYS
from tabard.edge.record import RequestRecord
from tabard.errors import AwsError
from tabard.model.audit_event import AuditEvent, ConsideredPolicies
from tabard.model.policies import InlinePolicy
from tabard.policy import Layer
from tabard.store.compiled_policies import text_digest
from tabard.store.ports import StoreUnavailable
from tabard.wire.request import RawRequest
from tests.support.aggregates import managed_policy
from tests.support.edge_in_memory import EdgeInMemory, allow, policy

LISTING = "/bucket?list-type=2&prefix=home%2Falice"


def allow_if(action: str, operator: str, keys: dict[str, str]) -> dict[str, object]:
    return {**allow(action), "Condition": {operator: keys}}


async def the_event(edge: EdgeInMemory, operation: str) -> AuditEvent:
    (event,) = [event for event in await edge.events() if event.operation == operation]
    return event


async def listed_with(edge: EdgeInMemory, *statements: dict[str, object], **more: object) -> AuditEvent:
    """The event of a listing by a role that has these statements."""
    edge.allow(*statements)
    edge.s3.say(200, b'<?xml version="1.0"?><ListBucketResult></ListBucketResult>')
    await edge.of_s3("GET", LISTING, credentials=await edge.session(), **more)
    return await the_event(edge, "ListObjectsV2")


async def test_an_allowed_request_records_the_condition_values_that_its_policies_name(
    edge: EdgeInMemory,
) -> None:
    keys = {"s3:prefix": "home/*", "aws:PrincipalTag/team": "*"}
    unrelated = allow_if("sqs:SendMessage", "Bool", {"aws:SecureTransport": "true"})
    named = allow_if("s3:ListBucket", "StringLike", keys)
    event = await listed_with(edge, named, allow("s3:ListBucket"), unrelated)
    assert event.outcome == "allowed"
    (decided,) = event.decisions
    assert decided.context == {"s3:prefix": ("home/alice",)}
    assert [each.policy for each in decided.matched] == ["held"]


async def test_values_that_may_be_secret_are_not_recorded_and_long_ones_are_cut(edge: EdgeInMemory) -> None:
    edge.allow(allow_if("iam:ListRoles", "StringLike", {"aws:Referer": "*", "aws:UserAgent": "*"}))
    headers = (
        ("content-type", "application/x-www-form-urlencoded"),
        ("referer", "https://example.com/?token=SECRET"),
        ("user-agent", "x" * 1000),
    )
    session = await edge.session()
    body = b"Action=ListRoles&Version=2010-05-08"
    await edge.ask("iam", headers=headers, body=body, credentials=session)
    event = await the_event(edge, "ListRoles")
    (decided,) = event.decisions
    assert decided.context["aws:referer"] == ("(not recorded)",)
    (user_agent,) = decided.context["aws:useragent"]
    assert (len(user_agent), len(event.user_agent)) == (257, 256)
    text = repr(event)
    for hidden in ("SECRET", session.session_token, session.secret_access_key, "Signature="):
        assert str(hidden) not in text


async def test_no_decision_records_more_than_fifty_keys(edge: EdgeInMemory) -> None:
    keys = {f"aws:RequestTag/{number}": "x" for number in range(MOST_KEYS + 10)}
    edge.allow(allow_if("iam:CreateUser", "StringEquals", keys))
    tags = "".join(
        f"&Tags.member.{number + 1}.Key={number}&Tags.member.{number + 1}.Value=x" for number in range(50)
    )
    body = f"Action=CreateUser&Version=2010-05-08&UserName=new{tags}".encode()
    await edge.ask("iam", body=body, credentials=await edge.session())
    event = await the_event(edge, "CreateUser")
    assert 0 < len(event.decisions[0].context) <= MOST_KEYS


async def test_an_event_identifies_the_text_of_each_policy_that_was_considered(edge: EdgeInMemory) -> None:
    attached, boundary = managed_policy(1), managed_policy(2)
    attached = replace(attached, account_id=edge.role.account_id)
    boundary = replace(boundary, account_id=edge.role.account_id)
    inline = InlinePolicy("held", policy(allow("iam:ListRoles")))
    edge.role = replace(
        edge.role,
        inline_policies=(inline,),
        attached_policy_arns=(attached.arn,),
        permissions_boundary_arn=boundary.arn,
    )
    with edge.store.transaction() as tx:
        for each in (attached, boundary):
            tx.managed_policies.insert(each)
        tx.roles.update(edge.role)
    session = await edge.session()
    await edge.ask("iam", body=b"Action=ListRoles&Version=2010-05-08", credentials=session)
    event = await the_event(edge, "ListRoles")

    def source(arn: str, text: str, version_id: str = "") -> tuple[str, str, str]:
        return (arn, version_id, text_digest(text))

    version = attached.default_version
    assert event.policies == (
        ConsideredPolicies(
            layer=Layer.IDENTITY,
            sources=(
                source("held", inline.document),
                source(attached.arn, version.document, version.version_id),
            ),
        ),
        ConsideredPolicies(
            layer=Layer.BOUNDARY,
            sources=(source(boundary.arn, boundary.default_version.document, boundary.default_version_id),),
        ),
    )
    assert (event.principal_id, event.account_id) == (edge.role.role_id, edge.role.account_id)


async def test_the_trust_policy_of_an_assumed_role_is_among_them(edge: EdgeInMemory) -> None:
    await edge.session()
    event = await the_event(edge, "AssumeRole")
    (trust,) = [each for each in event.policies if each.layer is Layer.RESOURCE]
    assert trust.resource == edge.role.arn
    assert trust.sources == (("trust policy", "", text_digest(edge.role.trust_policy)),)


async def test_a_request_that_waits_for_the_store_leaves_its_event_alone(edge: EdgeInMemory) -> None:
    """What a request refers to is larger than its event: an outage must not hold it."""
    await edge.of_s3("GET", LISTING)
    edge.store.failure = StoreUnavailable("away")
    await edge.pipeline.audit.flush()
    assert all(isinstance(waiting.event, AuditEvent) for waiting in edge.pipeline.audit._waiting)


def test_a_record_holds_neither_headers_nor_a_body_nor_an_exception() -> None:
    types = set(get_type_hints(RequestRecord).values())
    assert types.isdisjoint({RawRequest, AwsError, RequestFacts, bytes})
    assert {str, datetime, int} < types
