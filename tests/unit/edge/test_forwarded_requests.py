"""What is asked of an upstream is what was authorized, in a form that it cannot read in another way."""

import json
from datetime import timedelta

import msgspec
import pytest

from tabard.edge.caller_endpoint import caller_endpoint
from tabard.wire.request import RawRequest
from tests.support.edge_in_memory import ACCOUNT_ID, HOST, NOW, REGION, EdgeInMemory, allow, text_of

TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/notes"
DESCRIBED = json.dumps(
    {
        "Table": {
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        }
    }
).encode()
KEY = {"pk": {"S": "mine"}}


def asked(edge: EdgeInMemory) -> dict[str, object]:
    document: dict[str, object] = json.loads(edge.json.bodies[-1])
    return document


async def test_a_prefix_of_queues_is_no_pattern(edge: EdgeInMemory) -> None:
    edge.json.say(200, b"{}")
    assert (await edge.target("sqs", "AmazonSQS.ListQueues", {"QueueNamePrefix": "a.b-c_"})).status == 200
    assert asked(edge)["QueueNamePrefix"] == r"a\.b-c_"
    refused = await edge.target("sqs", "AmazonSQS.ListQueues", {"QueueNamePrefix": "(a+)+$"})
    assert (refused.status, len(edge.json.bodies)) == (400, 1)


@pytest.mark.parametrize(
    ("reached", "host", "url"),
    [
        ({}, "127.0.0.1:4590", "http://127.0.0.1:4566"),
        ({"secure": True}, "edge.example.com:4583", "https://edge.example.com:4583"),
        ({"secure": True, "relayed": True}, "127.0.0.1:4590", "http://127.0.0.1:4590"),
        ({"secure": True, "relayed": True}, "[::1]:4590", "http://[::1]:4590"),
        ({"secure": True, "relayed": True}, "a b/c", "http://127.0.0.1:4566"),
    ],
)
def test_queue_urls_lead_to_where_the_caller_has_reached_the_edge(
    reached: dict[str, bool], host: str, url: str
) -> None:
    """On another machine that is its agent's port, or the edge's own over TLS."""
    raw = RawRequest(
        method="POST", raw_path="/", raw_query="", headers=(("host", host),), peer_ip="127.0.0.1",
        request_id="11111111-2222-4333-8444-555555555555", received_at=NOW, **{"secure": False, **reached},
    )  # fmt: skip
    assert caller_endpoint(raw, endpoint="http://127.0.0.1:4566") == url


async def test_an_answer_to_another_machine_names_its_own_way_to_the_edge(edge: EdgeInMemory) -> None:
    """A queue's URL of plain HTTP for who was plain there, of TLS for who has TLS here."""
    for relayed, scheme in ((True, "http"), (False, "https")):

        def came_so(raw: RawRequest, relayed: bool = relayed) -> RawRequest:
            return msgspec.structs.replace(raw, secure=True, relayed=relayed)

        edge.json.say(200, b'{"QueueUrls": ["http://localhost/1/a"]}')
        answer = await edge.target("sqs", "AmazonSQS.ListQueues", {}, change=came_so)
        assert json.loads(text_of(answer))["QueueUrls"] == [f"{scheme}://{HOST}/{ACCOUNT_ID}/a"]


async def test_a_table_named_by_arn_reaches_the_upstream_by_name(edge: EdgeInMemory) -> None:
    edge.json.say(200, DESCRIBED)
    edge.json.say(200, b"{}")
    answer = await edge.target("dynamodb", "DynamoDB_20120810.GetItem", {"TableName": TABLE, "Key": KEY})
    assert answer.status == 200
    assert [json.loads(body)["TableName"] for body in edge.json.bodies] == ["notes", "notes"]


async def test_a_table_deleted_by_arn_is_looked_at_again(edge: EdgeInMemory) -> None:
    edge.json.say(200, DESCRIBED)
    for operation in ("GetItem", "DeleteTable", "GetItem"):
        given = {"TableName": TABLE} | ({"Key": KEY} if operation == "GetItem" else {})
        await edge.target("dynamodb", f"DynamoDB_20120810.{operation}", given)
    targets = [head.split("x-amz-target: ")[1].split("\r\n")[0].split(".")[1] for head in edge.json.heads]
    assert targets == ["DescribeTable", "GetItem", "DeleteTable", "DescribeTable", "GetItem"]


async def test_an_update_of_nothing_is_one(edge: EdgeInMemory) -> None:
    edge.json.say(200, DESCRIBED)
    edge.json.say(200, b"{}")
    await edge.target("dynamodb", "DynamoDB_20120810.UpdateItem", {"TableName": "notes", "Key": KEY})
    assert asked(edge) == {"TableName": "notes", "Key": KEY, "AttributeUpdates": {}}


async def test_an_unreadable_key_is_denied_before_it_is_explained(edge: EdgeInMemory) -> None:
    edge.json.say(200, DESCRIBED)
    edge.json.say(200, b"{}")
    request = {"TableName": "notes", "Key": {"guess": {"S": "x"}}}
    session = await edge.session()
    for credentials, code in ((session, "AccessDenied"), (edge.admin, "ValidationException")):
        answer = await edge.target("dynamodb", "DynamoDB_20120810.GetItem", request, credentials=credentials)
        assert (answer.status, code in text_of(answer), "pk" in text_of(answer)) == (400, True, False)
    assert len(edge.json.bodies) == 1, "nothing but the table's description was asked for"


@pytest.mark.parametrize("code", ["InternalServerError", "ValidationException"])
async def test_a_key_that_cannot_be_learnt_decides_nothing(edge: EdgeInMemory, code: str) -> None:
    edge.json.say(400, json.dumps({"__type": code, "message": "away"}).encode())
    answer = await edge.target("dynamodb", "DynamoDB_20120810.GetItem", {"TableName": "notes", "Key": KEY})
    assert (answer.status, code in text_of(answer), len(edge.json.bodies)) == (400, True, 1)


async def test_an_object_with_tags_is_not_taken(edge: EdgeInMemory) -> None:
    answer = await edge.ask(
        "s3", method="PUT", target="/bucket/key", headers=(("x-amz-tagging", "a=1"),), body=b"content"
    )
    assert (answer.status, "Tagging" in text_of(answer), edge.s3.bodies) == (501, True, [])


async def test_frames_that_nothing_announces_are_not_kept_as_content(edge: EdgeInMemory) -> None:
    answer = await edge.ask(
        "s3", method="PUT", target="/bucket/key", headers=(("content-encoding", "aws-chunked"),), body=b"1"
    )
    assert (answer.status, "<Code>InvalidRequest</Code>" in text_of(answer)) == (400, True)
    assert edge.s3.bodies == []


async def test_s3_demands_to_know_the_payloads_hash(edge: EdgeInMemory) -> None:
    def without_hash(raw: RawRequest) -> RawRequest:
        return msgspec.structs.replace(
            raw, headers=tuple(item for item in raw.headers if item[0] != "x-amz-content-sha256")
        )

    answer = await edge.of_s3("GET", "/bucket/key", change=without_hash)
    assert answer.status == 400
    assert "<Code>InvalidRequest</Code>" in text_of(answer)
    assert "Missing required header for this request: x-amz-content-sha256" in text_of(answer)


async def test_a_policy_may_hold_an_object_to_a_signed_payload(edge: EdgeInMemory) -> None:
    session = await edge.session()
    condition = {"StringNotEquals": {"s3:x-amz-content-sha256": "UNSIGNED-PAYLOAD"}}
    fresh = {"NumericLessThan": {"s3:signatureAge": "60000"}}
    edge.allow({**allow("s3:GetObject"), "Condition": condition | fresh})
    edge.s3.say(200, b"content")
    assert (await edge.of_s3("GET", "/bucket/key", credentials=session)).status == 200

    def later(raw: RawRequest) -> RawRequest:
        edge.clock.advance(timedelta(seconds=61))
        return raw

    assert (await edge.of_s3("GET", "/bucket/key", credentials=session, change=later)).status == 403
