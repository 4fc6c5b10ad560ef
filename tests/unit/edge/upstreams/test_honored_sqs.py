"""Every member that SQS's operations accept has its effect, and those that the engine ignores are refused.

Each test is a measurement: it asks the embedded engine through an edge, and looks at what came of it.
"""

import time
from typing import Any

import pytest

from tabard.clock import SystemClock
from tabard.edge.upstreams.moto_server import MotoBackend
from tabard.services.sqs.operations import OPERATIONS
from tests.support.edge_in_memory import ACCOUNT_ID
from tests.support.measured_engine import MeasuredEdge, Measurements

MEASURED = Measurements()
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793"
ATTRIBUTES: dict[str, dict[str, str]] = {
    "color": {"DataType": "String", "StringValue": "blue"},
    "count": {"DataType": "Number.int", "StringValue": "7"},
    "raw": {"DataType": "Binary", "BinaryValue": "AP8="},
}
_ATTRIBUTE = tuple(f"MessageAttributes.*.{name}" for name in ("StringValue", "BinaryValue", "DataType"))


async def queue(measured: MeasuredEdge, name: str = "jobs", **attributes: str) -> str:
    more = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    answer = await measured.sqs("CreateQueue", QueueName=name, Attributes={**more, **attributes})
    return str(answer["QueueUrl"])


async def received(measured: MeasuredEdge, url: str, **asked: object) -> list[dict[str, Any]]:
    """The messages that are there, at most ten; they stay visible unless it is asked otherwise."""
    given = {"MaxNumberOfMessages": 10, "VisibilityTimeout": 0, **asked}
    found: list[dict[str, Any]] = (await measured.sqs("ReceiveMessage", QueueUrl=url, **given)).get(
        "Messages", []
    )
    return found


async def count(measured: MeasuredEdge, url: str, which: str = "") -> int:
    name = f"ApproximateNumberOfMessages{which}"
    answer = await measured.sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=[name])
    return int(answer["Attributes"][name])


# Queues


@MEASURED.of("CreateQueue", "QueueName", "Attributes", "tags=")
@MEASURED.of("GetQueueAttributes", "QueueUrl", "AttributeNames")
@MEASURED.of("SetQueueAttributes", "QueueUrl", "Attributes")
async def test_a_queue_has_the_attributes_that_it_was_given(measured: MeasuredEdge) -> None:
    """The attributes that are kept, and their values, are in tests/unit/services/sqs."""
    made = await measured.sqs(
        "CreateQueue", QueueName="jobs", Attributes={"VisibilityTimeout": "7", "DelaySeconds": "1"}, tags={}
    )
    url = made["QueueUrl"]
    names = ["VisibilityTimeout", "DelaySeconds"]
    asked = await measured.sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=names)
    assert asked["Attributes"] == {"VisibilityTimeout": "7", "DelaySeconds": "1"}
    await measured.sqs("SetQueueAttributes", QueueUrl=url, Attributes={"VisibilityTimeout": "8"})
    one = await measured.sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert one["Attributes"] == {"VisibilityTimeout": "8"}
    assert not (await measured.sqs("GetQueueAttributes", QueueUrl=url)).get("Attributes")


@MEASURED.of("GetQueueUrl", "QueueName", "QueueOwnerAWSAccountId")
async def test_a_queue_is_found_by_its_name_in_its_account(measured: MeasuredEdge) -> None:
    url = await queue(measured)
    for owner in ({}, {"QueueOwnerAWSAccountId": ACCOUNT_ID}):
        assert (await measured.sqs("GetQueueUrl", QueueName="jobs", **owner))["QueueUrl"] == url
    other = {"QueueOwnerAWSAccountId": "999999999999"}
    refused = await measured.refused("sqs", "GetQueueUrl", QueueName="jobs", **other)
    assert refused["code"] == "QueueDoesNotExist"


@MEASURED.of("ListQueues", "QueueNamePrefix", "NextToken", "MaxResults")
@MEASURED.of("DeleteQueue", "QueueUrl")
async def test_queues_are_listed_page_by_page_until_they_are_deleted(measured: MeasuredEdge) -> None:
    urls = [await queue(measured, name) for name in ("a-1", "a-2", "a-3", "b-1")]
    assert (await measured.sqs("ListQueues", QueueNamePrefix="b"))["QueueUrls"] == urls[3:]
    first = await measured.sqs("ListQueues", QueueNamePrefix="a", MaxResults=2)
    assert first["QueueUrls"] == urls[:2]
    rest = await measured.sqs("ListQueues", QueueNamePrefix="a", MaxResults=2, NextToken=first["NextToken"])
    assert rest["QueueUrls"] == urls[2:3]
    await measured.sqs("DeleteQueue", QueueUrl=urls[0])
    assert (await measured.sqs("ListQueues", QueueNamePrefix="a"))["QueueUrls"] == urls[1:3]


async def test_a_listing_goes_on_where_the_page_before_it_ended(measured: MeasuredEdge) -> None:
    """The engine alone would begin anew where a NextToken comes without MaxResults."""
    urls = [await queue(measured, name) for name in ("a-1", "a-2", "a-3")]
    first = await measured.sqs("ListQueues", MaxResults=2)
    rest = await measured.sqs("ListQueues", NextToken=first["NextToken"])
    assert (first["QueueUrls"], rest["QueueUrls"]) == (urls[:2], urls[2:])


@MEASURED.of("PurgeQueue", "QueueUrl")
async def test_a_purged_queue_is_empty(measured: MeasuredEdge) -> None:
    url = await queue(measured)
    await measured.sqs("SendMessage", QueueUrl=url, MessageBody="x")
    await measured.sqs("PurgeQueue", QueueUrl=url)
    assert await received(measured, url) == []


# Messages


@MEASURED.of("SendMessage", "QueueUrl", "MessageBody", *_ATTRIBUTE)
@MEASURED.of("SendMessageBatch", "QueueUrl", "Entries.Id", "Entries.MessageBody")
@MEASURED.of("SendMessageBatch", *(f"Entries.{name}" for name in _ATTRIBUTE))
@MEASURED.of("ReceiveMessage", "QueueUrl", "MessageAttributeNames", "MaxNumberOfMessages")
@pytest.mark.parametrize("is_batch", [False, True])
async def test_a_message_comes_with_its_body_and_attributes(measured: MeasuredEdge, is_batch: bool) -> None:
    url = await queue(measured)
    message = {"MessageBody": "héllo", "MessageAttributes": ATTRIBUTES}
    if is_batch:
        entries = [{"Id": name, **message} for name in ("one", "two")]
        sent = await measured.sqs("SendMessageBatch", QueueUrl=url, Entries=entries)
        assert [entry["Id"] for entry in sent["Successful"]] == ["one", "two"]
    else:
        for _ in range(2):
            await measured.sqs("SendMessage", QueueUrl=url, **message)
    for found in await received(measured, url, MessageAttributeNames=["All"]):
        assert (found["Body"], found["MessageAttributes"]) == ("héllo", ATTRIBUTES)
    for names in (["color"], ["col.*"]):
        for found in await received(measured, url, MessageAttributeNames=names):
            assert set(found["MessageAttributes"]) == {"color"}
    assert all("MessageAttributes" not in found for found in await received(measured, url))
    assert len(await received(measured, url, MaxNumberOfMessages=1)) == 1
    assert len(await received(measured, url)) == 2


@MEASURED.of("SendMessage", "MessageSystemAttributes.AWSTraceHeader.StringValue")
@MEASURED.of("SendMessage", "MessageSystemAttributes.AWSTraceHeader.DataType")
@MEASURED.of("ReceiveMessage", "AttributeNames", "MessageSystemAttributeNames")
@pytest.mark.parametrize("member", ["AttributeNames", "MessageSystemAttributeNames"])
async def test_the_system_attributes_that_are_asked_for_come(measured: MeasuredEdge, member: str) -> None:
    url = await queue(measured)
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": TRACE}}
    await measured.sqs("SendMessage", QueueUrl=url, MessageBody="x", MessageSystemAttributes=header)
    asked = {member: ["AWSTraceHeader", "SentTimestamp"]}
    (found,) = await received(measured, url, **asked)
    assert set(found["Attributes"]) == {"AWSTraceHeader", "SentTimestamp"}
    assert found["Attributes"]["AWSTraceHeader"] == TRACE
    (found,) = await received(measured, url, **{member: ["All"]})
    assert found["Attributes"].keys() >= {"ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp"}
    (found,) = await received(measured, url)
    assert "Attributes" not in found


@MEASURED.of("SendMessage", "DelaySeconds")
@MEASURED.of("SendMessageBatch", "Entries.DelaySeconds")
async def test_a_delayed_message_is_not_there_yet(measured: MeasuredEdge) -> None:
    url = await queue(measured, DelaySeconds="0")
    await measured.sqs("SendMessage", QueueUrl=url, MessageBody="x", DelaySeconds=900)
    entry = {"Id": "a", "MessageBody": "y", "DelaySeconds": 900}
    await measured.sqs("SendMessageBatch", QueueUrl=url, Entries=[entry])
    assert await received(measured, url) == []
    assert await count(measured, url, "Delayed") == 2
    delayed = await queue(measured, "slow", DelaySeconds="900")
    await measured.sqs("SendMessage", QueueUrl=delayed, MessageBody="x", DelaySeconds=0)
    assert len(await received(measured, delayed)) == 1


@MEASURED.of("SendMessage", "MessageDeduplicationId", "MessageGroupId")
@MEASURED.of("SendMessageBatch", "Entries.MessageDeduplicationId", "Entries.MessageGroupId")
@pytest.mark.parametrize("is_batch", [False, True])
async def test_a_fifo_queue_keeps_each_message_once_and_in_order(
    measured: MeasuredEdge, is_batch: bool
) -> None:
    url = await queue(measured, "jobs.fifo")
    messages = [
        {"MessageBody": body, "MessageGroupId": "g", "MessageDeduplicationId": deduplication_id}
        for body, deduplication_id in (("1", "a"), ("1", "a"), ("2", "b"))
    ]
    if is_batch:
        entries = [{"Id": str(number), **message} for number, message in enumerate(messages)]
        await measured.sqs("SendMessageBatch", QueueUrl=url, Entries=entries)
    else:
        for message in messages:
            await measured.sqs("SendMessage", QueueUrl=url, **message)
    names = ["MessageGroupId", "MessageDeduplicationId"]
    found = await received(measured, url, AttributeNames=names, VisibilityTimeout=30)
    assert [message["Body"] for message in found] == ["1", "2"]
    told = [tuple(message["Attributes"][name] for name in names) for message in found]
    assert told == [("g", "a"), ("g", "b")]
    await measured.sqs(
        "SendMessage", QueueUrl=url, MessageBody="3", MessageGroupId="g", MessageDeduplicationId="c"
    )
    assert await received(measured, url) == []  # the group waits for those that are under way


@MEASURED.of("ReceiveMessage", "VisibilityTimeout")
@MEASURED.of("ChangeMessageVisibility", "QueueUrl", "ReceiptHandle", "VisibilityTimeout")
@MEASURED.of(
    "ChangeMessageVisibilityBatch",
    "QueueUrl",
    "Entries.Id",
    "Entries.ReceiptHandle",
    "Entries.VisibilityTimeout",
)
@pytest.mark.parametrize("is_batch", [False, True])
async def test_a_received_message_is_hidden_for_as_long_as_was_said(
    measured: MeasuredEdge, is_batch: bool
) -> None:
    url = await queue(measured)
    await measured.sqs("SendMessage", QueueUrl=url, MessageBody="x")
    (message,) = await received(measured, url, VisibilityTimeout=600)
    assert await received(measured, url) == []
    change = {"ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
    if is_batch:
        answer = await measured.sqs(
            "ChangeMessageVisibilityBatch", QueueUrl=url, Entries=[{"Id": "a", **change}]
        )
        assert answer["Successful"] == [{"Id": "a"}]
    else:
        await measured.sqs("ChangeMessageVisibility", QueueUrl=url, **change)
    assert len(await received(measured, url)) == 1


@MEASURED.of("ReceiveMessage", "WaitTimeSeconds")
async def test_a_long_poll_waits(measured: MeasuredEdge) -> None:
    url = await queue(measured)
    before = time.monotonic()
    assert await received(measured, url, WaitTimeSeconds=1) == []
    assert time.monotonic() - before >= 0.9


async def test_a_long_poll_waits_whichever_engine_of_the_process_was_made_last(
    measured: MeasuredEdge,
) -> None:
    url = await queue(measured)
    MotoBackend(SystemClock())
    assert await received(measured, url, WaitTimeSeconds=1) == []


@MEASURED.of("DeleteMessage", "QueueUrl", "ReceiptHandle")
@MEASURED.of("DeleteMessageBatch", "QueueUrl", "Entries.Id", "Entries.ReceiptHandle")
async def test_a_deleted_message_is_gone(measured: MeasuredEdge) -> None:
    url = await queue(measured)
    for body in "abc":
        await measured.sqs("SendMessage", QueueUrl=url, MessageBody=body)
    handles = {message["Body"]: message["ReceiptHandle"] for message in await received(measured, url)}
    await measured.sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=handles["a"])
    entries = [{"Id": "one", "ReceiptHandle": handles["b"]}, {"Id": "two", "ReceiptHandle": "none"}]
    answer = await measured.sqs("DeleteMessageBatch", QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["one"]
    assert [entry["Id"] for entry in answer["Failed"]] == ["two"]
    assert [message["Body"] for message in await received(measured, url)] == ["c"]


# What the engine ignores


@pytest.mark.parametrize(
    ("operation", "request_", "code", "said"),
    [
        (
            "ReceiveMessage",
            {"ReceiveRequestAttemptId": "a"},
            "UnsupportedOperation",
            "ReceiveRequestAttemptId",
        ),
        (
            "SendMessage",
            {"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "String", "StringListValues": []}}},
            "UnsupportedOperation",
            "MessageAttributes.StringListValues",
        ),
        (
            "SendMessage",
            {"MessageBody": "x", "MessageSystemAttributes": {"Other": {"DataType": "String"}}},
            "UnsupportedOperation",
            "MessageSystemAttributes.Other",
        ),
        (
            "SendMessageBatch",
            {
                "Entries": [
                    {
                        "Id": "a",
                        "MessageBody": "x",
                        "MessageSystemAttributes": {
                            "AWSTraceHeader": {"DataType": "String", "StringValue": TRACE}
                        },
                    }
                ]
            },
            "UnsupportedOperation",
            "Entries.MessageSystemAttributes is not supported here; use SendMessage.",
        ),
        (
            "SendMessage",
            {"MessageBody": "x", "MessageDeduplicationId": "a"},
            "InvalidParameterValue",
            "MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for",
        ),
    ],
)
async def test_a_member_that_the_engine_ignores_is_refused(
    measured: MeasuredEdge, operation: str, request_: dict[str, Any], code: str, said: str
) -> None:
    url = await queue(measured)
    refused = await measured.refused("sqs", operation, QueueUrl=url, **request_)
    assert refused["code"] == code
    assert said in refused["message"]
    assert await received(measured, url) == []


async def test_a_fifo_queue_delays_no_single_message(measured: MeasuredEdge) -> None:
    url = await queue(measured, "jobs.fifo")
    message = {"MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 2}
    refused = await measured.refused("sqs", "SendMessage", QueueUrl=url, **message)
    assert refused["code"] == "InvalidParameterValue"
    assert refused["message"].startswith("Value 2 for parameter DelaySeconds is invalid.")


def test_every_accepted_member_is_measured() -> None:
    assert {operation.name: set(operation.members.names) for operation in OPERATIONS} == MEASURED.measured
