"""One HTTP answer, before it is framed."""

from collections.abc import AsyncIterator
from typing import TypeAlias

import msgspec

Headers: TypeAlias = tuple[tuple[str, str], ...]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP answer; a streamed body is read once."""

    status: int
    headers: Headers
    body: bytes | AsyncIterator[bytes]

    def __repr__(self) -> str:
        return f"Answer(status={self.status!r}, headers={self.headers!r})"
