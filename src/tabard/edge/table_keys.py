"""The key schemas of DynamoDB tables, for `dynamodb:LeadingKeys` and to check items and keys."""

from collections.abc import Mapping

from tabard.clock import Clock, Deadline, read_clocks
from tabard.edge.forward_json import JsonUpstream
from tabard.edge.readable_answer import readable_answer
from tabard.errors import RelayedError
from tabard.processes.shared_mark import SharedMark
from tabard.services.dynamodb.errors import ResourceNotFoundException
from tabard.services.key_schema import KeyAttribute, KeySchema, Table, TableSchema

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
        self._known: dict[tuple[str, str], tuple[Deadline, TableSchema]] = {}

    async def of(self, tables: frozenset[Table], *, region: str) -> Mapping[Table, str]:
        """Return the partition key of each table or index. Raises RelayedError, ServiceUnavailable."""
        found: dict[Table, str] = {}
        for table, index in tables:
            schema = await self._schema(table, region=region)
            if index in schema:
                found[(table, index)] = schema[index][0].name
        return found

    async def schemas(self, tables: frozenset[Table], *, region: str) -> Mapping[str, TableSchema]:
        """Return the key schema of each existing table. Raises RelayedError, ServiceUnavailable."""
        found = {table: await self._schema(table, region=region) for table, _ in tables}
        return {table: schema for table, schema in found.items() if None in schema}

    def forget(self) -> None:
        """Make every edge of the machine ask again, because a table was created or deleted."""
        self._changes.change()

    async def _schema(self, table: str, *, region: str) -> TableSchema:
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
                raise  # without the key nothing can be decided
            return {}  # the table does not exist: the operation itself reports that
        with readable_answer("dynamodb", "DescribeTable"):
            schema = _table_schema(described.get("Table"))
        if len(self._known) >= _CAPACITY:
            self._known.clear()
        # INVARIANT: an answer that may be older than a change is not cached.
        if self._changes.value() == seen:
            self._known[(region, table)] = (Deadline.after(now, KEPT_SECONDS), schema)
        return schema


def _table_schema(table: object) -> TableSchema:
    if not isinstance(table, dict):
        return {}
    defined = table.get("AttributeDefinitions") or ()
    kinds = {str(one["AttributeName"]): str(one["AttributeType"]) for one in defined}
    schemas: dict[str | None, KeySchema] = {None: _key_schema(table, kinds)}
    for listing in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        for index in table.get(listing) or ():
            schemas[str(index["IndexName"])] = _key_schema(index, kinds)
    return {name: schema for name, schema in schemas.items() if schema}


def _key_schema(described: Mapping[str, object], kinds: Mapping[str, str]) -> KeySchema:
    listed = described.get("KeySchema")
    elements = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    elements.sort(key=lambda element: element["KeyType"] != "HASH")
    names = [str(element["AttributeName"]) for element in elements]
    return tuple(KeyAttribute(name, kinds.get(name, "")) for name in names)
