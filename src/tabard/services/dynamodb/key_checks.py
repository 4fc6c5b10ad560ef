"""The key schema of a table and of its indexes, which every written item and every named key must match.

The engine checks some operations alone. An item whose index key has another type would make the index
unreadable for everybody, and a key with a further attribute would delete an item that it does not name.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.CoreComponents.html and
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html ("data type mismatch"). The
sentences are DynamoDB's own.
"""

from collections.abc import Iterator, Mapping, Sequence

from tabard.names import Place
from tabard.services.dynamodb.errors import ValidationException
from tabard.services.dynamodb.leading_keys import key_text
from tabard.services.dynamodb.tables import requests_by_table, table_name
from tabard.services.key_schema import KeyAttribute, TableSchema
from tabard.wire.request import Value

Input = Mapping[str, Value]

_INVALID = "One or more parameter values were invalid: "


def check_keys(arguments: Input, place: Place, schemas: Mapping[str, TableSchema]) -> None:
    """Refuse items and keys that do not match the schema of their table.

    Args:
        schemas: by the plain name of each table; a table that does not exist has none.
    Raises:
        ValidationException (400).
    """
    if "TableName" in arguments:
        _check(arguments, schemas.get(table_name(arguments["TableName"], place)))
    if "RequestItems" in arguments:
        for table, requests in requests_by_table(arguments, place).items():
            _check_batch(requests, schemas.get(table))
    for request in _transacted(arguments.get("TransactItems")):
        _check(request, schemas.get(table_name(request.get("TableName"), place)))


def _check_batch(requests: Value, schema: TableSchema | None) -> None:
    if isinstance(requests, dict):  # BatchGetItem
        _check(requests, schema)
        return
    written: set[tuple[str, ...]] = set()
    for request in _transacted(requests):
        _check(request, schema)
        if schema is None:
            continue
        key = request.get("Item") or request.get("Key")
        texts = tuple(_text(key, attribute.name) for attribute in schema[None])
        if texts in written:
            raise ValidationException(reason="Provided list of item keys contains duplicates")
        written.add(texts)


def _check(request: Input, schema: TableSchema | None) -> None:
    if schema is None:
        return
    item, keys = request.get("Item"), request.get("Keys")
    if isinstance(item, dict):
        _check_item(item, schema)
    for key in (request.get("Key"), *(keys if isinstance(keys, list) else ())):
        if isinstance(key, dict):
            _check_key(key, schema[None])


def _check_item(item: Input, schema: TableSchema) -> None:
    for attribute in schema[None]:
        kind = _kind(item.get(attribute.name))
        if not kind:
            raise ValidationException(reason=f"{_INVALID}Missing the key {attribute.name} in the item")
        if kind != attribute.kind:
            raise ValidationException(
                reason=f"{_INVALID}Type mismatch for key {attribute.name} expected: {attribute.kind} "
                f"actual: {kind}"
            )
    for index, attributes in schema.items():
        for attribute in attributes if index is not None else ():
            value = item.get(attribute.name)
            kind = _kind(value)
            if kind and kind != attribute.kind:
                raise ValidationException(
                    reason=f"{_INVALID}Type mismatch for Index Key {attribute.name} Expected: "
                    f"{attribute.kind} Actual: {kind} IndexName: {index}"
                )
            if isinstance(value, dict) and kind in ("S", "B") and not value[kind]:
                raise ValidationException(
                    reason="One or more parameter values are not valid. A value specified for a secondary "
                    "index key is not supported. The AttributeValue for a key attribute cannot contain an "
                    f"empty {'string' if kind == 'S' else 'binary'} value. IndexName: {index}, "
                    f"IndexKey: {attribute.name}"
                )


def _check_key(key: Input, attributes: Sequence[KeyAttribute]) -> None:
    if {name: _kind(value) for name, value in key.items()} != {one.name: one.kind for one in attributes}:
        raise ValidationException(reason="The provided key element does not match the schema")


def _kind(value: Value | None) -> str:
    return next(iter(value), "") if isinstance(value, dict) else ""


def _text(key: Value | None, name: str) -> str:
    """Return the key's value in one spelling; numbers that are equal are the same key."""
    return key_text(name, key.get(name) if isinstance(key, dict) else None)


def _transacted(items: Value | None) -> Iterator[Input]:
    """Yield the request within each part of a transaction or a batch of writes."""
    for item in items if isinstance(items, list) else ():
        for request in item.values() if isinstance(item, dict) else ():
            if isinstance(request, dict):
                yield request
