"""Names in a request: of buckets, objects and uploads. Each is one segment or path with only one meaning.

INVARIANT: the upstream reads a name that passes here exactly as it was authorized.
"""

import base64
import re

from tabard.services.s3.errors import (
    InvalidArgument,
    InvalidBucketName,
    InvalidContinuationToken,
    InvalidObjectKey,
    NoSuchUpload,
)
from tabard.services.s3.keys import refused_bucket_reason, refused_key_reason, refused_prefix_reason
from tabard.wire.request import Value

# No slash and no dot segment can hide in a bucket name: it is one segment of the upstream path.
_BUCKET_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?=[a-z0-9])){1,61}[a-z0-9]")
_IPV4_SHAPE = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")
# Upload ids are opaque, but they name a folder of the upstream.
_UPLOAD_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~+=-]{1,1024}")


def checked_bucket(name: Value | None) -> str:
    """Check a bucket name by AWS's rules and against the upstream's own paths. Raises InvalidBucketName."""
    if (
        not isinstance(name, str)
        or not _BUCKET_NAME.fullmatch(name)
        or _IPV4_SHAPE.fullmatch(name)
        or refused_bucket_reason(name) is not None
    ):
        raise InvalidBucketName
    return name


def checked_key(key: Value | None) -> str:
    """Check that the upstream stores the key unchanged. Raises InvalidObjectKey."""
    if not isinstance(key, str):
        raise InvalidArgument(reason="The object key is missing.")
    if (reason := refused_key_reason(key)) is not None:
        raise InvalidObjectKey(reason=reason)
    return key


def check_prefix(prefix: Value | None) -> None:
    """Check that the upstream reads a listing's prefix or marker unchanged. Raises InvalidObjectKey."""
    if isinstance(prefix, str) and (reason := refused_prefix_reason(prefix)) is not None:
        raise InvalidObjectKey(reason=reason)


def check_continuation_token(token: Value | None) -> None:
    """Check a continuation token, which is the last listed key. Raises InvalidContinuationToken."""
    if isinstance(token, str) and refused_prefix_reason(token) is not None:
        raise InvalidContinuationToken


def check_bucket_token(token: Value | None) -> None:
    """Check a token of ListBuckets: a bucket's name in base64. Raises InvalidContinuationToken."""
    if not isinstance(token, str):
        return
    try:
        name = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode(
            "ascii"
        )
        checked_bucket(name)
    except (ValueError, InvalidBucketName):
        raise InvalidContinuationToken from None


def check_upload_id(upload_id: Value | None) -> None:
    """Check the id of an upload, if given. Raises NoSuchUpload for an impossible one."""
    if isinstance(upload_id, str) and not _UPLOAD_ID.fullmatch(upload_id):
        raise NoSuchUpload
