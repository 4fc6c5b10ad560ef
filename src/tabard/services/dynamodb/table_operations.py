"""The forwarded operations on tables."""

import dataclasses

from tabard.services.dynamodb.checks import on_no_table, on_table
from tabard.services.dynamodb.members import each, forward
from tabard.services.dynamodb.tables import forget_keys
from tabard.services.operation import Forward, Operation


def _changing_table(name: str, *members: str) -> Forward:
    row = forward(name, on_table(f"dynamodb:{name}"), *members)
    return dataclasses.replace(row, after_success=forget_keys)


_INDEX = (
    "IndexName",
    "KeySchema.AttributeName",
    "KeySchema.KeyType",
    "Projection.ProjectionType",
    "Projection.NonKeyAttributes",
)
_THROUGHPUT = ("ProvisionedThroughput.ReadCapacityUnits", "ProvisionedThroughput.WriteCapacityUnits")


OPERATIONS: tuple[Operation, ...] = (
    _changing_table(
        "CreateTable",
        "TableName",
        *each("AttributeDefinitions", "AttributeName", "AttributeType"),
        *each("KeySchema", "AttributeName", "KeyType"),
        *each("LocalSecondaryIndexes", *_INDEX),
        *each("GlobalSecondaryIndexes", *_INDEX, *_THROUGHPUT),
        "BillingMode",
        *_THROUGHPUT,
        "TableClass=STANDARD",
        "DeletionProtectionEnabled=false",
        "StreamSpecification.StreamEnabled=false",
        "SSESpecification.Enabled=false",
        "Tags=",
    ),
    forward("DescribeTable", on_table("dynamodb:DescribeTable"), "TableName"),
    forward("ListTables", on_no_table("dynamodb:ListTables"), "ExclusiveStartTableName", "Limit"),
    _changing_table("DeleteTable", "TableName"),
)
