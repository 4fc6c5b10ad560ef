"""Messages as answers."""

from datetime import datetime

import msgspec

from tabard.model.messages import Message
from tabard.services.operation import Output


def answer(message: Message) -> Output:
    """A message by its member names, times and bytes as Python values."""
    members: dict[str, object] = msgspec.to_builtins(message, builtin_types=(datetime, bytes))
    return members
