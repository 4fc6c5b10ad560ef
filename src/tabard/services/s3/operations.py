"""The S3 operations that are forwarded; any other is refused as not authorized.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from types import MappingProxyType

from tabard.services.operation import Forward
from tabard.services.s3.checks import (
    copying_object,
    creating_bucket,
    deleting_objects,
    on_all_buckets,
    on_bucket,
    on_object,
    writing_object,
)

OPERATIONS = (
    Forward("ListBuckets", on_all_buckets),
    Forward("CreateBucket", creating_bucket),
    Forward("HeadBucket", on_bucket("s3:ListBucket")),
    Forward("DeleteBucket", on_bucket("s3:DeleteBucket")),
    Forward("GetBucketLocation", on_bucket("s3:GetBucketLocation")),
    Forward("ListObjectsV2", on_bucket("s3:ListBucket")),
    Forward("HeadObject", on_object("s3:GetObject", version_action="s3:GetObjectVersion")),
    Forward("GetObject", on_object("s3:GetObject", version_action="s3:GetObjectVersion")),
    Forward("PutObject", writing_object(creates=True)),
    Forward("CopyObject", copying_object(creates=True)),
    Forward("DeleteObject", on_object("s3:DeleteObject", version_action="s3:DeleteObjectVersion")),
    Forward("DeleteObjects", deleting_objects, each_by_itself=True),
    Forward("CreateMultipartUpload", writing_object(creates=False)),
    Forward("UploadPart", writing_object(creates=False)),
    Forward("UploadPartCopy", copying_object(creates=False)),
    Forward("CompleteMultipartUpload", writing_object(creates=True)),
    Forward("AbortMultipartUpload", on_object("s3:AbortMultipartUpload")),
    Forward("ListParts", on_object("s3:ListMultipartUploadParts")),
    Forward("ListMultipartUploads", on_bucket("s3:ListBucketMultipartUploads")),
)

STREAMED_BODY = MappingProxyType({"PutObject": "Body", "UploadPart": "Body"})
"""Operations whose body is an object's content: it is streamed, never held."""

_READING = frozenset(
    (
        "Bucket", "Key", "PartNumber", "Range", "IfMatch", "IfNoneMatch", "IfModifiedSince",
        "IfUnmodifiedSince", "ChecksumMode", "ResponseCacheControl", "ResponseContentDisposition",
        "ResponseContentEncoding", "ResponseContentLanguage", "ResponseContentType", "ResponseExpires",
    )
)  # fmt: skip
_DESCRIBING = frozenset(
    (
        "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires",
        "Metadata", "StorageClass", "ACL",
    )
)  # fmt: skip
_CHECKSUMS = frozenset(
    ("ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256")
)
_CONTENT = _CHECKSUMS | {"Body", "ContentLength", "ContentMD5", "ChecksumAlgorithm"}
_COPYING = frozenset(
    (
        "CopySource", "CopySourceIfMatch", "CopySourceIfNoneMatch", "CopySourceIfModifiedSince",
        "CopySourceIfUnmodifiedSince",
    )
)  # fmt: skip
_OBJECT = frozenset(("Bucket", "Key"))

ACCEPTED_MEMBERS = MappingProxyType(
    {
        "ListBuckets": frozenset(("MaxBuckets", "ContinuationToken", "Prefix")),
        "CreateBucket": frozenset(("Bucket", "ACL", "CreateBucketConfiguration", "ObjectOwnership")),
        "HeadBucket": frozenset(("Bucket",)),
        "DeleteBucket": frozenset(("Bucket",)),
        "GetBucketLocation": frozenset(("Bucket",)),
        "ListObjectsV2": frozenset(
            (
                "Bucket",
                "Delimiter",
                "EncodingType",
                "MaxKeys",
                "Prefix",
                "ContinuationToken",
                "FetchOwner",
                "StartAfter",
            )
        ),
        "HeadObject": _READING,
        "GetObject": _READING,
        "PutObject": _OBJECT | _DESCRIBING | _CONTENT | {"IfMatch", "IfNoneMatch"},
        "CopyObject": _OBJECT | _DESCRIBING | _COPYING | {"MetadataDirective", "ChecksumAlgorithm"},
        "DeleteObject": _OBJECT | {"IfMatch"},
        "DeleteObjects": frozenset(("Bucket", "Delete", "ChecksumAlgorithm")),
        "CreateMultipartUpload": _OBJECT | _DESCRIBING | {"ChecksumAlgorithm", "ChecksumType"},
        "UploadPart": _OBJECT | _CONTENT | {"PartNumber", "UploadId"},
        "UploadPartCopy": _OBJECT | _COPYING | {"CopySourceRange", "PartNumber", "UploadId"},
        "CompleteMultipartUpload": _OBJECT
        | _CHECKSUMS
        | {"MultipartUpload", "UploadId", "ChecksumType", "MpuObjectSize", "IfMatch", "IfNoneMatch"},
        "AbortMultipartUpload": _OBJECT | {"UploadId"},
        "ListParts": _OBJECT | {"MaxParts", "PartNumberMarker", "UploadId"},
        "ListMultipartUploads": frozenset(
            ("Bucket", "Delimiter", "EncodingType", "KeyMarker", "MaxUploads", "Prefix", "UploadIdMarker")
        ),
    }
)
"""The input members that the upstream honours, by operation; another is refused with 501, never dropped."""
