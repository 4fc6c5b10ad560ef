"""The operations of STS, from each module.

AWS: https://docs.aws.amazon.com/STS/latest/APIReference/
"""

from tabard.services.operation import Operation
from tabard.services.sts import assume_role, authorization_message, caller_identity

OPERATIONS: tuple[Operation, ...] = (
    *assume_role.OPERATIONS,
    *authorization_message.OPERATIONS,
    *caller_identity.OPERATIONS,
)
