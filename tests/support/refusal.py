"""What a client is told when it is refused."""

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError


def refusal(call: Callable[..., object], **arguments: object) -> tuple[str, int]:
    """The error that a call of boto3 ends with: its code and HTTP status."""
    code, status, _ = refusal_in_full(call, **arguments)
    return code, status


def refusal_in_full(call: Callable[..., object], **arguments: object) -> tuple[str, int, str]:
    """Code, HTTP status and message."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    answer = refused.value.response
    assert answer["ResponseMetadata"]["RequestId"]
    return (
        answer["Error"]["Code"],
        answer["ResponseMetadata"]["HTTPStatusCode"],
        answer["Error"].get("Message", ""),
    )
