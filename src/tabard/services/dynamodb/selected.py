"""The part of an item that a request reads: the value of `dynamodb:Select`, explicit or by default.

Policies that restrict `dynamodb:Attributes` require `dynamodb:Select` to be SPECIFIC_ATTRIBUTES, if the key
exists. So it always exists, with the API's own default: a read without named attributes reads all of them.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html#DDB-Query-request-Select
"""

from collections.abc import Mapping

from tabard.services.dynamodb.errors import ValidationException
from tabard.wire.request import Value

Input = Mapping[str, Value]

SPECIFIC_ATTRIBUTES = "SPECIFIC_ATTRIBUTES"


def selected(arguments: Input, *, of_index: bool = False) -> str:
    """Return the value of `Select`, or its default.

    Raises:
        ValidationException: SPECIFIC_ATTRIBUTES without names; ALL_ATTRIBUTES of an index.
    Differs: ALL_ATTRIBUTES of an index is refused. The embedded upstream returns only the attributes
        projected into a local index; AWS fetches the rest from the table.
    """
    select = arguments.get("Select")
    is_projected = "ProjectionExpression" in arguments
    if isinstance(select, str):
        if select == SPECIFIC_ATTRIBUTES and not is_projected:
            raise ValidationException(
                reason="Must specify the ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
            )
        if select == "ALL_ATTRIBUTES" and of_index:
            raise ValidationException(
                reason="Select=ALL_ATTRIBUTES is not supported on an index; use ALL_PROJECTED_ATTRIBUTES"
            )
        return select
    if is_projected:
        return SPECIFIC_ATTRIBUTES
    return "ALL_PROJECTED_ATTRIBUTES" if of_index else "ALL_ATTRIBUTES"
