"""The members of S3 requests that several operations have in common."""

BUCKET = ("Bucket", "ExpectedBucketOwner")
OBJECT = (*BUCKET, "Key")
READING = (
    *OBJECT, "PartNumber", "Range", "IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince",
    "ChecksumMode", "ResponseCacheControl", "ResponseContentDisposition", "ResponseContentEncoding",
    "ResponseContentLanguage", "ResponseContentType", "ResponseExpires",
)  # fmt: skip
DESCRIBING = (
    "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires",
    "Metadata", "StorageClass", "ACL",
)  # fmt: skip
CHECKSUMS = ("ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256")
CONTENT = (*CHECKSUMS, "Body", "ContentLength", "ContentMD5", "ChecksumAlgorithm")
COPYING = (
    "ExpectedSourceBucketOwner", "CopySource", "CopySourceIfMatch", "CopySourceIfNoneMatch",
    "CopySourceIfModifiedSince", "CopySourceIfUnmodifiedSince",
)  # fmt: skip
LISTING = (*BUCKET, "Delimiter", "EncodingType", "Prefix")

READS = ("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket")
"""The actions of a read. The last is for a caller who may learn that the object is absent."""

WRITES = ("s3:PutObject",)
