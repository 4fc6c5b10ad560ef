"""The source of a copy: `bucket/key?versionId=…`, percent-encoded.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html (x-amz-copy-source)
"""

from dataclasses import dataclass
from urllib.parse import unquote

from tabard.services.s3.errors import InvalidArgument
from tabard.services.s3.names import checked_bucket, checked_key
from tabard.wire.request import Value

_NOT_A_SOURCE = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"


@dataclass(frozen=True, slots=True)
class CopySource:
    """The source of a copy; `version_id` is None if it names none."""

    bucket: str
    key: str
    version_id: str | None


def copy_source(value: Value | None) -> CopySource:
    """Parse `CopySource`, decoded once; the version follows the first `?versionId=`.

    Raises:
        InvalidArgument, InvalidBucketName (an access point's ARN too), InvalidObjectKey.
    Differs: access point ARNs are not accepted.
    """
    if not isinstance(value, str):
        raise InvalidArgument(reason=_NOT_A_SOURCE)
    path, mark, version_id = value.partition("?versionId=")
    try:
        bucket, slash, key = unquote(path, errors="strict").removeprefix("/").partition("/")
    except UnicodeDecodeError:
        raise InvalidArgument(reason="Copy Source is not valid UTF-8") from None
    if not slash or not key:
        raise InvalidArgument(reason=_NOT_A_SOURCE)
    return CopySource(checked_bucket(bucket), checked_key(key), version_id if mark else None)
