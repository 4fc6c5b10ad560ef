"""Every service of the edge: its operations, and the proof of the caller that its requests carry."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
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


class Proof(Enum):
    """The kind of proof that authenticates a caller; `edge/authenticate.py` has the strategy for each."""

    SIGNED_BODY = "a signature that covers the whole body"
    DECLARED_PAYLOAD = "a signature that covers the hash that a header declares"
    MACHINE = "a certificate or a join token, where there is no signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service.

    `encodes_denials`: a denial has an encoded message, which sts:DecodeAuthorizationMessage opens.
    """

    operations: Mapping[str, Operation]
    proof: Proof = Proof.SIGNED_BODY
    encodes_denials: bool = False


def by_name(operations: tuple[Operation, ...]) -> Mapping[str, Operation]:
    """Return the rows of one service by name. Raises ValueError if a name occurs twice."""
    table: dict[str, Operation] = {}
    for operation in operations:
        if operation.name in table:
            raise ValueError(f"{operation.name} stands twice in its service's table")
        table[operation.name] = operation
    return MappingProxyType(table)


SERVICES: Mapping[ServiceName, Service] = MappingProxyType(
    {
        "iam": Service(operations=by_name(IAM)),
        "sts": Service(operations=by_name(STS)),
        "ec2": Service(operations=by_name(EC2), encodes_denials=True),
        "hosts": Service(operations=by_name(HOSTS), proof=Proof.MACHINE),
        "tabard": Service(operations=by_name(TABARD)),
        "s3": Service(operations=by_name(S3), proof=Proof.DECLARED_PAYLOAD),
        "dynamodb": Service(operations=by_name(DYNAMODB)),
        "sqs": Service(operations=by_name(SQS)),
    }
)

OPERATIONS: Mapping[ServiceName, Mapping[str, Operation]] = MappingProxyType(
    {name: service.operations for name, service in SERVICES.items()}
)

MACHINE_SERVICES: frozenset[str] = frozenset(
    name for name, service in SERVICES.items() if service.proof is Proof.MACHINE
)
"""The services that hosts call about their instances."""
