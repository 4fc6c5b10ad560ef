"""The key schema of a DynamoDB table and of its indexes."""

from collections.abc import Mapping

import msgspec

Table = tuple[str, str | None]
"""The name of a DynamoDB table, and its index if the request reads one."""


class KeyAttribute(msgspec.Struct, frozen=True):
    """One attribute of a key. `kind`: S, N or B."""

    name: str
    kind: str


KeySchema = tuple[KeyAttribute, ...]
"""The partition key, then the sort key, where there is one."""

TableSchema = Mapping[str | None, KeySchema]
"""The keys by index; None is the table itself."""
