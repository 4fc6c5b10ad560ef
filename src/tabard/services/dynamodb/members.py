"""The row of a forwarded DynamoDB operation, and the members that several operations have in common."""

from types import MappingProxyType

from tabard.services.accepted_members import accepted
from tabard.services.dynamodb.checks import Checks, tables_in
from tabard.services.dynamodb.key_checks import check_keys
from tabard.services.dynamodb.validation import validate
from tabard.services.operation import Forward

_ADVICE = MappingProxyType(
    {
        "AttributesToGet": "use ProjectionExpression",
        "AttributeUpdates": "use UpdateExpression",
        "ConditionalOperator": "use ConditionExpression or FilterExpression",
        "DeletionProtectionEnabled": "no operation here could end the protection",
        "Expected": "use ConditionExpression",
        "QueryFilter": "use FilterExpression",
        "ResourcePolicy": "use identity-based policies",
        "ScanFilter": "use FilterExpression",
        "Tags": "table tags are not supported, because no policy would see them",
        "TransactItems.Get.ExpressionAttributeNames": "use GetItem or BatchGetItem",
        "TransactItems.Get.ProjectionExpression": (
            "ProjectionExpression is not supported in TransactGetItems; use GetItem or BatchGetItem"
        ),
    }
)


def forward(name: str, checks: Checks, *members: str, actions: tuple[str, ...] | None = None) -> Forward:
    """Make the row of an operation that accepts these members."""
    accepts = accepted(*members, advice=_ADVICE)
    return Forward(name, checks, accepts, validate, actions=actions, tables=tables_in, check_keys=check_keys)


def each(prefix: str, *names: str) -> tuple[str, ...]:
    """Return the dotted names of members of `prefix`."""
    return tuple(f"{prefix}.{name}" for name in names)


NAMES = ("ExpressionAttributeNames",)
CONDITION = (
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValuesOnConditionCheckFailure",
)
