"""A message is such that who receives it gets what was sent."""

from collections.abc import Mapping

import pytest

from tabard.errors import AwsError
from tabard.services.sqs.errors import MissingMessageBody
from tabard.services.sqs.messages import check_entries, check_messages
from tabard.services.sqs.operations import OPERATIONS
from tabard.wire.service_model import service_model


def attributes(value: object, *, kind: str = "StringValue", data_type: str = "String") -> dict[str, object]:
    return {"MessageAttributes": {"a": {"DataType": data_type, kind: value}}}


TEXT = {"DataType": "String", "StringValue": "v"}
NAMES = {
    "": "The message attribute name '' is invalid. Attribute name can contain A-Z, a-z, 0-9,",
    "a b": "The message attribute name 'a b' is invalid. Attribute name can contain A-Z, a-z, 0-9,",
    "é": "The message attribute name 'é' is invalid. Attribute name can contain A-Z, a-z, 0-9,",
    ".a": "The message attribute name '.a' is invalid. It can't start or end with a period",
    "a.": "The message attribute name 'a.' is invalid. It can't start or end with a period",
    "a..b": "The message attribute name 'a..b' is invalid. It can't start or end with a period",
    "aws.a": "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'.",
    "Amazon.a": "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'.",
    "a" * 257: "Length of message attribute name must be less than 256 bytes.",
}
SENDABLE: list[Mapping[str, object]] = [
    {"MessageBody": "a\t\r\n b"},
    {"MessageBody": "é \U0001f600 \ud7ff\ue000\ufffd"},
    {"MessageBody": "b", **attributes("text")},
    {"MessageBody": "b", **attributes(b"\0", kind="BinaryValue", data_type="Binary")},
    {"MessageBody": "b", **attributes("-1.5e3", data_type="Number.float")},
    {"MessageBody": "b", "MessageAttributes": {"a" * 256: TEXT, "a.b-c_D9": TEXT}},
    {"MessageBody": "b", "MessageGroupId": "a!~" * 42},
]
REFUSED: list[tuple[Mapping[str, object], str, str]] = [
    ({}, "MissingParameter", "The request must contain the parameter MessageBody."),
    ({"MessageBody": ""}, "MissingParameter", "The request must contain the parameter MessageBody."),
    *(
        ({"MessageBody": f"a{character}"}, "InvalidMessageContents", "Invalid characters found.")
        for character in "\0\x01\x0b\x1f\ufffe\uffff"
    ),
    ({"MessageBody": "b", **attributes("\x01")}, "InvalidMessageContents", "Invalid characters found."),
    (
        {"MessageBody": "b", **attributes("")},
        "InvalidParameterValue",
        "Message (user) attribute 'a' must contain a non-empty value of type 'String'.",
    ),
    (
        {"MessageBody": "b", **attributes(b"", kind="BinaryValue", data_type="Binary")},
        "InvalidParameterValue",
        "Message (user) attribute 'a' must contain a non-empty value of type 'Binary'.",
    ),
    *(
        ({"MessageBody": "b", "MessageAttributes": {name: TEXT}}, "InvalidParameterValue", sentence)
        for name, sentence in NAMES.items()
    ),
    *(
        ({"MessageBody": "b", "MessageAttributes": {"a": attribute}}, "InvalidParameterValue", sentence)
        for attribute, sentence in (
            ({"DataType": "Weird", "StringValue": "v"}, "The message attribute 'a' has an invalid message"),
            ({"DataType": "String.a b", "StringValue": "v"}, "The message attribute 'a' has an invalid"),
            ({"DataType": f"String.{'x' * 250}", "StringValue": "v"}, "The message attribute 'a' has an"),
            ({"StringValue": "v"}, "The message attribute 'a' must contain a message attribute type."),
            ({"DataType": "String"}, "Message (user) attribute 'a' must contain a non-empty value"),
            (
                {"DataType": "Binary", "StringValue": "v"},
                "The message attribute 'a' with type 'Binary' must use field 'Binary'.",
            ),
            (
                {"DataType": "String", "StringValue": "v", "BinaryValue": b"v"},
                "The message attribute 'a' with type 'String' must use field 'String'.",
            ),
            (
                {"DataType": "Number", "StringValue": "seven"},
                "Can't cast the value of message (user) attribute 'a' to a number.",
            ),
        )
    ),
    (
        {"MessageBody": "b", "MessageAttributes": {f"a{number}": TEXT for number in range(11)}},
        "InvalidParameterValue",
        "Number of message attributes [11] exceeds the allowed maximum [10].",
    ),
    *(
        (
            {"MessageBody": "b", "MessageGroupId": group_id},
            "InvalidParameterValue",
            f"Value {group_id} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only incl",
        )
        for group_id in ("", "a" * 129, "group 123")
    ),
]


@pytest.mark.parametrize("message", SENDABLE)
def test_what_a_queue_takes_is_sent(message: Mapping[str, object]) -> None:
    check_messages({"QueueUrl": "u", **message})
    check_messages({"QueueUrl": "u", "Entries": [{"Id": "1", **message}]})


@pytest.mark.parametrize(("message", "code", "sentence"), REFUSED)
def test_what_no_queue_takes_is_refused_alone_and_in_a_batch(
    message: Mapping[str, object], code: str, sentence: str
) -> None:
    batch = {"Entries": [{"Id": "1", "MessageBody": "b"}, {"Id": "2", **message}]}
    for arguments in (message, batch):
        with pytest.raises(AwsError) as refused:
            check_messages(arguments)
        assert (refused.value.error_code, refused.value.http_status) == (code, 400)
        assert refused.value.message.startswith(sentence)


def test_the_operations_that_send_are_awss() -> None:
    sending = {operation.name for operation in OPERATIONS if "MessageBody" in str(operation.members.names)}
    assert sending == {"SendMessage", "SendMessageBatch"}
    assert set(service_model("sqs").operation_names) >= sending
    for operation in OPERATIONS:
        if operation.name in sending:
            with pytest.raises(MissingMessageBody):
                operation.validate({"QueueUrl": "u"}, None)


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        (["a", "b"], None),
        (["a-_9" * 20], None),
        (["a", "a"], "BatchEntryIdsNotDistinct"),
        ([""], "InvalidBatchEntryId"),
        (["a" * 81], "InvalidBatchEntryId"),
        (["a b"], "InvalidBatchEntryId"),
    ],
)
def test_the_entries_of_a_batch_are_told_apart(ids: list[str], code: str | None) -> None:
    arguments = {"Entries": [{"Id": entry_id} for entry_id in ids]}
    if code is None:
        check_entries(arguments)
        return
    with pytest.raises(AwsError) as refused:
        check_entries(arguments)
    assert (refused.value.error_code, refused.value.http_status) == (code, 400)
