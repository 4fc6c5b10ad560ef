"""DynamoDB calls in the embedded engine's form, and its answers in AWS's form."""

from collections.abc import Mapping

from tabard.names import Place
from tabard.services.dynamodb.consumed_capacity import keep_requested_capacity
from tabard.services.dynamodb.tables import with_plain_table_names
from tabard.wire.request import Call, Value


def to_upstream(call: Call, place: Place) -> Mapping[str, Value]:
    """Return the input in its authorized form: every table by its plain name, without ARNs."""
    plain = with_plain_table_names(call.input, place)
    if call.operation == "UpdateItem" and "UpdateExpression" not in plain:
        # The engine fails if there is nothing to update.
        return {**plain, "AttributeUpdates": {}}
    return plain


def from_upstream(output: dict[str, object], call: Call, _account_url: str) -> None:
    """Keep only the requested part of the consumed capacity."""
    keep_requested_capacity(output, str(call.input.get("ReturnConsumedCapacity", "NONE")))
