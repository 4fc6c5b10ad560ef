"""What each DynamoDB operation needs to be allowed.

AWS: the Service Authorization Reference for DynamoDB, and "Using IAM policy conditions for fine-grained
access control", https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tabard.access.check import Check
from tabard.names import Arn
from tabard.services.dynamodb.errors import ResourceNotFoundException, ValidationException
from tabard.services.dynamodb.expressions import attributes_named, equality_of
from tabard.services.operation import Facts
from tabard.wire.request import Value

Input = Mapping[str, Value]
Context = dict[str, tuple[str, ...]]

_TABLE_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
_EXPRESSIONS = (
    "KeyConditionExpression",
    "FilterExpression",
    "ProjectionExpression",
    "ConditionExpression",
    "UpdateExpression",
)
_LEGACY_NAMES = ("Expected", "AttributeUpdates", "KeyConditions", "QueryFilter", "ScanFilter")


def table_name(value: Value | None, facts: Facts) -> str:
    """A table's name, given by name or by ARN.

    Raises:
        ValidationException: neither. ResourceNotFoundException: a table of another account or region.
    """
    if not isinstance(value, str):
        raise ValidationException(reason="The parameter 'TableName' is required but was not present in the request")
    if value.startswith("arn:"):
        arn = Arn.parse(value)
        if arn is None or arn.service != "dynamodb" or not arn.resource.startswith("table/"):
            raise ValidationException(reason=f"Invalid table ARN: {value}")
        if (arn.region, arn.account_id) != (facts.region, facts.account_id):
            raise ResourceNotFoundException
        value = arn.resource.removeprefix("table/")
    if not _TABLE_NAME.fullmatch(value):
        raise ValidationException(
            reason=f"1 validation error detected: Value '{value}' at 'tableName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        )
    return value


def _table_arn(table: str, facts: Facts) -> str:
    return f"arn:{facts.partition}:dynamodb:{facts.region}:{facts.account_id}:table/{table}"


def on_no_table(action: str) -> Callable[[Input, Facts], Sequence[Check]]:
    """ListTables: on `*`."""

    def checks(_arguments: Input, _facts: Facts) -> Sequence[Check]:
        return (Check(action=action, resource="*"),)

    return checks


def on_table(action: str) -> Callable[[Input, Facts], Sequence[Check]]:
    """An operation on the table itself."""

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        resource = _table_arn(table_name(arguments.get("TableName"), facts), facts)
        tags = arguments.get("Tags")
        if not isinstance(tags, list) or not tags:
            return (Check(action=action, resource=resource),)
        pairs = [(str(tag["Key"]), str(tag["Value"])) for tag in tags if isinstance(tag, dict)]
        context: Context = {f"aws:requesttag/{key.lower()}": (value,) for key, value in pairs}
        context["aws:tagkeys"] = tuple(key for key, _ in pairs)
        return (
            Check(action=action, resource=resource, context=context),
            Check(action="dynamodb:TagResource", resource=resource, context=context),
        )

    return checks


def on_item(action: str) -> Callable[[Input, Facts], Sequence[Check]]:
    """GetItem, PutItem, UpdateItem, DeleteItem: on the table, with the leading key and attributes."""

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        return (_item_check(action, arguments, facts),)

    return checks


def reading_many(action: str) -> Callable[[Input, Facts], Sequence[Check]]:
    """Query and Scan: on the table, or on the index that is read."""

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        table = table_name(arguments.get("TableName"), facts)
        index = arguments.get("IndexName")
        resource = _table_arn(table, facts)
        if isinstance(index, str):
            resource = f"{resource}/index/{index}"
        context = _context(arguments)
        partition_key = facts.partition_keys.get((table, index if isinstance(index, str) else None))
        if partition_key is not None and action == "dynamodb:Query":
            context["dynamodb:leadingkeys"] = tuple(_queried_keys(arguments, partition_key))
        if action == "dynamodb:Scan":
            context["dynamodb:fulltablescan"] = ("true",)
        return (Check(action=action, resource=resource, context=context),)

    return checks


def getting_batch(arguments: Input, facts: Facts) -> Sequence[Check]:
    """BatchGetItem: one check for each table."""
    checks = []
    for named, request in _members(arguments.get("RequestItems")):
        table = table_name(named, facts)
        context = _context({**request, "ReturnConsumedCapacity": arguments.get("ReturnConsumedCapacity", "")})
        keys = request.get("Keys")
        _add_leading_keys(context, table, keys if isinstance(keys, list) else [], facts)
        checks.append(
            Check(action="dynamodb:BatchGetItem", resource=_table_arn(table, facts), context=context)
        )
    return tuple(checks)


def writing_batch(arguments: Input, facts: Facts) -> Sequence[Check]:
    """BatchWriteItem: one check for each table."""
    checks = []
    requests = arguments.get("RequestItems")
    for named, writes in requests.items() if isinstance(requests, dict) else ():
        table = table_name(named, facts)
        items: list[Value] = []
        for write in writes if isinstance(writes, list) else ():
            put, delete = (write.get("PutRequest"), write.get("DeleteRequest")) if isinstance(write, dict) else (0, 0)
            if isinstance(put, dict):
                items.append(put.get("Item", {}))
            if isinstance(delete, dict):
                items.append(delete.get("Key", {}))
        context: Context = {}
        _add_names(context, (name for item in items if isinstance(item, dict) for name in item))
        _add_leading_keys(context, table, items, facts)
        checks.append(
            Check(action="dynamodb:BatchWriteItem", resource=_table_arn(table, facts), context=context)
        )
    return tuple(checks)


_TRANSACT_ACTIONS = {
    "Get": "dynamodb:GetItem",
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}


def transacting(operation: str) -> Callable[[Input, Facts], Sequence[Check]]:
    """TransactGetItems and TransactWriteItems: the check of each item's own operation.

    AWS: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
    """

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        items = arguments.get("TransactItems")
        found = []
        for item in items if isinstance(items, list) else ():
            for kind, request in item.items() if isinstance(item, dict) else ():
                if isinstance(request, dict):
                    check = _item_check(_TRANSACT_ACTIONS[kind], request, facts)
                    context = {**check.context, "dynamodb:enclosingoperation": (operation,)}
                    found.append(Check(action=check.action, resource=check.resource, context=context))
        return tuple(found)

    return checks


def tables_in(arguments: Input, facts: Facts) -> frozenset[tuple[str, str | None]]:
    """The tables (and the index, for a Query) whose partition keys the checks need to know."""
    index = arguments.get("IndexName")
    named: list[Value | None] = [arguments["TableName"]] if "TableName" in arguments else []
    requests = arguments.get("RequestItems")
    named.extend(requests if isinstance(requests, dict) else ())
    items = arguments.get("TransactItems")
    for item in items if isinstance(items, list) else ():
        for request in item.values() if isinstance(item, dict) else ():
            if isinstance(request, dict):
                named.append(request.get("TableName"))
    wanted_index = index if isinstance(index, str) else None
    return frozenset((table_name(name, facts), wanted_index) for name in named)


def _item_check(action: str, arguments: Input, facts: Facts) -> Check:
    table = table_name(arguments.get("TableName"), facts)
    context = _context(arguments)
    key = arguments.get("Key", arguments.get("Item"))
    _add_leading_keys(context, table, [key] if key is not None else [], facts)
    return Check(action=action, resource=_table_arn(table, facts), context=context)


def _context(arguments: Input) -> Context:
    context: Context = {}
    for member, key in (
        ("Select", "dynamodb:select"),
        ("ReturnValues", "dynamodb:returnvalues"),
        ("ReturnConsumedCapacity", "dynamodb:returnconsumedcapacity"),
    ):
        value = arguments.get(member)
        if isinstance(value, str) and value:
            context[key] = (value,)
    _add_names(context, _attribute_names(arguments))
    return context


def _attribute_names(arguments: Input) -> Iterator[str]:
    for member in ("Key", "Item", *_LEGACY_NAMES):
        value = arguments.get(member)
        if isinstance(value, dict):
            yield from value
    legacy = arguments.get("AttributesToGet")
    if isinstance(legacy, list):
        yield from (str(name) for name in legacy)
    keys = arguments.get("Keys")
    for key in keys if isinstance(keys, list) else ():
        if isinstance(key, dict):
            yield from key
    placeholders = _placeholders(arguments)
    for member in _EXPRESSIONS:
        expression = arguments.get(member)
        if isinstance(expression, str):
            yield from attributes_named(expression, placeholders)


def _add_names(context: Context, names: Iterable[str]) -> None:
    found = tuple(dict.fromkeys(names))
    if found:
        context["dynamodb:attributes"] = found


def _add_leading_keys(context: Context, table: str, items: Sequence[Value], facts: Facts) -> None:
    partition_key = facts.partition_keys.get((table, None))
    if partition_key is None:
        return
    values = [_scalar(item.get(partition_key)) for item in items if isinstance(item, dict)]
    context["dynamodb:leadingkeys"] = tuple(value for value in values if value is not None)


def _queried_keys(arguments: Input, partition_key: str) -> Iterator[str]:
    expression = arguments.get("KeyConditionExpression")
    if isinstance(expression, str):
        placeholder = equality_of(partition_key, expression, _placeholders(arguments))
        values = arguments.get("ExpressionAttributeValues")
        if placeholder is not None and isinstance(values, dict):
            value = _scalar(values.get(placeholder))
            if value is not None:
                yield value
    conditions = arguments.get("KeyConditions")
    condition = conditions.get(partition_key) if isinstance(conditions, dict) else None
    operands = condition.get("AttributeValueList") if isinstance(condition, dict) else None
    for operand in operands if isinstance(operands, list) else ():
        value = _scalar(operand)
        if value is not None:
            yield value


def _placeholders(arguments: Input) -> Mapping[str, str]:
    names = arguments.get("ExpressionAttributeNames")
    return {key: str(value) for key, value in names.items()} if isinstance(names, dict) else {}


def _members(value: Value | None) -> Iterator[tuple[str, dict[str, Value]]]:
    for key, member in value.items() if isinstance(value, dict) else ():
        if isinstance(member, dict):
            yield key, member


def _scalar(attribute: Value | None) -> str | None:
    """The text of a key attribute's value: S and N as they are, B in base64."""
    if not isinstance(attribute, dict):
        return None
    for kind in ("S", "N"):
        value = attribute.get(kind)
        if isinstance(value, str):
            return value
    binary = attribute.get("B")
    return binascii.b2a_base64(binary, newline=False).decode() if isinstance(binary, bytes) else None
