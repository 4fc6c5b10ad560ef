"""How much of an item a request reads: what `dynamodb:Select` holds, said or not.

Policies that narrow `dynamodb:Attributes` demand `dynamodb:Select` to be SPECIFIC_ATTRIBUTES, if it is there.
So it is always there, as the API's own default has it: a read that names no attributes reads them all.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html#DDB-Query-request-Select
"""

from collections.abc import Mapping

from tabard.services.dynamodb.errors import ValidationException
from tabard.wire.request import Value

Input = Mapping[str, Value]

SPECIFIC_ATTRIBUTES = "SPECIFIC_ATTRIBUTES"


def selected(arguments: Input, *, of_index: bool = False) -> str:
    """The value of `Select`, or what it is where it is not said.

    Raises:
        ValidationException: SPECIFIC_ATTRIBUTES without naming them; ALL_ATTRIBUTES of an index.
    Differs: ALL_ATTRIBUTES of an index is refused, because the embedded upstream answers what is projected
        into a local index alone, where AWS fetches the rest from the table.
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
