"""SQS's two names for an error: the shape of its JSON protocol and the code of its query protocol.

The header `x-amzn-query-error` carries the second, and SDKs show it to their users.
AWS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_PREFIX: Final = "AWS.SimpleQueueService."
_QUERY_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "BatchEntryIdsNotDistinct": _PREFIX + "BatchEntryIdsNotDistinct",
        "BatchRequestTooLong": _PREFIX + "BatchRequestTooLong",
        "EmptyBatchRequest": _PREFIX + "EmptyBatchRequest",
        "InvalidBatchEntryId": _PREFIX + "InvalidBatchEntryId",
        "KmsAccessDenied": "KMS.AccessDeniedException",
        "KmsDisabled": "KMS.DisabledException",
        "KmsInvalidKeyUsage": "KMS.InvalidKeyUsageException",
        "KmsInvalidState": "KMS.InvalidStateException",
        "KmsNotFound": "KMS.NotFoundException",
        "KmsOptInRequired": "KMS.OptInRequired",
        "KmsThrottled": "KMS.ThrottlingException",
        "MessageNotInflight": _PREFIX + "MessageNotInflight",
        "PurgeQueueInProgress": _PREFIX + "PurgeQueueInProgress",
        "QueueDeletedRecently": _PREFIX + "QueueDeletedRecently",
        "QueueDoesNotExist": _PREFIX + "NonExistentQueue",
        "QueueNameExists": "QueueAlreadyExists",
        "TooManyEntriesInBatchRequest": _PREFIX + "TooManyEntriesInBatchRequest",
        "UnsupportedOperation": _PREFIX + "UnsupportedOperation",
    }
)
_SHAPE_NAMES: Final[Mapping[str, str]] = MappingProxyType({code: name for name, code in _QUERY_CODES.items()})


def sqs_query_code(code: str) -> str:
    """Convert either name to the code of the query protocol."""
    return _QUERY_CODES.get(code, code)


def sqs_shape_name(code: str) -> str:
    """Convert either name to the shape of the JSON protocol."""
    return _SHAPE_NAMES.get(code, code)
