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
        ValidationException: SPECIFIC_ATTRIBUTES without naming them; the legacy AttributesToGet.
    Differs: AttributesToGet is refused, because the embedded upstream answers whole items in spite of it.
    """
    if "AttributesToGet" in arguments:
        raise ValidationException(
            reason="The legacy parameter AttributesToGet is not supported; use ProjectionExpression."
        )
    select = arguments.get("Select")
    is_projected = "ProjectionExpression" in arguments
    if isinstance(select, str):
        if select == SPECIFIC_ATTRIBUTES and not is_projected:
            raise ValidationException(
                reason="Must specify the ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
            )
        return select
    if is_projected:
        return SPECIFIC_ATTRIBUTES
    return "ALL_PROJECTED_ATTRIBUTES" if of_index else "ALL_ATTRIBUTES"


def refuse_unhonoured_projection(kind: str, request: Input) -> None:
    """Refuse a projection in a transaction.

    Raises:
        ValidationException: a Get that names attributes.
    Differs: TransactGetItems takes no ProjectionExpression, because the embedded upstream answers whole items
        in spite of it.
    """
    if kind == "Get" and "ProjectionExpression" in request:
        raise ValidationException(
            reason="ProjectionExpression is not supported in TransactGetItems; use GetItem or BatchGetItem."
        )
