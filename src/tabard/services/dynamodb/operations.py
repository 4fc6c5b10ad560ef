"""The DynamoDB operations that are forwarded; any other is refused as not authorized.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
"""

from tabard.services.dynamodb.checks import (
    getting_batch,
    on_item,
    on_no_table,
    on_table,
    reading_many,
    transacting,
    writing_batch,
)
from tabard.services.operation import Forward

OPERATIONS = (
    Forward("CreateTable", on_table("dynamodb:CreateTable")),
    Forward("DescribeTable", on_table("dynamodb:DescribeTable")),
    Forward("ListTables", on_no_table("dynamodb:ListTables")),
    Forward("DeleteTable", on_table("dynamodb:DeleteTable")),
    Forward("GetItem", on_item("dynamodb:GetItem")),
    Forward("PutItem", on_item("dynamodb:PutItem")),
    Forward("UpdateItem", on_item("dynamodb:UpdateItem")),
    Forward("DeleteItem", on_item("dynamodb:DeleteItem")),
    Forward("Query", reading_many("dynamodb:Query")),
    Forward("Scan", reading_many("dynamodb:Scan")),
    Forward("BatchGetItem", getting_batch),
    Forward("BatchWriteItem", writing_batch),
    Forward("TransactGetItems", transacting("TransactGetItems")),
    Forward("TransactWriteItems", transacting("TransactWriteItems")),
)
