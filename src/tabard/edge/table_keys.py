"""The partition keys of DynamoDB tables, which `dynamodb:LeadingKeys` is read with."""

from collections.abc import Mapping

from tabard.clock import Clock, Deadline, read_clocks
from tabard.edge.forward_json import JsonUpstream
from tabard.edge.readable_answer import readable_answer
from tabard.errors import RelayedError
from tabard.processes.shared_mark import SharedMark
from tabard.services.dynamodb.errors import ResourceNotFoundException
from tabard.services.operation import Table

KEPT_SECONDS = 30.0
_CAPACITY = 4096


class TableKeys:
    """Asks the upstream once per table, and again when the table may have changed.

    A key schema never changes while its table lives. All edges of a machine share a mark, which one of them
    changes before it acknowledges that a table was created or deleted. No request that begins after that is
    decided by an older key.

    Differs: an edge on another machine, and any edge where the one that deleted a table was killed before it
        answered, can decide by the partition key of a deleted table for 30 seconds.
    """

    def __init__(self, upstream: JsonUpstream, clock: Clock, changes: SharedMark) -> None:
        self._upstream = upstream
        self._changes = changes
        self._seen = changes.value()
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[Deadline, dict[str | None, str]]] = {}

    async def of(self, tables: frozenset[Table], *, region: str) -> Mapping[Table, str]:
        """The partition key of each table or index that exists. Raises RelayedError, ServiceUnavailable."""
        found: dict[Table, str] = {}
        for table, index in tables:
            keys = await self._keys(table, region=region)
            if index in keys:
                found[(table, index)] = keys[index]
        return found

    def forget(self) -> None:
        """Let every edge of the machine ask again: a table was created or deleted."""
        self._changes.change()

    async def _keys(self, table: str, *, region: str) -> dict[str | None, str]:
        now, seen = read_clocks(self._clock), self._changes.value()
        if seen != self._seen:
            self._known.clear()
            self._seen = seen
        known = self._known.get((region, table))
        if known is not None and not known[0].has_come(now):
            return known[1]
        try:
            described = await self._upstream.ask("DescribeTable", {"TableName": table}, region=region)
        except RelayedError as error:
            if error.error_code != ResourceNotFoundException.code:
                raise  # what the key is cannot be known, so nothing can be decided
            return {}  # there is no such table: the operation itself will say so
        with readable_answer("dynamodb", "DescribeTable"):
            keys = _partition_keys(described.get("Table"))
        if len(self._known) >= _CAPACITY:
            self._known.clear()
        # INVARIANT: an answer that may be older than a change is not remembered.
        if self._changes.value() == seen:
            self._known[(region, table)] = (Deadline.after(now, KEPT_SECONDS), keys)
        return keys


def _partition_keys(table: object) -> dict[str | None, str]:
    if not isinstance(table, dict):
        return {}
    keys: dict[str | None, str] = {}
    _add(keys, None, table)
    for listing in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        for index in table.get(listing) or ():
            _add(keys, str(index["IndexName"]), index)
    return keys


def _add(keys: dict[str | None, str], name: str | None, described: Mapping[str, object]) -> None:
    schema = described.get("KeySchema")
    for element in schema if isinstance(schema, list) else ():
        if element["KeyType"] == "HASH":
            keys[name] = str(element["AttributeName"])
