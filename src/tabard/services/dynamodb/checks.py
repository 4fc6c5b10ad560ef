"""The checks that each DynamoDB operation needs.

AWS: the Service Authorization Reference for DynamoDB, and "Using IAM policy conditions for fine-grained
access control", https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tabard.access.check import Check
from tabard.names import Place
from tabard.policy import Multivalued
from tabard.services.dynamodb.errors import ValidationException
from tabard.services.dynamodb.expressions import EXPRESSIONS, attributes_named, placeholders_of
from tabard.services.dynamodb.leading_keys import UNREADABLE_KEY, leading_keys, queried_keys
from tabard.services.dynamodb.selected import selected
from tabard.services.dynamodb.tables import index_name, requests_by_table, table_arn, table_name
from tabard.services.key_schema import Table
from tabard.services.operation import Facts
from tabard.wire.request import Value

Input = Mapping[str, Value]
Context = dict[str, tuple[str, ...]]
Checks = Callable[[Input, Facts], Sequence[Check]]

_LEADING_KEYS = "dynamodb:leadingkeys"
_LEGACY_NAMES = ("Expected", "AttributeUpdates", "KeyConditions", "QueryFilter", "ScanFilter")


def on_no_table(action: str) -> Checks:
    """ListTables: on `*`."""

    def checks(_arguments: Input, _facts: Facts) -> Sequence[Check]:
        return (Check(action=action, resource="*"),)

    return checks


def on_table(action: str) -> Checks:
    """Return an operation on the table itself.

    Differs: tables have no resource-based policies and no tags; CreateTable with either is refused.
    """

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        resource = table_arn(table_name(arguments.get("TableName"), facts), facts)
        return (Check(action=action, resource=resource),)

    return checks


def on_item(action: str) -> Checks:
    """GetItem, PutItem, UpdateItem, DeleteItem: on the table, with the leading key and attributes."""

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        return (_item_check(action, arguments, facts),)

    return checks


def reading_many(action: str) -> Checks:
    """Query and Scan: on the table, or on the index that is read.

    A Scan has no leading key: whoever holds items apart by `dynamodb:LeadingKeys` does not grant it.
    """

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        table = table_name(arguments.get("TableName"), facts)
        index = index_name(arguments.get("IndexName"))
        context = _context(arguments)
        context["dynamodb:select"] = (selected(arguments, of_index=index is not None),)
        if action == "dynamodb:Query":
            partition_key = facts.partition_keys.get((table, index))
            context[_LEADING_KEYS] = Multivalued(queried_keys(arguments, partition_key))
        resource = table_arn(table, facts) if index is None else f"{table_arn(table, facts)}/index/{index}"
        return (Check(action=action, resource=resource, context=context),)

    return checks


def getting_batch(arguments: Input, facts: Facts) -> Sequence[Check]:
    """BatchGetItem: one check for each table."""
    checks = []
    for table, request in requests_by_table(arguments, facts).items():
        part = {**request} if isinstance(request, dict) else {}
        if "ReturnConsumedCapacity" in arguments:
            part["ReturnConsumedCapacity"] = arguments["ReturnConsumedCapacity"]
        keys = part.get("Keys")
        context = _context(part)
        context["dynamodb:select"] = (selected(part),)
        context[_LEADING_KEYS] = _leading_keys(table, keys if isinstance(keys, list) else [], facts)
        checks.append(
            Check(action="dynamodb:BatchGetItem", resource=table_arn(table, facts), context=context)
        )
    return checks


def writing_batch(arguments: Input, facts: Facts) -> Sequence[Check]:
    """BatchWriteItem: one check for each table."""
    checks = []
    for table, writes in requests_by_table(arguments, facts).items():
        items = list(_written(writes))
        context = _context({"ReturnConsumedCapacity": arguments.get("ReturnConsumedCapacity", "")})
        _add_names(context, (name for item in items if isinstance(item, dict) for name in item))
        context[_LEADING_KEYS] = _leading_keys(table, items, facts)
        checks.append(
            Check(action="dynamodb:BatchWriteItem", resource=table_arn(table, facts), context=context)
        )
    return checks


_TRANSACT_ACTIONS = {
    "Get": "dynamodb:GetItem",
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}


def transacting(operation: str) -> Checks:
    """TransactGetItems and TransactWriteItems: the check of each item's own operation.

    AWS: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
    """

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        found = []
        for kind, request in _transacted(arguments):
            check = _item_check(_TRANSACT_ACTIONS[kind], request, facts)
            context = {**check.context, "dynamodb:enclosingoperation": (operation,)}
            found.append(Check(action=check.action, resource=check.resource, context=context))
        return found

    return checks


def refuse_unreadable_keys(allowed: Iterable[Check]) -> None:
    """Refuse, once it is allowed, what does not plainly name the items it wants.

    Before, it would tell what the table's key is to whoever asks.

    Raises:
        ValidationException: some item lacks a partition key of type S, N or B; a Query asks for none, or for
            more than one value of it; a key is to be updated.
    """
    if any(not set(UNREADABLE_KEY).isdisjoint(check.context.get(_LEADING_KEYS, ())) for check in allowed):
        raise ValidationException(
            reason="The provided key element does not match the schema: the partition key must be given, "
            "once and with one value of type S, N or B, for each item, and it cannot be updated"
        )


def tables_in(arguments: Input, place: Place) -> frozenset[Table]:
    """Return the tables (and the index, for a Query) whose partition keys the checks need to know."""
    named: list[Value | None] = [arguments["TableName"]] if "TableName" in arguments else []
    if "RequestItems" in arguments:
        named.extend(requests_by_table(arguments, place))
    if "TransactItems" in arguments:
        named.extend(request.get("TableName") for _, request in _transacted(arguments))
    index = index_name(arguments.get("IndexName"))
    return frozenset((table_name(name, place), index) for name in named)


def _transacted(arguments: Input) -> Iterator[tuple[str, Input]]:
    """Return the action of each item of a transaction. Raises ValidationException: none, or two."""
    items = arguments.get("TransactItems")
    for item in items if isinstance(items, list) and items else [None]:
        ((kind, request),) = item.items() if isinstance(item, dict) and len(item) == 1 else (("", None),)
        if not isinstance(request, dict):
            raise ValidationException(
                reason="TransactItems can only contain one of Check, Put, Update or Delete"
            )
        yield kind, request


def _written(writes: Value) -> Iterator[Value]:
    """Yield the item or key of each write of a batch. Raises ValidationException: not exactly one write."""
    for write in writes if isinstance(writes, list) else ():
        ((kind, request),) = write.items() if isinstance(write, dict) and len(write) == 1 else (("", None),)
        if not isinstance(request, dict):
            raise ValidationException(
                reason="Supplied WriteRequest must contain exactly one of PutRequest and DeleteRequest"
            )
        yield request.get("Item" if kind == "PutRequest" else "Key", {})


def _item_check(action: str, arguments: Input, facts: Facts) -> Check:
    table = table_name(arguments.get("TableName"), facts)
    context = _context(arguments)
    if action == "dynamodb:GetItem":
        context["dynamodb:select"] = (selected(arguments),)
    item = arguments.get("Item" if action == "dynamodb:PutItem" else "Key", {})
    context[_LEADING_KEYS] = _leading_keys(table, [item], facts)
    partition_key = facts.partition_keys.get((table, None))
    updates = arguments.get("AttributeUpdates")
    if isinstance(updates, dict) and partition_key in updates:  # "Cannot update attribute: part of the key"
        context[_LEADING_KEYS] = Multivalued((*context[_LEADING_KEYS], *UNREADABLE_KEY))
    return Check(action=action, resource=table_arn(table, facts), context=context)


def _leading_keys(table: str, items: Sequence[Value], facts: Facts) -> Multivalued:
    return Multivalued(leading_keys(items, facts.partition_keys.get((table, None))))


def _context(arguments: Input) -> Context:
    context: Context = {}
    for member, key in (
        ("ReturnValues", "dynamodb:returnvalues"),
        ("ReturnConsumedCapacity", "dynamodb:returnconsumedcapacity"),
    ):
        value = arguments.get(member)
        if isinstance(value, str) and value:
            context[key] = (value,)
    if arguments.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
        # It returns the whole item, as ReturnValues=ALL_OLD does.
        context["dynamodb:returnvalues"] = ("ALL_OLD",)
    _add_names(context, _attribute_names(arguments))
    return context


def _attribute_names(arguments: Input) -> Iterator[str]:
    for member in ("Key", "Item", *_LEGACY_NAMES):
        value = arguments.get(member)
        if isinstance(value, dict):
            yield from value
    keys = arguments.get("Keys")
    for key in keys if isinstance(keys, list) else ():
        if isinstance(key, dict):
            yield from key
    placeholders = placeholders_of(arguments)
    for member in EXPRESSIONS:
        expression = arguments.get(member)
        if isinstance(expression, str):
            yield from attributes_named(member, expression, placeholders)


def _add_names(context: Context, names: Iterable[str]) -> None:
    found = Multivalued(dict.fromkeys(names))
    if found:
        context["dynamodb:attributes"] = found
