"""The forwarded operations on buckets, and the listings of their content."""

from tabard.services.accepted_members import accepted
from tabard.services.operation import Forward, Operation
from tabard.services.s3.checks import creating_bucket, on_all_buckets, on_bucket
from tabard.services.s3.members import BUCKET, LISTING

OPERATIONS: tuple[Operation, ...] = (
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
    Forward("HeadBucket", on_bucket("s3:ListBucket"), accepted(*BUCKET), actions=("s3:ListBucket",)),
    Forward("DeleteBucket", on_bucket("s3:DeleteBucket"), accepted(*BUCKET)),
    Forward("GetBucketLocation", on_bucket("s3:GetBucketLocation"), accepted(*BUCKET)),
    Forward(
        "ListObjectsV2",
        on_bucket("s3:ListBucket"),
        accepted(*LISTING, "MaxKeys", "ContinuationToken", "FetchOwner", "StartAfter"),
        actions=("s3:ListBucket",),
    ),
    Forward(
        "ListMultipartUploads",
        on_bucket("s3:ListBucketMultipartUploads"),
        accepted(*LISTING, "KeyMarker", "MaxUploads", "UploadIdMarker"),
        actions=("s3:ListBucketMultipartUploads",),
    ),
)
