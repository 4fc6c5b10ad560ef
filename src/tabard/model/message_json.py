"""Messages in json 1.1, AWS's protocol: requests and answers of Tabard's own services."""

from datetime import datetime
from typing import TypeVar

import msgspec

from tabard.model.messages import Message

CONTENT_TYPE = "application/x-amz-json-1.1"
HOSTS_TARGET_PREFIX = "TabardHosts_20261101"

M = TypeVar("M", bound=Message)


class MessageUnreadable(Exception):
    """An answer does not have its operation's shape. The message never quotes it: it may contain a secret."""


class _ErrorBody(msgspec.Struct, frozen=True):
    """json 1.1's error: `__type` may carry a namespace before `#` and a link after `:`."""

    type: str = msgspec.field(name="__type", default="")
    message: str = ""
    Message: str = ""


def encode_message(request: Message) -> bytes:
    """Encode as json 1.1, with times as seconds since 1970."""
    members = msgspec.to_builtins(request, builtin_types=(datetime,))
    return msgspec.json.encode(
        {name: value.timestamp() if isinstance(value, datetime) else value for name, value in members.items()}
    )


def decode_message(body: bytes, kind: type[M]) -> M:
    """Decode an answer. Raises MessageUnreadable."""
    try:
        # Not strict: json 1.1 writes times as seconds since 1970, msgspec as ISO 8601. Both are accepted.
        return msgspec.json.decode(body, type=kind, strict=False)
    except msgspec.ValidationError as error:
        raise MessageUnreadable(f"the answer is not of its shape: {error}") from error
    except msgspec.DecodeError as error:
        # Without its cause: a decoder's message may quote the body, which may contain a secret.
        raise MessageUnreadable("the answer is not JSON") from error


def decode_error(body: bytes) -> tuple[str, str]:
    """Return the code and message of an error; an empty code if the body is not an AWS error."""
    try:
        found = msgspec.json.decode(body, type=_ErrorBody)
    except msgspec.DecodeError:
        found = _ErrorBody()
    return found.type.rpartition("#")[2].partition(":")[0], found.message or found.Message
