"""SQS's older protocol, as its developer guide shows it."""

import pytest

from tabard.wire.identify import identify, operation_of
from tabard.wire.parse import parse_input
from tabard.wire.render import render_output
from tabard.wire.request import Value
from tabard.wire.service_model import service_model
from tabard.wire.sqs_query_names import LIST_NAMES, MAP_NAMES
from tests.support.shape_values import raw_request

FORM = (("content-type", "application/x-www-form-urlencoded"), ("host", "sqs.example"))
URL = "http://sqs.example/123456789012/q"


@pytest.mark.parametrize(
    ("path", "form", "members"),
    [
        (
            "/",
            "Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=4&Tag.1.Key=k&Tag.1.Value=v",
            {"QueueName": "q", "Attributes": {"DelaySeconds": "4"}, "tags": {"k": "v"}},
        ),
        (
            "/123456789012/q",
            (
                "Action=SendMessage&MessageBody=m&DelaySeconds=5&MessageAttribute.1.Name=a"
                "&MessageAttribute.1.Value.StringValue=s&MessageAttribute.1.Value.DataType=String"
            ),
            {
                "QueueUrl": URL,
                "MessageBody": "m",
                "DelaySeconds": 5,
                "MessageAttributes": {"a": {"StringValue": "s", "DataType": "String"}},
            },
        ),
        (
            "/123456789012/q",
            "Action=ReceiveMessage&AttributeName.1=All&MessageAttributeName.1=a&MaxNumberOfMessages=2",
            {
                "QueueUrl": URL,
                "AttributeNames": ["All"],
                "MessageAttributeNames": ["a"],
                "MaxNumberOfMessages": 2,
            },
        ),
        (
            "/",
            (
                "Action=SendMessageBatch&QueueUrl=u&SendMessageBatchRequestEntry.1.Id=1"
                "&SendMessageBatchRequestEntry.1.MessageBody=m"
            ),
            {"QueueUrl": "u", "Entries": [{"Id": "1", "MessageBody": "m"}]},
        ),
    ],
)
def test_the_older_protocol_is_read(path: str, form: str, members: dict[str, Value]) -> None:
    raw, body = raw_request("POST", path, "", FORM), f"{form}&Version=2012-11-05".encode()
    identified = identify(raw, "sqs")
    assert identified.protocol == "query"
    operation = operation_of(identified, raw, body)
    assert parse_input(service_model("sqs"), operation, raw, body, {}) == members


def test_the_older_protocol_is_answered() -> None:
    output = {
        "Messages": [
            {
                "MessageId": "i",
                "Attributes": {"SenderId": "s"},
                "MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": b"\0"}},
            }
        ]
    }
    answer = render_output(service_model("sqs"), "ReceiveMessage", output, "r", "query")
    assert answer.body == (
        b'<ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><ReceiveMessageResult>'
        b"<Message><MessageId>i</MessageId><Attribute><Name>SenderId</Name><Value>s</Value></Attribute>"
        b"<MessageAttribute><Name>a</Name><Value><BinaryValue>AA==</BinaryValue><DataType>Binary</DataType>"
        b"</Value></MessageAttribute></Message></ReceiveMessageResult>"
        b"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ReceiveMessageResponse>"
    )


def test_every_list_and_map_of_sqs_has_its_older_name() -> None:
    model = service_model("sqs")
    for name in model.shape_names:
        kind = model.shape_for(name).type_name
        assert kind != "list" or name in LIST_NAMES
        assert kind != "map" or name in MAP_NAMES
