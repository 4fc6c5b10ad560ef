"""SQS, by plain boto3 that acts as an instance."""

from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.config import Config

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.refusal import refusal, refusal_in_full
from tests.support.running_system import Instance, RunningSystem, allow, fresh

pytestmark = pytest.mark.flow

DENIED = ("AccessDenied", 403)
ABSENT = ("AWS.SimpleQueueService.NonExistentQueue", 400)


@pytest.fixture(scope="module")
def instance(instance_of: InstanceOf) -> Instance:
    return instance_of(allow("sqs:*"))


@pytest.fixture(scope="module")
def sqs(instance: Instance) -> BaseClient:
    return instance.client("sqs")


@pytest.fixture
def url(admin: AdminClient) -> str:
    return str(admin("sqs").create_queue(QueueName=fresh("jobs"))["QueueUrl"])


def received(sqs: BaseClient, url: str, **more: object) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **more).get(
        "Messages", []
    )
    return messages


def test_a_queues_life(sqs: BaseClient, system: RunningSystem) -> None:
    name = fresh("life")
    made = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "45"})
    url = made["QueueUrl"]
    assert url == f"{system.endpoint}/{system.account_id}/{name}"
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "45"})["QueueUrl"] == url
    different = refusal(sqs.create_queue, QueueName=name, Attributes={"VisibilityTimeout": "46"})
    assert different == ("QueueAlreadyExists", 400)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "50"})
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "50"
    assert attributes["QueueArn"] == f"arn:aws:sqs:{system.region}:{system.account_id}:{name}"
    assert url in sqs.list_queues(QueueNamePrefix=name)["QueueUrls"]
    pages = sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 1})
    assert url in [item for page in pages for item in page["QueueUrls"]]
    sqs.delete_queue(QueueUrl=url)
    assert refusal(sqs.get_queue_url, QueueName=name) == ABSENT
    assert refusal(sqs.send_message, QueueUrl=url, MessageBody="m") == ABSENT


def test_a_messages_life(sqs: BaseClient, url: str) -> None:
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody="böd\ny <&>",
        MessageAttributes={
            "text": {"DataType": "String", "StringValue": "v"},
            "number": {"DataType": "Number", "StringValue": "1"},
            "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        },
    )
    (message,) = received(
        sqs, url, MessageAttributeNames=["All"], AttributeNames=["All"], VisibilityTimeout=30
    )
    assert message["MessageId"] == sent["MessageId"]
    assert message["Body"] == "böd\ny <&>"  # botocore has compared its MD5
    assert message["MessageAttributes"]["bytes"]["BinaryValue"] == b"\x00\xff"
    assert message["MessageAttributes"]["text"]["StringValue"] == "v"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert received(sqs, url) == []
    handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    sqs.change_message_visibility(**handle, VisibilityTimeout=0)
    (again,) = received(sqs, url)
    assert again["MessageId"] == sent["MessageId"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    assert received(sqs, url, VisibilityTimeout=0) == []


def test_batches(sqs: BaseClient, url: str) -> None:
    entries = [{"Id": f"m{number}", "MessageBody": str(number)} for number in range(5)]
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [item["Id"] for item in sent["Successful"]] == [entry["Id"] for entry in entries]
    messages = received(sqs, url)
    assert sorted(message["Body"] for message in messages) == ["0", "1", "2", "3", "4"]
    handles = [
        {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
        for number, message in enumerate(messages)
    ]
    changed = sqs.change_message_visibility_batch(
        QueueUrl=url, Entries=[{**handle, "VisibilityTimeout": 40} for handle in handles]
    )
    assert len(changed["Successful"]) == 5
    assert len(sqs.delete_message_batch(QueueUrl=url, Entries=handles)["Successful"]) == 5
    twice = [{"Id": "same", "MessageBody": "1"}, {"Id": "same", "MessageBody": "2"}]
    refused = refusal(sqs.send_message_batch, QueueUrl=url, Entries=twice)
    assert refused == ("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400)
    nothing = refusal(sqs.send_message_batch, QueueUrl=url, Entries=[])
    assert nothing == ("AWS.SimpleQueueService.EmptyBatchRequest", 400)


def test_first_in_first_out(sqs: BaseClient) -> None:
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName=f"{fresh('fifo')}.fifo", Attributes=attributes)["QueueUrl"]
    assert url.endswith(".fifo")
    group = {"QueueUrl": url, "MessageGroupId": "g"}
    for body in ("1", "2", "2"):
        sqs.send_message(**group, MessageBody=body)
    assert sqs.send_message(**group, MessageBody="3", MessageDeduplicationId="d")["SequenceNumber"]
    sqs.send_message(**group, MessageBody="other", MessageDeduplicationId="d")
    assert [message["Body"] for message in received(sqs, url)] == ["1", "2", "3"]
    assert refusal(sqs.send_message, QueueUrl=url, MessageBody="m")[1] == 400


def test_a_queue_is_purged(sqs: BaseClient, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="m")
    sqs.purge_queue(QueueUrl=url)
    assert received(sqs, url) == []


def test_a_receive_waits_for_a_message(sqs: BaseClient, url: str, admin: AdminClient) -> None:
    admin("sqs").send_message(QueueUrl=url, MessageBody="soon", DelaySeconds=1)
    (message,) = received(sqs, url, WaitTimeSeconds=5)
    assert message["Body"] == "soon"


def test_dead_letters(sqs: BaseClient, url: str) -> None:
    dead = sqs.create_queue(QueueName=fresh("dead"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"1"}}'
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive})
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    assert len(received(sqs, url, VisibilityTimeout=0)) == 1
    assert received(sqs, url) == []
    assert [message["Body"] for message in received(sqs, dead)] == ["poison"]


def test_whatever_host_a_queue_url_has_it_is_the_edges_queue(
    instance: Instance, system: RunningSystem, url: str
) -> None:
    """botocore sends to the endpoint that is set; only the URL's path says which queue is meant."""
    name = url.rpartition("/")[2]
    elsewhere = f"https://sqs.{system.region}.amazonaws.com/{system.account_id}/{name}"
    client = instance.client("sqs")
    client.send_message(QueueUrl=elsewhere, MessageBody="m")
    assert len(received(client, url)) == 1
    for wrong in (
        f"{system.endpoint}/999999999999/{name}",
        f"{system.endpoint}/{name}",
        f"{system.endpoint}/{system.account_id}/x/{name}",
        f"{system.endpoint}/{system.account_id}/../{name}",
    ):
        assert refusal(client.send_message, QueueUrl=wrong, MessageBody="m") == ABSENT


def test_an_instance_is_held_to_its_queue(
    instance_of: InstanceOf, admin: AdminClient, system: RunningSystem, url: str
) -> None:
    name = url.rpartition("/")[2]
    arn = f"arn:aws:sqs:{system.region}:{system.account_id}:{name}"
    client = instance_of(allow("sqs:SendMessage", "sqs:GetQueueUrl", on=arn)).client("sqs")
    client.send_message(QueueUrl=client.get_queue_url(QueueName=name)["QueueUrl"], MessageBody="m")
    client.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "m"}])
    code, status, message = refusal_in_full(client.receive_message, QueueUrl=url)
    assert (code, status) == DENIED
    # SQS tells its actions in small letters.
    assert f"is not authorized to perform: sqs:receivemessage on resource: {arn}" in message.replace('"', "")
    other = admin("sqs").create_queue(QueueName=fresh("other"))["QueueUrl"]
    assert refusal(client.send_message, QueueUrl=other, MessageBody="m") == DENIED
    assert refusal(client.list_queues) == DENIED
    assert refusal(client.purge_queue, QueueUrl=url) == DENIED
    assert refusal(client.delete_message, QueueUrl=url, ReceiptHandle="r") == DENIED
    # A queue that is not there looks like any that one may not use.
    absent = f"{system.endpoint}/{system.account_id}/{fresh('absent')}"
    assert refusal(client.send_message, QueueUrl=absent, MessageBody="m") == DENIED


@pytest.mark.parametrize("name", ["with space", "dot.dot", "x" * 81, "slash/"])
def test_names_that_no_queue_has(sqs: BaseClient, name: str) -> None:
    assert refusal(sqs.create_queue, QueueName=name) == ("InvalidParameterValue", 400)


def test_a_queue_policy_that_nobody_would_enforce_is_refused(sqs: BaseClient, url: str) -> None:
    refused = refusal(sqs.set_queue_attributes, QueueUrl=url, Attributes={"Policy": "{}"})
    assert refused == ("AWS.SimpleQueueService.UnsupportedOperation", 400)


def test_a_region_has_its_own_queues(system: RunningSystem, url: str) -> None:
    other = system.client("sqs", region_name="eu-central-1", config=Config(retries={"total_max_attempts": 1}))
    assert refusal(other.get_queue_url, QueueName=url.rpartition("/")[2]) == ABSENT
