"""DynamoDB calls in the form in which the embedded engine takes them, and its answers in AWS's form."""

from collections.abc import Mapping

from tabard.names import Place
from tabard.services.dynamodb.consumed_capacity import tell_capacity
from tabard.services.dynamodb.tables import with_plain_table_names
from tabard.wire.request import Call, Value


def to_upstream(call: Call, place: Place) -> Mapping[str, Value]:
    """Return the input as it was authorized: every table by its plain name, no ARN left to read again."""
    plain = with_plain_table_names(call.input, place)
    if call.operation == "UpdateItem" and "UpdateExpression" not in plain:
        # The engine fails where there is nothing to update.
        return {**plain, "AttributeUpdates": {}}
    return plain


def from_upstream(output: dict[str, object], call: Call, _account_url: str) -> None:
    """Report as much of the consumed capacity as the request asked for."""
    tell_capacity(output, str(call.input.get("ReturnConsumedCapacity", "NONE")))
