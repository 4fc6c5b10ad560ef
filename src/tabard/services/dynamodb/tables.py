"""The table of a request, given by name or by ARN.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

import re
from collections.abc import Mapping

from tabard.names import Arn, Place
from tabard.services.dynamodb.errors import ResourceNotFoundException, ValidationException
from tabard.services.operation import TableKeysForgetter
from tabard.wire.constraints import validation_sentence
from tabard.wire.request import Value

Input = Mapping[str, Value]

_CHARACTERS = re.compile(r"[a-zA-Z0-9_.-]+")
_SHORTEST, _LONGEST = 3, 255


def table_name(value: Value | None, place: Place) -> str:
    """Return a table's name, from a name or an ARN.

    Raises:
        ValidationException: neither. ResourceNotFoundException: a table of another account or region.
    """
    if not isinstance(value, str):
        raise ValidationException(
            reason="The parameter 'TableName' is required but was not present in the request"
        )
    if value.startswith("arn:"):
        arn = Arn.parse(value)
        if arn is None or arn.service != "dynamodb" or not arn.resource.startswith("table/"):
            raise ValidationException(reason=f"Invalid table ARN: {value}")
        if (arn.partition, arn.region, arn.account_id) != (place.partition, place.region, place.account_id):
            raise ResourceNotFoundException
        value = arn.resource.removeprefix("table/")
    return _checked("tableName", value)


def forget_keys(table_keys: TableKeysForgetter) -> None:
    """Let the edges ask again for the keys of tables, of which one was created or deleted."""
    table_keys.forget()


def index_name(value: Value | None) -> str | None:
    """Return the name of the index, if any. Raises ValidationException."""
    return _checked("indexName", value) if isinstance(value, str) else None


def table_arn(table: str, place: Place) -> str:
    """Return `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME`."""
    return f"arn:{place.partition}:dynamodb:{place.region}:{place.account_id}:table/{table}"


def requests_by_table(arguments: Input, place: Place) -> Mapping[str, Value]:
    """Return the parts of a BatchGetItem or BatchWriteItem by the plain name of their table.

    Raises:
        ValidationException: no table, or one table twice: by name and by ARN.
    """
    requests = arguments.get("RequestItems")
    found: dict[str, Value] = {}
    for named, request in requests.items() if isinstance(requests, dict) else ():
        table = table_name(named, place)
        if table in found:
            raise ValidationException(reason=f"RequestItems names the table {table} more than once")
        found[table] = request
    if not found:
        raise ValidationException(reason="The batch request list cannot be null or empty")
    return found


def with_plain_table_names(arguments: Input, place: Place) -> Input:
    """Return the request with plain table names only: the form in which it was authorized.

    What a caller may write as an ARN — `TableName`, the keys of `RequestItems`, and each `TableName` of
    `TransactItems` — an upstream must never have to read again.
    """
    plain: dict[str, Value] = dict(arguments)
    if "TableName" in plain:
        plain["TableName"] = table_name(plain["TableName"], place)
    if "RequestItems" in plain:
        plain["RequestItems"] = dict(requests_by_table(arguments, place))
    items = plain.get("TransactItems")
    if isinstance(items, list):
        plain["TransactItems"] = [
            {
                kind: {**request, "TableName": table_name(request.get("TableName"), place)}
                if isinstance(request, dict)
                else request
                for kind, request in item.items()
            }
            if isinstance(item, dict)
            else item
            for item in items
        ]
    return plain


def _checked(member: str, value: str) -> str:
    """Return the name if it is valid. The error has one sentence for each broken rule."""
    broken = []
    if not _CHARACTERS.fullmatch(value):
        broken.append(f"satisfy regular expression pattern: {_CHARACTERS.pattern}")
    if len(value) < _SHORTEST:
        broken.append(f"have length greater than or equal to {_SHORTEST}")
    if len(value) > _LONGEST:
        broken.append(f"have length less than or equal to {_LONGEST}")
    if broken:
        constraint = f"Value '{value}' at '{member}' failed to satisfy constraint: Member must"
        raise ValidationException(reason=validation_sentence([f"{constraint} {rule}" for rule in broken]))
    return value
