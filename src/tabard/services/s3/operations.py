"""The forwarded S3 operations, each with the members that the upstream honors.

Any other operation, and any other member, is refused as not offered: with 501, never dropped.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from types import MappingProxyType

from tabard.services.accepted_members import accepted
from tabard.services.operation import Forward
from tabard.services.s3.absence import absent_object, absent_source
from tabard.services.s3.checks import (
    copying_object,
    creating_bucket,
    deleting_objects,
    on_all_buckets,
    on_bucket,
    on_object,
    writing_object,
)

STREAMED_BODY = MappingProxyType({"PutObject": "Body", "UploadPart": "Body"})
"""Operations whose body is an object's content: it is streamed, never buffered."""

_BUCKET = ("Bucket", "ExpectedBucketOwner")
_OBJECT = (*_BUCKET, "Key")
_READING = (
    *_OBJECT, "PartNumber", "Range", "IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince",
    "ChecksumMode", "ResponseCacheControl", "ResponseContentDisposition", "ResponseContentEncoding",
    "ResponseContentLanguage", "ResponseContentType", "ResponseExpires",
)  # fmt: skip
_DESCRIBING = (
    "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires",
    "Metadata", "StorageClass", "ACL",
)  # fmt: skip
_CHECKSUMS = ("ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256")
_CONTENT = (*_CHECKSUMS, "Body", "ContentLength", "ContentMD5", "ChecksumAlgorithm")
_COPYING = (
    "ExpectedSourceBucketOwner", "CopySource", "CopySourceIfMatch", "CopySourceIfNoneMatch",
    "CopySourceIfModifiedSince", "CopySourceIfUnmodifiedSince",
)  # fmt: skip
_LISTING = (*_BUCKET, "Delimiter", "EncodingType", "Prefix")
_READ = accepted(*_READING)
_COPIED = accepted(*_OBJECT, *_DESCRIBING, *_COPYING, "MetadataDirective", "ChecksumAlgorithm")
_READS = ("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket")
"""The last is for a caller who may learn that the object is absent."""

_WRITES = ("s3:PutObject",)
_DELETES = ("s3:DeleteObject", "s3:DeleteObjectVersion")
_READ_BY = on_object("s3:GetObject", version_action="s3:GetObjectVersion")

OPERATIONS = (
    Forward(
        "ListBuckets",
        on_all_buckets,
        accepted("MaxBuckets", "ContinuationToken", "Prefix"),
        actions=("s3:ListAllMyBuckets",),
    ),
    Forward(
        "CreateBucket",
        creating_bucket,
        accepted("Bucket", "ACL", "CreateBucketConfiguration.LocationConstraint", "ObjectOwnership"),
    ),
    Forward("HeadBucket", on_bucket("s3:ListBucket"), accepted(*_BUCKET), actions=("s3:ListBucket",)),
    Forward("DeleteBucket", on_bucket("s3:DeleteBucket"), accepted(*_BUCKET)),
    Forward("GetBucketLocation", on_bucket("s3:GetBucketLocation"), accepted(*_BUCKET)),
    Forward(
        "ListObjectsV2",
        on_bucket("s3:ListBucket"),
        accepted(*_LISTING, "MaxKeys", "ContinuationToken", "FetchOwner", "StartAfter"),
        actions=("s3:ListBucket",),
    ),
    Forward("HeadObject", _READ_BY, _READ, absence=absent_object, actions=_READS),
    Forward("GetObject", _READ_BY, _READ, absence=absent_object, actions=_READS),
    Forward(
        "PutObject",
        writing_object(creates=True),
        accepted(*_OBJECT, *_DESCRIBING, *_CONTENT, "IfMatch", "IfNoneMatch"),
    ),
    Forward(
        "CopyObject",
        copying_object(creates=True),
        _COPIED,
        absence=absent_source,
        actions=(*_READS, *_WRITES),
    ),
    Forward(
        "DeleteObject",
        on_object("s3:DeleteObject", version_action="s3:DeleteObjectVersion"),
        accepted(*_OBJECT, "IfMatch"),
        actions=_DELETES,
    ),
    Forward(
        "DeleteObjects",
        deleting_objects,
        accepted(*_BUCKET, "Delete.Objects.Key", "Delete.Objects.ETag", "Delete.Quiet", "ChecksumAlgorithm"),
        each_by_itself=True,
        actions=_DELETES,
    ),
    Forward(
        "CreateMultipartUpload",
        writing_object(creates=False),
        accepted(*_OBJECT, *_DESCRIBING, "ChecksumAlgorithm", "ChecksumType"),
        actions=_WRITES,
    ),
    Forward(
        "UploadPart",
        writing_object(creates=False),
        accepted(*_OBJECT, *_CONTENT, "PartNumber", "UploadId"),
        actions=_WRITES,
    ),
    Forward(
        "UploadPartCopy",
        copying_object(creates=False),
        accepted(*_OBJECT, *_COPYING, "CopySourceRange", "PartNumber", "UploadId"),
        absence=absent_source,
        actions=(*_READS, *_WRITES),
    ),
    Forward(
        "CompleteMultipartUpload",
        writing_object(creates=True),
        accepted(
            *_OBJECT,
            *_CHECKSUMS,
            "MultipartUpload.Parts.ETag",
            "MultipartUpload.Parts.PartNumber",
            *(f"MultipartUpload.Parts.{checksum}" for checksum in _CHECKSUMS),
            "UploadId",
            "ChecksumType",
            "MpuObjectSize",
            "IfMatch",
            "IfNoneMatch",
        ),
        actions=_WRITES,
    ),
    Forward("AbortMultipartUpload", on_object("s3:AbortMultipartUpload"), accepted(*_OBJECT, "UploadId")),
    Forward(
        "ListParts",
        on_object("s3:ListMultipartUploadParts"),
        accepted(*_OBJECT, "MaxParts", "PartNumberMarker", "UploadId"),
        actions=("s3:ListMultipartUploadParts",),
    ),
    Forward(
        "ListMultipartUploads",
        on_bucket("s3:ListBucketMultipartUploads"),
        accepted(*_LISTING, "KeyMarker", "MaxUploads", "UploadIdMarker"),
        actions=("s3:ListBucketMultipartUploads",),
    ),
)
