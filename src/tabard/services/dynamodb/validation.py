"""Every name and value that a request writes or reads by, held to DynamoDB's rules once it is allowed.

Before, the answer would tell what a table's key is to whoever asks.
"""

from collections.abc import Callable, Iterator, Mapping

from tabard.access.authorize import Permit
from tabard.services.dynamodb.attribute_values import check_item, check_key, check_name, check_value
from tabard.services.dynamodb.checks import refuse_unreadable_keys
from tabard.services.dynamodb.errors import ValidationException
from tabard.wire.request import Value

Request = Mapping[str, Value]

_REASON = "(reason)"
_OF_KEY = f"contains invalid value: {_REASON} for key "


def validate(arguments: Request, permit: Permit) -> None:
    """Refuse what could not be read back.

    Raises:
        ValidationException (400).
    """
    refuse_unreadable_keys(permit.checks)
    for request in _requests(arguments):
        _check_request(request)


def _requests(arguments: Request) -> Iterator[Request]:
    """Yield the request itself, and every request within a batch or a transaction."""
    yield arguments
    batches = arguments.get("RequestItems")
    for batch in batches.values() if isinstance(batches, dict) else ():
        if isinstance(batch, dict):
            yield batch
        for write in _listed(batch):
            yield from _structures(write)
    for item in _listed(arguments.get("TransactItems")):
        yield from _structures(item)


def _check_request(request: Request) -> None:
    item, key, start = (request.get(name) for name in ("Item", "Key", "ExclusiveStartKey"))
    if isinstance(item, dict):
        check_item(item)
    for named in (key, *_listed(request.get("Keys"))):
        if isinstance(named, dict):
            check_key(named)
    if isinstance(start, dict):
        _within(f"The provided starting key is invalid: {_REASON}", check_key, start)
    for condition in _structures(request.get("KeyConditions")):
        for operand in _listed(condition.get("AttributeValueList")):
            check_value(operand)
    names, values = request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
    for placeholder, name in names.items() if isinstance(names, dict) else ():
        _within(f"ExpressionAttributeNames {_OF_KEY}{placeholder}", check_name, str(name))
    for placeholder, value in values.items() if isinstance(values, dict) else ():
        _within(f"ExpressionAttributeValues {_OF_KEY}{placeholder}", check_value, value)


def _within(sentence: str, check: Callable[..., object], value: object) -> None:
    """Check a value; a refusal of it is said within DynamoDB's sentence for its place."""
    try:
        check(value)
    except ValidationException as error:
        raise ValidationException(reason=sentence.replace(_REASON, error.message, 1)) from None


def _listed(value: Value | None) -> list[Value]:
    return value if isinstance(value, list) else []


def _structures(value: Value | None) -> Iterator[Request]:
    for inner in value.values() if isinstance(value, dict) else ():
        if isinstance(inner, dict):
            yield inner
