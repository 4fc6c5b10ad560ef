"""Column types for values of the model: an attribute comes back exactly as it was written."""

from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator


class EnumText(TypeDecorator[StrEnum]):
    """A member of an enumeration, stored as its value."""

    impl = Text
    cache_ok = True

    def __init__(self, members: type[StrEnum]) -> None:
        super().__init__()
        self.members = members

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:  # noqa: ARG002 — SQLAlchemy's signature
        return None if value is None else value.value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002 — SQLAlchemy's signature
        return None if value is None else self.members(value)


class Structured(TypeDecorator[Any]):
    """A structured value of the model, stored as JSON: tags, options, pairs of texts."""

    impl = Text
    cache_ok = True

    def __init__(self, shape: Any) -> None:  # noqa: ANN401 — any type that msgspec reads
        super().__init__()
        self.shape = shape

    def process_bind_param(self, value: object, dialect: Dialect) -> str:  # noqa: ARG002 — SQLAlchemy's signature
        return msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> object:  # noqa: ARG002 — SQLAlchemy's signature
        return None if value is None else _decoder(self.shape).decode(value)


@lru_cache(maxsize=64)
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:  # noqa: ANN401 — any type that msgspec reads
    return msgspec.json.Decoder(shape)
