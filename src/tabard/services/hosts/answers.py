"""Conversion of messages to answers."""

from datetime import datetime

import msgspec

from tabard.model.messages import Message
from tabard.services.operation import Output


def answer(message: Message) -> Output:
    """Convert a message to members by name, with times and bytes as Python values."""
    members: dict[str, object] = msgspec.to_builtins(message, builtin_types=(datetime, bytes))
    return members
