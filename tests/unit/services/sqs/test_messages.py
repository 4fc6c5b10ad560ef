"""A message is such that who receives it gets what was sent."""

from collections.abc import Mapping

import pytest

from tabard.errors import AwsError
from tabard.services.sqs.messages import SENDING, check_messages
from tabard.wire.service_model import service_model


def attributes(value: object, *, kind: str = "StringValue", data_type: str = "String") -> dict[str, object]:
    return {"MessageAttributes": {"a": {"DataType": data_type, kind: value}}}


SENDABLE: list[Mapping[str, object]] = [
    {"MessageBody": "a\t\r\n b"},
    {"MessageBody": "é \U0001f600 \ud7ff\ue000\ufffd"},
    {"MessageBody": "b", **attributes("text")},
    {"MessageBody": "b", **attributes(b"\0", kind="BinaryValue", data_type="Binary")},
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
]


@pytest.mark.parametrize("message", SENDABLE)
def test_what_a_queue_takes_is_sent(message: Mapping[str, object]) -> None:
    check_messages({"QueueUrl": "u", **message})  # type: ignore[dict-item]
    check_messages({"QueueUrl": "u", "Entries": [{"Id": "1", **message}]})  # type: ignore[dict-item]


@pytest.mark.parametrize(("message", "code", "sentence"), REFUSED)
def test_what_no_queue_takes_is_refused_alone_and_in_a_batch(
    message: Mapping[str, object], code: str, sentence: str
) -> None:
    batch = {"Entries": [{"Id": "1", "MessageBody": "b"}, {"Id": "2", **message}]}
    for arguments in (message, batch):
        with pytest.raises(AwsError) as refused:
            check_messages(arguments)  # type: ignore[arg-type]
        assert (refused.value.error_code, refused.value.http_status) == (code, 400)
        assert refused.value.message.startswith(sentence)


def test_the_operations_that_send_are_awss() -> None:
    assert set(service_model("sqs").operation_names) >= SENDING
