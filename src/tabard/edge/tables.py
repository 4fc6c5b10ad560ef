"""Every operation of every service, as the pipeline looks it up."""

from collections.abc import Mapping
from types import MappingProxyType

from tabard.services.dynamodb.operations import OPERATIONS as DYNAMODB
from tabard.services.ec2.operations import OPERATIONS as EC2
from tabard.services.hosts.operations import OPERATIONS as HOSTS
from tabard.services.iam.operations import OPERATIONS as IAM
from tabard.services.operation import Operation
from tabard.services.s3.operations import OPERATIONS as S3
from tabard.services.sqs.operations import OPERATIONS as SQS
from tabard.services.sts.operations import OPERATIONS as STS
from tabard.services.tabard.operations import OPERATIONS as TABARD
from tabard.wire.request import ServiceName


def by_name(operations: tuple[Operation, ...]) -> Mapping[str, Operation]:
    """The rows of one service by name. Raises ValueError where a name stands twice."""
    table: dict[str, Operation] = {}
    for operation in operations:
        if operation.name in table:
            raise ValueError(f"{operation.name} stands twice in its service's table")
        table[operation.name] = operation
    return MappingProxyType(table)


OPERATIONS: Mapping[ServiceName, Mapping[str, Operation]] = MappingProxyType(
    {
        "iam": by_name(IAM),
        "sts": by_name(STS),
        "ec2": by_name(EC2),
        "hosts": by_name(HOSTS),
        "tabard": by_name(TABARD),
        "s3": by_name(S3),
        "dynamodb": by_name(DYNAMODB),
        "sqs": by_name(SQS),
    }
)
