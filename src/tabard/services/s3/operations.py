"""The forwarded S3 operations, each with the members that the upstream honors.

Any other operation, and any other member, is refused as not offered: with 501, never dropped.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from types import MappingProxyType

from tabard.services.operation import Operation
from tabard.services.s3 import bucket_operations, object_operations, upload_operations

STREAMED_BODY = MappingProxyType({"PutObject": "Body", "UploadPart": "Body"})
"""Operations whose body is an object's content: it is streamed, never buffered."""

OPERATIONS: tuple[Operation, ...] = (
    *bucket_operations.OPERATIONS,
    *object_operations.OPERATIONS,
    *upload_operations.OPERATIONS,
)
